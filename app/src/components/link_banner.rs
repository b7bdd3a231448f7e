//! Says that the page gets its news late, or not at all.

use leptos::prelude::*;

use super::reactive::text;
use crate::browser::channel::Link;

/// A banner that is empty while the page is live.
#[component]
pub(crate) fn LinkBanner(link: RwSignal<Link>) -> impl IntoView {
    view! {
        <p class=text(move || banner(link.get()).to_owned()) aria-live="polite">
            {text(move || trouble(link.get()).to_owned())}
        </p>
    }
}

/// Always there, so that what comes into it is read out.
fn banner(link: Link) -> &'static str {
    match link {
        Link::Connecting | Link::Live => "banner empty",
        Link::Lost => "banner",
        // It may stay so: then not over the rows.
        Link::Polling => "banner still",
    }
}

fn trouble(link: Link) -> &'static str {
    match link {
        Link::Connecting | Link::Live => "",
        Link::Lost => "Connection lost. Reconnecting…",
        Link::Polling => "No live connection. Asking every 5 seconds.",
    }
}
