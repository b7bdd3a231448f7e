//! The page's title, how it gets its news, and the news that wait.

use leptos::prelude::*;

use super::{hold::News, list::List};
use crate::{
    browser::channel::Link,
    components::{
        link_banner::LinkBanner,
        reactive::{flag, text},
    },
};

#[component]
pub(super) fn Heading(list: List) -> impl IntoView {
    view! {
        <div class="heading">
            <h1>"Active Sessions"</h1>
            <p class="link-state">{text(move || state(list.link.get()).to_owned())}</p>
            <button
                type="button"
                class="pill"
                hidden=flag(move || list.news.get() == News::default())
                // Were the keyboard to leave the rows, the list would be let go, and this button be gone before it is let up.
                on:mousedown=move |event| event.prevent_default()
                on:click=move |_| {
                    list.show_news();
                    // This button goes with what it says.
                    list.focus_sheet();
                }
            >
                {text(move || list.news.get().text())}
                " · "
                <strong>"Show"</strong>
            </button>
            <LinkBanner link=list.link/>
        </div>
    }
}

fn state(link: Link) -> &'static str {
    match link {
        Link::Connecting => "Connecting…",
        Link::Live => "Live",
        Link::Lost => "Reconnecting…",
        Link::Polling => "Polling",
    }
}
