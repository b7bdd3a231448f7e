//! "Show/Hide Columns".

use leptos::prelude::*;

use super::list::List;
use crate::{
    components::{
        icon::icon,
        reactive::{flag, text},
    },
    paths,
    session::column::Column,
};

#[component]
pub(super) fn ColumnChoice(list: List) -> impl IntoView {
    let choices = Column::ALL.into_iter().map(|column| view! { <Choice list column/> }).collect_view();
    view! {
        <button type="button" class="button columns-button" popovertarget="columns">
            {icon("columns")}
            <span>"Show/Hide Columns"</span>
        </button>
        <div id="columns" class="columns" popover="auto">
            <form method="post" action=paths::COLUMNS autocomplete="off">
                <fieldset>
                    <legend>"Columns"</legend>
                    {choices}
                </fieldset>
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

#[component]
fn Choice(list: List, column: Column) -> impl IntoView {
    view! {
        <label>
            <input
                type="checkbox"
                name="columns"
                value=column.as_str()
                checked=list.columns.get_untracked().shows(column)
                prop:checked=flag(move || list.columns.get().shows(column))
                disabled=flag(move || list.hydrated.get() && list.columns.with(|columns| columns.shows_only(column)))
                on:change=move |_| list.toggle(column)
            />
            <span>{column.label()}</span>
        </label>
    }
}
