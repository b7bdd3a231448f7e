//! The table's header: what selects all, and links that sort.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use super::{list::List, picked::Header};
use crate::{
    browser,
    components::{icon::icon, written::written},
    session::{column::Column, query::SessionQuery},
};

#[component]
pub(super) fn TableHead(list: List) -> impl IntoView {
    let head = list.elements.head;
    let query_as_written = list.query.get_untracked();
    Effect::new(move |before: Option<()>| {
        list.query.with(|query| {
            // What was typed before the page came alive may have changed it already.
            let is_written = before.is_none() && *query == query_as_written;
            if let Some(head) = head.get_untracked().filter(|_| !is_written) {
                show_order(&head, query);
            }
        });
    });
    Effect::new(move |checkbox: Option<Option<HtmlInputElement>>| {
        let (is_alive, selected) = (list.hydrated.get(), list.header_now());
        let checkbox = checkbox.flatten().or_else(|| select_all_of(head.get_untracked()?.as_ref()));
        if let Some(checkbox) = &checkbox {
            checkbox.set_disabled(!is_alive);
            checkbox.set_checked(selected == Header::Full);
            checkbox.set_indeterminate(selected == Header::Partial);
        }
        checkbox
    });
    let click = move |event: leptos::ev::MouseEvent| {
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let Some(column) = target.and_then(|target| column_of(&target)) else { return };
        if is_plain(&event) {
            event.prevent_default();
            list.sort(column);
        }
    };
    view! {
        <thead
            role="rowgroup"
            node_ref=head
            on:click=click
            on:change=move |_| list.pick_all()
            inner_html=written(|| list.query.with_untracked(head_row))
        ></thead>
    }
}

fn head_row(query: &SessionQuery) -> impl IntoView + use<> {
    let headers = Column::ALL.map(|column| {
        view! {
            <th role="columnheader" scope="col" class=column.as_str() aria-sort=order(query, column)>
                <a href=address_after_click(query, column)>{column.label()} {icon("arrow")}</a>
            </th>
        }
    });
    view! {
        <tr role="row" aria-rowindex="1">
            <th role="columnheader" scope="col" class="select">
                <input type="checkbox" aria-label="Select all" autocomplete="off" disabled/>
            </th>
            {headers.into_iter().collect_view()}
            <th role="columnheader" scope="col" class="actions">
                <span class="visually-hidden">"Actions"</span>
            </th>
        </tr>
    }
}

/// Shows by what the list is sorted, and where each link leads from there.
fn show_order(head: &Element, query: &SessionQuery) {
    for link in browser::all(head, "a") {
        let (Some(column), Some(header)) = (column_of(&link), link.parent_element()) else { continue };
        _ = link.set_attribute("href", &address_after_click(query, column));
        _ = match order(query, column) {
            Some(order) => header.set_attribute("aria-sort", order),
            None => header.remove_attribute("aria-sort"),
        };
    }
}

fn order(query: &SessionQuery, column: Column) -> Option<&'static str> {
    let word = if query.sort.descending { "descending" } else { "ascending" };
    (query.sort.column == column).then_some(word)
}

/// Alive or not, a header leads to the address of the order that it makes.
fn address_after_click(query: &SessionQuery, column: Column) -> String {
    SessionQuery { sort: query.sort.after_click(column), first: 0, ..query.clone() }.href()
}

fn select_all_of(head: &Element) -> Option<HtmlInputElement> {
    head.query_selector("input").ok()??.dyn_into().ok()
}

/// The column whose link this is, or is within.
fn column_of(element: &Element) -> Option<Column> {
    Column::parse(&element.closest("a").ok()??.parent_element()?.class_name())
}

/// Whether a click is for this tab.
pub(super) fn is_plain(event: &leptos::ev::MouseEvent) -> bool {
    !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key())
}
