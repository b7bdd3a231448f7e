//! Active Sessions: who is signed in, right now, and their end.
//!
//! Server-rendered, with plain links and forms, it can be read and used before the WebAssembly has loaded and without
//! JavaScript. Once it comes alive the same elements follow the live channel.

mod bar;
mod columns;
mod confirmation;
mod content;
mod drawn;
mod follower;
mod foot;
mod head;
mod heading;
mod hold;
mod list;
mod picked;
#[cfg(feature = "ssr")]
pub(crate) mod row;
mod scroll;
mod table;
mod tiles;

use leptos::prelude::*;

use self::{
    bar::Bar, confirmation::Confirmation, foot::Foot, heading::Heading, list::List, table::Table, tiles::Tiles,
};
use super::SessionsData;
use crate::{
    browser::channel::Link,
    components::{reactive::text, status::StatusLine},
    paths,
    session::query::SessionQuery,
};

/// See [`SessionsData`].
#[component]
pub(crate) fn SessionsPage(data: SessionsData) -> impl IntoView {
    let list = List::new(&data);
    Effect::new(move |_| untrack(move || list.start()));
    let SessionsData { query, problems, page, confirm, bad_search, advice, .. } = data;
    let typed = bad_search.map_or_else(|| query.filter.search.clone(), |bad| bad.typed);
    let ids = confirm.map(|confirm| confirm.ids).unwrap_or_default();
    let shown = page.sessions.len() as u64;
    view! {
        <div class="sessions" data-link=text(move || link_word(list.link.get()).to_owned())>
            <Heading list/>
            <Problems problems/>
            {advice.map(|advice| view! { <p class="notice" role="note">{advice}</p> })}
            <Tiles list/>
            <Bar list query=query.clone() typed/>
            <StatusLine status=list.status/>
            <Table list/>
            <Foot list query=query.clone() shown/>
        </div>
        <SelectionForm query=query.clone()/>
        <Confirmation list ids query/>
    }
}

/// Parameters of the address that could not be used.
#[component]
fn Problems(problems: Vec<String>) -> impl IntoView {
    (!problems.is_empty()).then(|| {
        let lines = problems.into_iter().map(|problem| view! { <li>{problem}</li> }).collect_view();
        view! {
            <div class="notice" role="note">
                <p>"The address of this page says something that could not be used:"</p>
                <ul>{lines}</ul>
            </div>
        }
    })
}

/// What the checkboxes and buttons of the rows submit where there is no JavaScript: the same page, asking.
#[component]
fn SelectionForm(query: SessionQuery) -> impl IntoView {
    let fields = form_urlencoded::parse(query.to_query_string().as_bytes())
        .map(|(name, value)| view! { <input type="hidden" name=name.into_owned() value=value.into_owned()/> })
        .collect_view();
    view! {
        <form id="selection" method="get" action=paths::SESSIONS>
            {fields}
        </form>
    }
}

/// The state of the link in a word, for style sheets.
fn link_word(link: Link) -> &'static str {
    match link {
        Link::Connecting => "connecting",
        Link::Live => "live",
        Link::Lost => "lost",
        Link::Polling => "polling",
    }
}
