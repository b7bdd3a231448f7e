//! Search, types, columns, and what can be done with the selection.

use leptos::prelude::*;

use super::{columns::ColumnChoice, list::List};
use crate::{
    components::{
        icon::icon,
        reactive::{flag, text},
    },
    paths,
    session::{
        SessionType,
        query::{MAX_SEARCH, SessionQuery, Sort},
        selection::grouped,
    },
};

#[component]
pub(super) fn Bar(list: List, query: SessionQuery) -> impl IntoView {
    view! {
        <div class="bar" node_ref=list.elements.bar>
            <Filters list query/>
            <ColumnChoice list/>
            <DeleteSelected list/>
        </div>
    }
}

#[component]
fn Filters(list: List, query: SessionQuery) -> impl IntoView {
    let search = list.elements.search;
    let sort = (query.sort != Sort::default()).then(|| query.sort.to_string());
    let types =
        [None, Some(SessionType::RestApi), Some(SessionType::Browser), Some(SessionType::Other)].map(|choice| {
            let is_chosen = choice == query.filter.session_type;
            view! { <TypeChoice list choice is_chosen/> }
        });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(search) = search.get_untracked() {
            list.search(&search.value());
        }
    };
    view! {
        <form class="filters" role="search" method="get" action=paths::SESSIONS autocomplete="off" on:submit=submit>
            <div class="search">
                <button type="submit" aria-label="Search">{icon("search")}</button>
                <input
                    type="search"
                    name="q"
                    aria-label="Search sessions"
                    aria-keyshortcuts="Control+K Meta+K"
                    placeholder="Search"
                    maxlength=MAX_SEARCH.to_string()
                    spellcheck="false"
                    value=query.filter.search.clone()
                    node_ref=search
                    on:input=move |event| list.search_soon(event_target_value(&event))
                />
                <kbd aria-hidden="true">"Ctrl K"</kbd>
            </div>
            <div class="types" role="radiogroup" aria-label="Session types">{types.into_iter().collect_view()}</div>
            {sort.map(|sort| view! { <input type="hidden" name="sort" value=sort/> })}
        </form>
    }
}

/// One type, or all, and how many there are. The count describes the radio button; it is no part of its name.
#[component]
fn TypeChoice(list: List, choice: Option<SessionType>, is_chosen: bool) -> impl IntoView {
    let value = choice.map_or("", SessionType::as_str);
    let id = format!("type-{}", choice.map_or("all", SessionType::as_str));
    let count_id = format!("{id}-count");
    let label = choice.map_or_else(|| "All".to_owned(), |choice| format!("{} only", choice.label()));
    view! {
        <span class="type-choice">
            <input
                type="radio"
                name="type"
                value=value
                id=id.clone()
                checked=is_chosen
                aria-describedby=count_id.clone()
                on:change=move |_| list.show_type(choice)
            />
            <label for=id>{label}</label>
            <span class="count" id=count_id aria-hidden="true">
                {text(move || grouped(list.counts.with(|counts| counts.of(choice))))}
            </span>
        </span>
    }
}

/// Before the page comes alive nobody knows what is selected: then the button is there.
#[component]
fn DeleteSelected(list: List) -> impl IntoView {
    let is_needless = move || list.hydrated.get() && list.picked.with(|picked| picked.is_empty());
    view! {
        <button
            type="submit"
            form="selection"
            class="button danger delete-selected"
            name="delete"
            value="selected"
            aria-describedby="selected"
            hidden=flag(is_needless)
            on:click=move |event| {
                event.prevent_default();
                list.ask_selected();
            }
        >
            "Delete Selected"
            <span class="count" aria-hidden="true">{text(move || list.picked_count())}</span>
        </button>
    }
}
