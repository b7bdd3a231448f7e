//! What the cells of both tables have in common.

use leptos::prelude::*;

use super::reactive::{Text, text};

/// A cell with a text that may be too long for it.
pub(crate) fn text_cell(class: &'static str, whole: Text, shown: Text) -> AnyView {
    view! { <td role="cell" class=class title=whole>{shown}</td> }.into_any()
}

/// A session type with its icon: its word in URLs, and its label.
pub(crate) fn session_type(word: Text, label: Text) -> AnyView {
    let href = {
        let word = word.clone();
        text(move || format!("#icon-{}", word()))
    };
    view! {
        <span class="type" data-type=word>
            <svg class="icon" aria-hidden="true">
                <use_ href=href></use_>
            </svg>
            <span>{label}</span>
        </span>
    }
    .into_any()
}
