//! A refusal or an error.

use leptos::prelude::*;

/// In a few words, and what to do.
pub(super) fn message(title: String, text: String) -> AnyView {
    view! {
        <section class="message">
            <h1>{title}</h1>
            <p>{text}</p>
            <a class="button" href="/">"Go to the start page"</a>
        </section>
    }
    .into_any()
}
