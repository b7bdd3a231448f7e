//! "Show/Hide Columns".

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use super::list::List;
use crate::{
    browser,
    components::{icon::icon, reactive::text, written::written},
    paths,
    session::column::{Column, Columns},
};

#[component]
pub(super) fn ColumnChoice(list: List) -> impl IntoView {
    let choices = NodeRef::<html::Fieldset>::new();
    Effect::new(move |_| {
        let shown = list.columns.get();
        if let Some(choices) = choices.get_untracked() {
            mark(&choices, shown);
        }
    });
    let change = move |event: leptos::ev::Event| {
        let checkbox = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok());
        if let Some(column) = checkbox.and_then(|checkbox| Column::parse(&checkbox.value())) {
            list.toggle(column);
        }
    };
    view! {
        <button type="button" class="button columns-button" popovertarget="columns">
            {icon("columns")}
            <span>"Show/Hide Columns"</span>
        </button>
        <div id="columns" class="columns" popover="auto">
            <form method="post" action=paths::COLUMNS autocomplete="off">
                <fieldset
                    node_ref=choices
                    on:change=change
                    inner_html=written(|| choices_of(list.columns.get_untracked()))
                ></fieldset>
                <input
                    type="hidden"
                    name="back"
                    value=text(move || list.query.with(|query| query.to_query_string()))
                />
                <button type="submit" class="button until-hydrated">"Apply"</button>
            </form>
        </div>
    }
}

fn choices_of(shown: Columns) -> impl IntoView {
    let choice = |column: Column| {
        view! {
            <label>
                <input type="checkbox" name="columns" value=column.as_str() checked=shown.shows(column)/>
                <span>{column.label()}</span>
            </label>
        }
    };
    view! {
        <legend>"Columns"</legend>
        {Column::ALL.into_iter().map(choice).collect_view()}
    }
}

/// Shows which columns are chosen. The last one cannot be dropped.
fn mark(choices: &Element, shown: Columns) {
    for checkbox in browser::all(choices, "input") {
        let Ok(checkbox) = checkbox.dyn_into::<HtmlInputElement>() else { continue };
        if let Some(column) = Column::parse(&checkbox.value()) {
            checkbox.set_checked(shown.shows(column));
            checkbox.set_disabled(shown.shows_only(column));
        }
    }
}
