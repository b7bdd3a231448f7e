//! Line icons: one sheet of symbols stands in every document, icons refer to it by name.

use leptos::tachys::html::InertElement;

/// The icon of this name. It says nothing that the words beside it do not say.
pub(crate) fn icon(name: &'static str) -> InertElement {
    InertElement::new(format!(r##"<svg class="icon" aria-hidden="true"><use href="#icon-{name}"></use></svg>"##))
}
