//! The symbols that the icons of every page refer to: in the document, so that the browser's half need not contain
//! them.

use leptos::tachys::html::InertElement;

/// One sheet of all symbols.
pub(super) fn icon_sheet() -> InertElement {
    InertElement::new(concat!(
        r#"<svg hidden width="0" height="0" aria-hidden="true">"#,
        r#"<symbol id="icon-keepwatch" viewBox="0 0 24 24"><path d="M4 9V4h4v3h3V4h2v3h3V4h4v5l-2 2v9H6v-9z"/><circle cx="12" cy="14" r="2.4"/></symbol>"#,
        r#"<symbol id="icon-search" viewBox="0 0 24 24"><circle cx="11" cy="11" r="7"/><path d="m20 20-4-4"/></symbol>"#,
        r#"<symbol id="icon-columns" viewBox="0 0 24 24"><path d="M4 5h16v14H4zM10 5v14M15 5v14"/></symbol>"#,
        r#"<symbol id="icon-menu" viewBox="0 0 24 24"><path d="M4 6h16M4 12h16M4 18h16"/></symbol>"#,
        r#"<symbol id="icon-arrow" viewBox="0 0 24 24"><path d="M12 4v16m-6-6 6 6 6-6"/></symbol>"#,
        r#"<symbol id="icon-rest" viewBox="0 0 24 24"><path d="M8 6l-5 6 5 6M16 6l5 6-5 6"/></symbol>"#,
        r#"<symbol id="icon-browser" viewBox="0 0 24 24"><path d="M3 5h18v14H3zM3 9h18"/></symbol>"#,
        r#"<symbol id="icon-other" viewBox="0 0 24 24"><path d="M12 3v6m0 6v6M3 12h6m6 0h6"/><circle cx="12" cy="12" r="3"/></symbol>"#,
        "</svg>",
    ))
}
