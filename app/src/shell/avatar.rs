//! Avatars as the server writes them. In the browser those of rows are changed in place.

use leptos::prelude::*;

use crate::components::avatar::{hue_of, initials};

/// The avatar of the user of this name.
pub(crate) fn avatar(name: &str) -> AnyView {
    let (hue, initials) = (hue_of(name).to_string(), initials(name));
    view! { <span class="avatar" aria-hidden="true" data-hue=hue>{initials}</span> }.into_any()
}
