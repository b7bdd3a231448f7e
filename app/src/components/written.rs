//! Parts of a page that the server writes as HTML and that the browser does not hydrate: to go through their elements, one by
//! one, would take longer than to look for the few that change when they do.

use leptos::{prelude::*, tachys::view::RenderHtml};

/// Views as HTML, written by the server. In the browser nothing: it leaves what it finds.
pub(crate) fn written<T: IntoView>(views: impl FnOnce() -> T) -> String {
    if cfg!(feature = "ssr") { plain_html(views()) } else { String::new() }
}

/// Views as HTML without the markers by which leptos finds texts and elements again. No text and no attribute contains one:
/// there it is `&lt;!&gt;`.
pub(crate) fn plain_html(views: impl IntoView) -> String {
    views.into_view().to_html().replace("<!>", "")
}
