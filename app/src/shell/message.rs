//! A refusal or an error.

use leptos::prelude::*;

use super::MessageData;
use crate::components::frame::{Alone, Frame, Here};

/// See [`MessageData`].
#[component]
pub(crate) fn MessagePage(data: MessageData) -> impl IntoView {
    let MessageData { title, text, viewer, demo } = data;
    let message = view! {
        <section class="message">
            <h1>{title}</h1>
            <p>{text}</p>
            <a class="button" href="/">"Go to the start page"</a>
        </section>
    };
    match viewer {
        Some(viewer) => view! { <Frame viewer here=Here::Elsewhere>{message}</Frame> }.into_any(),
        None => view! { <Alone demo>{message}</Alone> }.into_any(),
    }
}
