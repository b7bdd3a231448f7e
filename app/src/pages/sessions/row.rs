//! A row of the table. Its elements stay while sessions come and go in it.

use leptos::prelude::*;

use super::{list::List, picked::Picked, slot::Slot};
use crate::{
    components::{
        avatar::avatar,
        clock::instant,
        reactive::{flag, maybe, text},
    },
    session::{Session, selection::Selection},
};

pub(super) fn table_row(list: List, slot: Slot) -> impl IntoView {
    let number = move || (list.first.get() + slot.index as u64 + 2).to_string();
    view! {
        <tr role="row" class=slot.classes() hidden=slot.is_empty() aria-rowindex=text(number)>
            {select_cell(list, slot)}
            {user_cell(slot)}
            {type_cell(slot)}
            <td role="cell" class="address" title=slot.text(|session| session.address.to_string())>
                {slot.text(|session| session.address.to_string())}
            </td>
            {last_active_cell(list, slot)}
            <td role="cell" class="server_name" title=slot.text(|session| session.server_name.to_string())>
                {slot.text(|session| session.server_name.to_string())}
            </td>
            <td role="cell" class="user_agent" title=slot.text(|session| session.user_agent.to_string())>
                {slot.text(|session| session.client.to_string())}
            </td>
            {delete_cell(list, slot)}
        </tr>
    }
}

fn select_cell(list: List, slot: Slot) -> impl IntoView {
    let is = move |is_so: fn(&Picked, &Session) -> bool| {
        slot.is_deletable_and(|session| list.picked.with(|picked| is_so(picked, session)))
    };
    let is_picked = move || is(Picked::contains);
    let is_apart = move || is(|picked, session| !picked.may_contain(session));
    view! {
        <td role="cell" class="select">
            <input
                type="checkbox"
                name="ids"
                form="selection"
                autocomplete="off"
                value=slot.text(|session| session.id.to_string())
                aria-label=slot.text(|session| format!("Select {}", in_words(session)))
                title=maybe(move || if is_apart() { Some(APART.to_owned()) } else { slot.is_own().then(|| OWN.to_owned()) })
                disabled=flag(move || slot.deletable().is_none() || is_apart())
                hidden=slot.is_ended()
                prop:checked=flag(is_picked)
                on:click=move |event| list.pick_one(slot, event_target_checked(&event), event.shift_key())
            />
        </td>
    }
}

const APART: &str = "Not one of all that you have selected.";
const OWN: &str = "You cannot delete your own session. End it under My Sessions.";

fn user_cell(slot: Slot) -> impl IntoView {
    view! {
        <td role="cell" class="username">
            <span class="user">
                {avatar(move || slot.username())}
                <span class="name" title=text(move || slot.username())>{text(move || slot.username())}</span>
                <span class="chip" hidden=slot.is_not(|shown| shown.own)>"You"</span>
                <span class="chip" hidden=slot.is_not(|shown| shown.ended)>"Ended"</span>
            </span>
        </td>
    }
}

fn type_cell(slot: Slot) -> impl IntoView {
    view! {
        <td role="cell" class="session_type">
            <span class="type" data-type=slot.text(|session| session.session_type.as_str().to_owned())>
                <svg class="icon" aria-hidden="true">
                    <use_ href=slot.text(|session| format!("#icon-{}", session.session_type.as_str()))></use_>
                </svg>
                <span>{slot.text(|session| session.session_type.label().to_owned())}</span>
            </span>
        </td>
    }
}

fn last_active_cell(list: List, slot: Slot) -> impl IntoView {
    let is_active = move || slot.last_active_at().is_some_and(|at| list.clock.is_active(at));
    let dot = move || if is_active() { "dot on" } else { "dot" };
    view! {
        <td role="cell" class="last_active">
            <span
                class=text(move || dot().to_owned())
                title=maybe(move || is_active().then(|| "Active in the last minute".to_owned()))
            ></span>
            {instant(list.clock, move || slot.last_active_at())}
        </td>
    }
}

fn delete_cell(list: List, slot: Slot) -> impl IntoView {
    let id = slot.maybe(|shown| shown.is_deletable().then(|| shown.session.id.to_string()));
    let name = slot.maybe(|shown| shown.is_deletable().then(|| format!("Delete {}", in_words(&shown.session))));
    let click = move |event: leptos::ev::MouseEvent| {
        event.prevent_default();
        if let Some(id) = slot.deletable_now() {
            list.ask(Selection::Ids(vec![id]));
        }
    };
    view! {
        <td role="cell" class="actions">
            <button
                type="submit"
                form="selection"
                class="delete"
                name="only"
                value=id
                aria-label=name
                hidden=slot.is_spared()
                on:click=click
            >
                "Delete"
            </button>
        </td>
    }
}

/// `session of anna from 10.20.4.17`.
fn in_words(session: &Session) -> String {
    format!("session of {} from {}", session.username, session.address)
}
