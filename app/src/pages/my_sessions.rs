//! My Sessions: where one is signed in oneself, and the end of the others.

use std::sync::Arc;

use leptos::{html, prelude::*, task::spawn_local};

use super::{MySessionsData, WrittenHtml};
use crate::{
    browser::{
        self,
        channel::{self, Heard, Link},
    },
    components::{
        cell::{session_type, text_cell},
        clock::{Clock, instant},
        link_banner::LinkBanner,
        notice::failure,
        reactive::{Text, flag, text},
        status::{Status, StatusLine},
    },
    live::{ServerMessage, Snapshot},
    paths,
    server_fns::end_own_session,
    session::{Session, SessionId},
    time::Timestamp,
};

/// One's own sessions as the page shows them. A handle: copies are the same.
#[derive(Clone, Copy)]
struct Own {
    /// In the order in which they are shown, those that are over included.
    rows: StoredValue<Vec<Row>>,
    /// The first row that was not there when the page was made.
    added: RwSignal<Option<Row>>,
    current: SessionId,
    clock: Clock,
    link: RwSignal<Link>,
    status: Status,
    sheet: NodeRef<html::Div>,
    state: StoredValue<Snapshot>,
}

/// A session whose cells follow it.
#[derive(Clone, Copy)]
struct Row {
    id: SessionId,
    session: RwSignal<Session>,
    /// Whether it has ended: then nothing stands in its place.
    is_over: RwSignal<bool>,
    /// Whether the user has asked to end it.
    is_ending: RwSignal<bool>,
    /// The row that was added after it.
    next: RwSignal<Option<Row>>,
}

/// See [`MySessionsData`].
#[component]
pub(crate) fn MySessionsPage(data: MySessionsData) -> impl IntoView {
    let MySessionsData { sessions, current, now, utc_offset, notice, .. } = data;
    let own = Own {
        rows: StoredValue::new(sessions.into_iter().map(Row::new).collect()),
        added: RwSignal::new(None),
        current,
        clock: Clock::new(now, utc_offset),
        link: RwSignal::new(Link::Connecting),
        status: Status::new(notice),
        sheet: NodeRef::new(),
        state: StoredValue::default(),
    };
    Effect::new(move |_| untrack(move || own.start()));
    let first_rows: Vec<_> = own.rows.with_value(|rows| rows.iter().map(|row| own_row(own, *row)).collect());
    let WrittenHtml(forms) = use_context().unwrap_or_default();
    view! {
        <div class="heading">
            <h1>"My Sessions"</h1>
            <LinkBanner link=own.link/>
        </div>
        <StatusLine status=own.status/>
        <div class="sheet" tabindex="-1" node_ref=own.sheet>
            <table role="table" class="own-table">
                <caption class="visually-hidden">"My sessions"</caption>
                <OwnHead/>
                <tbody role="rowgroup" class="rows">
                    {first_rows}
                    {added_row(own, own.added)}
                </tbody>
            </table>
        </div>
        <div inner_html=forms></div>
    }
}

impl Row {
    fn new(session: Session) -> Self {
        let (is_over, is_ending, next) = (RwSignal::new(false), RwSignal::new(false), RwSignal::new(None));
        Self { id: session.id, session: RwSignal::new(session), is_over, is_ending, next }
    }

    fn text(self, of: impl Fn(&Session) -> String + Send + Sync + 'static) -> Text {
        text(move || self.session.with(&of))
    }
}

impl Own {
    /// Follows the live channel. When the session in use ends, the tab goes to sign-in.
    fn start(self) {
        self.clock.start();
        self.status.start();
        channel::open(move |heard| self.hear(heard));
        channel::watch_own();
    }

    fn hear(self, heard: Heard) {
        let sessions = match heard {
            Heard::Message(ServerMessage::Tick(now)) => return self.clock.set(now),
            Heard::Message(ServerMessage::Snapshot(snapshot)) => {
                self.clock.set(snapshot.now);
                self.state.set_value(snapshot);
                self.state.with_value(|state| state.sessions.clone())
            }
            Heard::Message(ServerMessage::Patch(patch)) => {
                self.clock.set(patch.now);
                self.state.update_value(|state| state.apply(patch));
                self.state.with_value(|state| state.sessions.clone())
            }
            Heard::Own(sessions) => sessions,
            Heard::Link(link) => return self.link.set(link),
            Heard::Message(ServerMessage::Held(_) | ServerMessage::Range(_)) | Heard::Polled(..) => return,
        };
        self.show(sessions);
    }

    /// The rows stay in their order: what is new comes last, what has ended goes.
    fn show(self, sessions: Vec<Session>) {
        let mut rows = self.rows.get_value();
        for row in &rows {
            let is_over = !sessions.iter().any(|session| session.id == row.id);
            if is_over != row.is_over.get_untracked() {
                row.is_over.set(is_over);
            }
        }
        let first_added = self.added.get_untracked();
        let mut end = if first_added.is_some() { rows.last().map_or(self.added, |row| row.next) } else { self.added };
        for session in sessions {
            match rows.iter().find(|row| row.id == session.id) {
                Some(row) if row.session.with_untracked(|shown| *shown == session) => {}
                Some(row) => row.session.set(session),
                None => {
                    let row = Row::new(session);
                    end.set(Some(row));
                    end = row.next;
                    rows.push(row);
                }
            }
        }
        self.rows.set_value(rows);
    }

    fn end(self, row: Row) {
        row.is_ending.set(true);
        spawn_local(async move {
            match end_own_session(row.id).await {
                Ok(()) => {
                    // The button goes with its row: the keyboard stays at the table.
                    if let Some(sheet) = self.sheet.get_untracked() {
                        browser::focus(&sheet);
                    }
                    row.is_over.set(true);
                    self.status.say("Session ended.".to_owned());
                }
                Err(error) if browser::is_signed_out(&error) => {}
                Err(error) => {
                    self.status.say(failure(&error));
                    row.is_ending.set(false);
                }
            }
        });
    }
}

#[component]
fn OwnHead() -> impl IntoView {
    view! {
        <thead role="rowgroup">
            <tr role="row">
                <th role="columnheader" scope="col" class="session_type">"Session Type"</th>
                <th role="columnheader" scope="col" class="address">"Address"</th>
                <th role="columnheader" scope="col" class="server_name">"Server Name"</th>
                <th role="columnheader" scope="col" class="user_agent">"User Agent"</th>
                <th role="columnheader" scope="col" class="created">"Signed In"</th>
                <th role="columnheader" scope="col" class="last_active">"Last Active"</th>
                <th role="columnheader" scope="col" class="actions">
                    <span class="visually-hidden">"Actions"</span>
                </th>
            </tr>
        </thead>
    }
}

/// A row that may come, and those after it. Each follows a signal of its own: whoever comes changes nothing of the rows
/// that are there, and what has the keyboard keeps it.
fn added_row(own: Own, row: RwSignal<Option<Row>>) -> AnyView {
    (move || row.get().map(|row| (own_row(own, row), added_row(own, row.next)).into_any())).into_any()
}

fn own_row(own: Own, row: Row) -> AnyView {
    (move || (!row.is_over.get()).then(|| own_session(own, row))).into_any()
}

fn own_session(own: Own, row: Row) -> AnyView {
    let is_current = row.id == own.current;
    // The one in use ends with "Sign out" in the menu.
    let end = (!is_current).then(|| view! { <End own row/> });
    let address = row.text(|session| session.address.to_string());
    let server_name = row.text(|session| session.server_name.to_string());
    let last_active = move || Some(row.session.with(|session| session.last_active_at));
    let created = move || Some(row.session.with(|session| session.created_at));
    view! {
        <tr role="row" class="row">
            <td role="cell" class="session_type">
                {session_type(
                    row.text(|session| session.session_type.as_str().to_owned()),
                    row.text(|session| session.session_type.label().to_owned()),
                )}
                {is_current.then(|| view! { <span class="chip">"This session"</span> })}
                <span class="kept-as">{row.text(move |session| standing(session, |at| own.clock.exact(at)))}</span>
            </td>
            {text_cell("address", address.clone(), address)}
            {text_cell("server_name", server_name.clone(), server_name)}
            {text_cell(
                "user_agent",
                row.text(|session| session.user_agent.to_string()),
                row.text(|session| session.client.to_string()),
            )}
            <td role="cell" class="created">{instant(own.clock, Timestamp::ago, Arc::new(created))}</td>
            <td role="cell" class="last_active">{instant(own.clock, Timestamp::ago, Arc::new(last_active))}</td>
            <td role="cell" class="actions">{end}</td>
        </tr>
    }
    .into_any()
}

#[component]
fn End(own: Own, row: Row) -> impl IntoView {
    let end = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        own.end(row);
    };
    view! {
        <form method="post" action=paths::MY_SESSIONS on:submit=end>
            <input type="hidden" name="id" value=row.id.to_string()/>
            <button
                type="submit"
                class="button"
                aria-label=row.text(move |session| name(session, |at| own.clock.exact(at)))
                disabled=flag(move || row.is_ending.get())
            >
                "End"
            </button>
        </form>
    }
}

/// `Calendar, until 2027-02-23`; nothing for other sessions.
fn standing(session: &Session, exact: impl Fn(Timestamp) -> String) -> String {
    match &session.standing {
        Some(standing) => {
            let until = exact(standing.expires_at);
            standing.name.clone() + ", until " + until.split(' ').next().unwrap_or_default()
        }
        None => String::new(),
    }
}

/// `End session from 10.20.4.17 in Chrome 156 on Linux, signed in 2026-11-23 23:04:05 UTC`: a name of its own for each.
fn name(session: &Session, exact: impl Fn(Timestamp) -> String) -> String {
    let Session { address, client, created_at, .. } = session;
    let within = if client.is_empty() { String::new() } else { format!(" in {client}") };
    format!("End session from {address}{within}, signed in {}", exact(*created_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionType;

    #[test]
    fn a_session_ends_by_a_name_of_its_own() {
        let session = |client: &str| Session {
            id: SessionId(1),
            username: "anna".into(),
            session_type: SessionType::RestApi,
            address: [10, 20, 4, 17].into(),
            server_name: "keep-01".into(),
            user_agent: "".into(),
            client: client.into(),
            created_at: Timestamp::from_millis(1_795_475_045_000),
            last_active_at: Timestamp::default(),
            standing: None,
        };
        assert_eq!(
            name(&session("Chrome 156 on Linux"), Timestamp::in_words),
            "End session from 10.20.4.17 in Chrome 156 on Linux, signed in 2026-11-23 23:04:05 UTC"
        );
        assert_eq!(
            name(&session(""), Timestamp::in_words),
            "End session from 10.20.4.17, signed in 2026-11-23 23:04:05 UTC"
        );
    }
}
