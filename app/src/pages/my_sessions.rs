//! My Sessions: where one is signed in oneself, and the end of the others.

use leptos::{html, prelude::*, task::spawn_local};

use super::MySessionsData;
use crate::{
    browser::{
        self,
        channel::{self, Heard},
    },
    components::{
        clock::{Clock, instant},
        frame::{Frame, Here},
        icon::icon,
        notice::failure,
        reactive::{flag, text},
    },
    live::ServerMessage,
    paths,
    server_fns::end_own_session,
    session::{Session, SessionId},
};

/// See [`MySessionsData`].
#[component]
pub(crate) fn MySessionsPage(data: MySessionsData) -> impl IntoView {
    let MySessionsData { viewer, sessions, current, now, notice } = data;
    let clock = Clock::new(now);
    let status = RwSignal::new(notice.unwrap_or_default());
    let sheet = NodeRef::new();
    Effect::new(move |_| untrack(move || start(clock)));
    let rows = sessions
        .into_iter()
        .map(|session| {
            let is_current = session.id == current;
            view! { <OwnSession session is_current clock status sheet/> }
        })
        .collect_view();
    let class = move || if status.with(String::is_empty) { "status empty" } else { "status" };
    view! {
        <Frame viewer here=Here::MySessions>
            <div class="heading">
                <h1>"My Sessions"</h1>
            </div>
            <p role="status" class=text(move || class().to_owned())>
                {text(move || status.get())}
            </p>
            <div class="sheet" tabindex="-1" node_ref=sheet>
                <table role="table" class="own-table">
                    <caption class="visually-hidden">"My sessions"</caption>
                    <OwnHead/>
                    <tbody role="rowgroup" class="rows">{rows}</tbody>
                </table>
            </div>
        </Frame>
    }
}

/// Keeps the clock running and waits for the session's end, at which the tab goes to sign-in.
fn start(clock: Clock) {
    clock.start();
    channel::open(move |heard| {
        if let Heard::Message(ServerMessage::Tick(now)) = heard {
            clock.set(now);
        }
    });
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

#[component]
fn OwnSession(
    session: Session,
    is_current: bool,
    clock: Clock,
    status: RwSignal<String>,
    sheet: NodeRef<html::Div>,
) -> impl IntoView {
    let Session { id, session_type, address, server_name, user_agent, client, created_at, last_active_at, .. } =
        session;
    let address = address.to_string();
    let is_gone = RwSignal::new(false);
    // The one in use ends with "Sign out" in the menu.
    let name = format!("End session from {address} in {client}, signed in {}", created_at.in_words());
    let end = (!is_current).then(|| view! { <End id name is_gone status sheet/> });
    view! {
        <tr role="row" class="row" hidden=flag(move || is_gone.get())>
            <td role="cell" class="session_type">
                <span class="type" data-type=session_type.as_str()>
                    {icon(session_type.as_str())}
                    <span>{session_type.label()}</span>
                </span>
                {is_current.then(|| view! { <span class="chip">"This session"</span> })}
            </td>
            <td role="cell" class="address">{address}</td>
            <td role="cell" class="server_name">{server_name.to_string()}</td>
            <td role="cell" class="user_agent" title=user_agent.to_string()>{client.to_string()}</td>
            <td role="cell" class="created">{instant(clock, move || Some(created_at))}</td>
            <td role="cell" class="last_active">{instant(clock, move || Some(last_active_at))}</td>
            <td role="cell" class="actions">{end}</td>
        </tr>
    }
}

#[component]
fn End(
    id: SessionId,
    name: String,
    is_gone: RwSignal<bool>,
    status: RwSignal<String>,
    sheet: NodeRef<html::Div>,
) -> impl IntoView {
    let is_under_way = RwSignal::new(false);
    let end = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        is_under_way.set(true);
        spawn_local(async move {
            match end_own_session(id).await {
                Ok(()) => {
                    is_gone.set(true);
                    status.set("Session ended.".to_owned());
                    // The button goes with its row: the keyboard stays at the table.
                    if let Some(sheet) = sheet.get_untracked() {
                        browser::focus(&sheet);
                    }
                }
                Err(error) if browser::is_signed_out(&error) => {}
                Err(error) => status.set(failure(&error)),
            }
            is_under_way.set(false);
        });
    };
    view! {
        <form method="post" action=paths::MY_SESSIONS on:submit=end>
            <input type="hidden" name="id" value=id.to_string()/>
            <button type="submit" class="button" aria-label=name disabled=flag(move || is_under_way.get())>
                "End"
            </button>
        </form>
    }
}
