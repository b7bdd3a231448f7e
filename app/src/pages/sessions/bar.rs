//! Search, types, columns, and what can be done with the selection.

use leptos::{prelude::*, tachys::html::InertElement};

use super::{columns::ColumnChoice, list::List, picked::Picked};
use crate::{
    components::{
        icon::icon,
        reactive::{flag, maybe, text},
    },
    paths,
    session::{
        SessionType,
        query::{MAX_SEARCH, SessionQuery, Sort},
        selection::grouped,
    },
};

#[component]
pub(super) fn Bar(list: List, query: SessionQuery, typed: String) -> impl IntoView {
    view! {
        <div class="bar" node_ref=list.elements.bar>
            <Filters list query typed/>
            <ColumnChoice list/>
            <DeleteSelected list/>
        </div>
    }
}

#[component]
fn Filters(list: List, query: SessionQuery, typed: String) -> impl IntoView {
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
                    aria-describedby="search-problem"
                    aria-invalid=maybe(move || list.search_problem.with(Option::is_some).then(|| "true".to_owned()))
                    aria-keyshortcuts="Control+K Meta+K"
                    placeholder="Search"
                    maxlength=MAX_SEARCH.to_string()
                    spellcheck="false"
                    value=typed
                    node_ref=search
                    on:input=move |event| list.search_soon(event_target_value(&event))
                />
                <kbd aria-hidden="true">"Ctrl K"</kbd>
                <button type="button" class="search-help" popovertarget="search-help" aria-label="How to search">
                    "?"
                </button>
                {search_help()}
                <p id="search-problem" class="search-problem" aria-live="polite">
                    {text(move || list.search_problem.get().unwrap_or_default())}
                </p>
            </div>
            <div class="types" role="radiogroup" aria-label="Session types">{types.into_iter().collect_view()}</div>
            {sort.map(|sort| view! { <input type="hidden" name="sort" value=sort/> })}
        </form>
    }
}

/// The words that a search understands.
fn search_help() -> InertElement {
    InertElement::new(concat!(
        r#"<div id="search-help" class="search-words" popover="auto"><h2>Search</h2><dl>"#,
        "<dt>anna firefox</dt><dd>both, each in any column</dd>",
        "<dt>user: agent: server:</dt><dd>in that column</dd>",
        "<dt>user=anna</dt><dd>exactly that user</dd>",
        "<dt>ip:10.20.0.0/16</dt><dd>an address or a network</dd>",
        "<dt>type:browser</dt><dd>rest, browser or other</dd>",
        "<dt>idle&gt;2h &nbsp;idle&lt;5m</dt><dd>since the last request</dd>",
        "<dt>age&gt;1d</dt><dd>since sign-in</dd>",
        "<dt>-type:rest</dt><dd>not that</dd>",
        "<dt>\"rest api\"</dt><dd>words with spaces</dd>",
        "</dl></div>",
    ))
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
    let is_needless = move || list.hydrated.get() && list.picked.with(Picked::is_empty);
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
