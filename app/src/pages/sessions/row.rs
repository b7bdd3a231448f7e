//! Rows as the server writes them. In the browser they are changed in place: see [`drawn`](super::drawn).

use std::sync::Arc;

use leptos::prelude::*;

use super::{
    content::{Content, Mark},
    drawn::{ACTIVE, aria_row_index, instants_of},
    picked::Picked,
};
use crate::{
    components::{
        cell::{session_type, text_cell},
        clock::{Clock, instant, is_active},
        reactive::text,
        written::plain_html,
    },
    pages::SessionsData,
    session::{Lifetimes, Session, column::Columns},
    shell::avatar::avatar,
};

/// The rows of a page. There is always one, so that the browser has something to make more of.
pub(crate) fn rows_html(data: &SessionsData) -> String {
    let SessionsData { viewer, query, page, columns, now, utc_offset, lifetimes, .. } = data;
    let mut contents = Content::of_page(page, &viewer.username);
    if contents.is_empty() {
        contents.push(Content::Beyond);
    }
    let clock = Clock::new(*now, *utc_offset);
    let rows = (query.first..).zip(&contents);
    let rows = rows.map(|(number, content)| row(number, content, *columns, lifetimes, clock)).collect_view();
    // For an empty text leptos writes a space; no text and no attribute contains what stands around it.
    plain_html(rows).replace("> </", "></")
}

fn row(number: u64, content: &Content, columns: Columns, lifetimes: &Lifetimes, clock: Clock) -> impl IntoView + use<> {
    let shown = content.shown();
    let of = |write: fn(&Session) -> String| {
        let written = shown.map(|shown| write(&shown.session)).unwrap_or_default();
        text(move || written.clone())
    };
    let is_active = content.last_active().is_some_and(|at| is_active(at, clock.now_untracked()));
    let [last_active, idle_timeout, absolute_lifetime] =
        instants_of(content, lifetimes, columns).map(|(at, tell)| instant(clock, tell, Arc::new(move || at)));
    let deletable = shown.filter(|shown| shown.is_deletable());
    let (own, ended) = (shown.is_some_and(|shown| shown.own), content.has_ended());
    let mark = Mark::of(content, &Picked::default());
    let (address, server_name) =
        (of(|session| session.address.to_string()), of(|session| session.server_name.to_string()));
    view! {
        <tr
            role="row"
            class=content.classes()
            hidden=*content == Content::Beyond
            aria-rowindex=aria_row_index(number)
        >
            <td role="cell" class="select">
                <input
                    type="checkbox"
                    name="ids"
                    form="selection"
                    autocomplete="off"
                    value=shown.map(|shown| shown.session.id.to_string())
                    aria-label=shown.map(|shown| format!("Select {}", shown.in_words()))
                    title=mark.title
                    disabled=!mark.enabled
                    hidden=ended
                />
            </td>
            <td role="cell" class="username">
                <span class="user">
                    {avatar(shown.map_or("", |shown| &shown.session.username))}
                    <span class="name" title=of(|session| session.username.to_string())>
                        {of(|session| session.username.to_string())}
                    </span>
                    <span class="chip you" hidden=!own>"You"</span>
                    <span class="chip gone" hidden=!ended>"Ended"</span>
                </span>
            </td>
            <td role="cell" class="session_type">
                {session_type(
                    of(|session| session.session_type.as_str().to_owned()),
                    of(|session| session.session_type.label().to_owned()),
                )}
                <span class="kept-as">{of(Session::standing_name)}</span>
            </td>
            {text_cell("address", address.clone(), address)}
            <td role="cell" class="last_active">
                <span class=if is_active { "dot on" } else { "dot" } title=is_active.then_some(ACTIVE)></span>
                {last_active}
            </td>
            {text_cell("server_name", server_name.clone(), server_name)}
            {text_cell(
                "user_agent",
                of(|session| session.user_agent.to_string()),
                of(|session| session.client.to_string()),
            )}
            <td role="cell" class="idle_timeout">{idle_timeout}</td>
            <td role="cell" class="absolute_lifetime">{absolute_lifetime}</td>
            <td role="cell" class="actions">
                <button
                    type="submit"
                    form="selection"
                    class="delete"
                    name="only"
                    value=deletable.map(|shown| shown.session.id.to_string())
                    aria-label=deletable.map(|shown| format!("Delete {}", shown.in_words()))
                    hidden=deletable.is_none()
                >
                    "Delete"
                </button>
            </td>
        </tr>
    }
}
