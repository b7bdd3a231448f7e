//! Users: the accounts, for administrators. Everything on it is a plain form that the server writes; what comes alive is
//! only the end of the session that looks.

use leptos::prelude::*;

use super::{UsersData, WrittenHtml};
use crate::{
    browser::channel,
    components::frame::{Frame, Here},
};

/// See [`UsersData`].
#[component]
pub(crate) fn UsersPage(data: UsersData) -> impl IntoView {
    Effect::new(|_| {
        channel::open(|_| {});
        channel::watch_own();
    });
    let WrittenHtml(html) = use_context().unwrap_or_default();
    view! {
        <Frame viewer=data.viewer here=Here::Users>
            <div inner_html=html></div>
        </Frame>
    }
}
