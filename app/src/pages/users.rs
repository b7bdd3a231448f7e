//! Users: the accounts, for administrators. Everything on it is a plain form that the server writes; what comes alive is
//! only the end of the session that looks.

use leptos::prelude::*;

use super::WrittenHtml;
use crate::browser::channel;

/// See [`UsersData`](super::UsersData).
#[component]
pub(crate) fn UsersPage() -> impl IntoView {
    Effect::new(|_| {
        channel::open(|_| {});
        channel::watch_own();
    });
    let WrittenHtml(html) = use_context().unwrap_or_default();
    view! { <div inner_html=html></div> }
}
