//! The table: a header that stays in sight, and rows between two empty heights.

use leptos::{prelude::*, tachys::html::InertElement};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement, Node};

use super::{
    head::{TableHead, is_plain},
    list::List,
};
use crate::{
    components::reactive::{flag, text},
    pages::WrittenHtml,
    session::{column::Column, query::SessionQuery},
};

#[component]
pub(super) fn Table(list: List) -> impl IntoView {
    let columns = move || list.columns.get().iter().map(Column::as_str).collect::<Vec<_>>().join(" ");
    view! {
        <div class="sheet" tabindex="-1" node_ref=list.elements.sheet>
            <table
                role="table"
                class="session-table"
                data-columns=text(columns)
                aria-rowcount=text(move || (list.laid_out.get() + 1).to_string())
            >
                <caption class="visually-hidden">"Active sessions"</caption>
                <TableHead list/>
                <tbody class="spacer" aria-hidden="true">
                    <tr node_ref=list.elements.before>{empty_cell()}</tr>
                </tbody>
                <Rows list/>
                <tbody class="spacer" aria-hidden="true">
                    <tr node_ref=list.elements.after>{empty_cell()}</tr>
                </tbody>
            </table>
            <Nothing list/>
        </div>
    }
}

#[component]
fn Rows(list: List) -> impl IntoView {
    let rows = list.elements.rows;
    let left = move |event: leptos::ev::FocusEvent| {
        let to = event.related_target();
        let to = to.as_ref().and_then(JsCast::dyn_ref::<Node>);
        let is_inside = to.is_some() && rows.get_untracked().is_some_and(|rows| rows.contains(to));
        list.hands(|hands| hands.focused = is_inside);
    };
    let click = move |event: leptos::ev::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some((target, place)) = target.and_then(|target| list.place_of(&target).map(|place| (target, place)))
        else {
            return;
        };
        if let Some(checkbox) = target.dyn_ref::<HtmlInputElement>() {
            list.pick_one(place, checkbox.checked(), event.shift_key());
        } else if target.closest("button").is_ok_and(|button| button.is_some()) {
            event.prevent_default();
            list.ask_one(place);
        }
    };
    let WrittenHtml(html) = use_context().unwrap_or_default();
    view! {
        <tbody
            role="rowgroup"
            class="rows"
            translate="no"
            node_ref=rows
            on:pointerenter=move |_| list.hands(|hands| hands.pointed = true)
            on:pointerleave=move |_| list.hands(|hands| hands.pointed = false)
            on:focusin=move |_| list.hands(|hands| hands.focused = true)
            on:focusout=left
            on:click=click
            inner_html=html
        ></tbody>
    }
}

/// What is said instead of rows, or below the only ones.
#[component]
fn Nothing(list: List) -> impl IntoView {
    let is_filtered = move || !list.query.with(|query| query.filter.is_empty());
    let said = move || match (list.total.get(), is_filtered()) {
        (0, true) => "No sessions match.",
        (0, false) => "Nobody is signed in.",
        (_, false) if list.is_all_own() => "Nobody else is signed in.",
        _ => "",
    };
    let href = move || list.query.with(|query| SessionQuery { sort: query.sort, ..SessionQuery::default() }.href());
    let click = move |event: leptos::ev::MouseEvent| {
        if is_plain(&event) {
            event.prevent_default();
            list.clear_filter();
        }
    };
    view! {
        <div class="nothing" hidden=flag(move || said().is_empty())>
            <p>{text(move || said().to_owned())}</p>
            <a class="button" href=text(href) hidden=flag(move || !is_filtered()) on:click=click>"Clear filters"</a>
        </div>
    }
}

fn empty_cell() -> InertElement {
    InertElement::new("<td></td>")
}
