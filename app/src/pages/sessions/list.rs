//! The list of sessions as the page shows it: signals for the views, and what the user can do with it.

mod deleting;
mod filtering;
mod following;
mod laying_out;
mod picking;

use std::{sync::Arc, time::Duration};

use leptos::{html, prelude::*, task::spawn_local};
use send_wrapper::SendWrapper;

pub(super) use self::deleting::Asking;
use self::picking::Ranging;
use super::{content::Content, drawn::DrawnRows, follower::Follower, hold::News, picked::Picked, scroll::Position};
use crate::{
    browser::{self, channel::Link},
    components::{clock::Clock, notice::failure, status::Status},
    error::AppError,
    pages::{Confirm, SessionsData},
    server_fns::set_columns,
    session::{
        Lifetimes, SessionId,
        column::{Column, Columns},
        page::Counts,
        query::SessionQuery,
        selection::{SelectedCounts, Selection},
    },
};

/// See the module. A handle: copies are the same list.
#[derive(Clone, Copy)]
pub(super) struct List {
    /// Who looks.
    pub(super) viewer: StoredValue<Arc<str>>,
    /// The filter and the order, as in the address of the page.
    pub(super) query: RwSignal<SessionQuery>,
    /// Why the search text that was typed is not the one of the list.
    pub(super) search_problem: RwSignal<Option<String>>,
    /// The tiles and the count of each type.
    pub(super) counts: RwSignal<Counts>,
    /// How many sessions match.
    pub(super) total: RwSignal<u64>,
    /// What stands in the places for rows.
    pub(super) contents: RwSignal<Vec<Content>>,
    /// Whether every row of the list is known.
    is_whole: RwSignal<bool>,
    /// The number of the row in the first place.
    pub(super) first: RwSignal<u64>,
    /// The first row on the screen and the one after the last.
    pub(super) visible: RwSignal<(u64, u64)>,
    /// The shown columns.
    pub(super) columns: RwSignal<Columns>,
    lifetimes: StoredValue<Lifetimes>,
    /// The selection.
    pub(super) picked: RwSignal<Picked>,
    /// How many sessions that is, as the server counted.
    pub(super) counted: RwSignal<Option<SelectedCounts>>,
    /// What waits to be shown.
    pub(super) news: RwSignal<News>,
    /// How the page gets its news.
    pub(super) link: RwSignal<Link>,
    /// The deletion that is to be confirmed.
    pub(super) asking: RwSignal<Option<Asking>>,
    /// The number of the confirmed deletion that is under way.
    pub(super) deleting: RwSignal<Option<u32>>,
    /// Why the deletion that is asked about did not succeed.
    pub(super) problem: RwSignal<Option<String>>,
    /// What the last action did.
    pub(super) status: Status,
    /// What the last search has found or how much is selected, for those who do not see it: said once, not with every change.
    pub(super) told: RwSignal<String>,
    /// Whether the answer to a search has yet to come.
    is_searching: StoredValue<bool>,
    /// Whether the page has come alive.
    pub(super) hydrated: RwSignal<bool>,
    /// The clock of the instants in the rows.
    pub(super) clock: Clock,
    /// Elements that are measured, moved or focused.
    pub(super) elements: Elements,
    follower: StoredValue<Follower>,
    /// How many rows the list has as it is shown, those that have ended included: for so many are the empty heights.
    pub(super) laid_out: RwSignal<u64>,
    /// Where it was when it was laid out last.
    position: StoredValue<Position>,
    /// How many times it has been scrolled.
    scrolls: StoredValue<u32>,
    /// The height of the bar in pixels, as the style sheet knows it.
    bar_height: StoredValue<f64>,
    /// The rows in the document, once the page has come alive.
    drawn: StoredValue<Option<SendWrapper<DrawnRows>>>,
    /// What was checked before the page came alive.
    checked_beforehand: StoredValue<Vec<SessionId>>,
    /// The session that was picked or dropped last, and the number of its row: where a range begins.
    picked_last: StoredValue<Option<(SessionId, u64)>>,
    /// The ranges whose rows the server is asked for.
    ranging: StoredValue<Vec<Ranging>>,
    keystrokes: StoredValue<u32>,
    /// How many deletions have been asked about.
    asked: StoredValue<u32>,
    /// How many times the selection has been counted.
    counting: StoredValue<u32>,
    /// Whether it is about to be counted again.
    is_recounting: StoredValue<bool>,
    /// Whether the shown columns are being remembered.
    saving_columns: StoredValue<bool>,
}

/// Elements that are measured, moved or focused.
#[derive(Clone, Copy)]
pub(super) struct Elements {
    /// The filters and actions above the table.
    pub(super) bar: NodeRef<html::Div>,
    /// The search text.
    pub(super) search: NodeRef<html::Input>,
    /// The frame of the table.
    pub(super) sheet: NodeRef<html::Div>,
    /// The table's header.
    pub(super) head: NodeRef<html::Thead>,
    /// The empty height above the rows.
    pub(super) before: NodeRef<html::Tr>,
    /// The rows.
    pub(super) rows: NodeRef<html::Tbody>,
    /// The empty height below the rows.
    pub(super) after: NodeRef<html::Tr>,
}

impl List {
    /// The list as the server has read it.
    pub(super) fn new(data: &SessionsData) -> Self {
        let SessionsData { viewer, query, page, columns, now, lifetimes, confirm, notice, bad_search, .. } = data;
        let search_problem = bad_search.as_ref().map(|bad| bad.problem.clone());
        let contents = Content::of_page(page, &viewer.username);
        let visible = (query.first, query.first + contents.len() as u64);
        let follower = Follower::new(query.clone(), page, *now);
        let checked_beforehand = if cfg!(feature = "ssr") { Vec::new() } else { browser::checked_beforehand() };
        Self {
            viewer: StoredValue::new(viewer.username.clone()),
            query: RwSignal::new(query.clone()),
            counts: RwSignal::new(page.counts),
            total: RwSignal::new(page.total),
            contents: RwSignal::new(contents),
            is_whole: RwSignal::new(follower.is_whole()),
            first: RwSignal::new(query.first),
            visible: RwSignal::new(visible),
            columns: RwSignal::new(*columns),
            lifetimes: StoredValue::new(*lifetimes),
            picked: RwSignal::new(Picked::default()),
            counted: RwSignal::new(None),
            search_problem: RwSignal::new(search_problem.clone()),
            news: RwSignal::new(News::default()),
            link: RwSignal::new(Link::Connecting),
            asking: RwSignal::new(confirm.as_ref().map(Asking::from)),
            deleting: RwSignal::new(None),
            problem: RwSignal::new(None),
            status: Status::new(notice.clone()),
            told: RwSignal::new(String::new()),
            is_searching: StoredValue::new(false),
            hydrated: RwSignal::new(false),
            clock: Clock::new(*now, data.utc_offset),
            elements: Elements::new(),
            follower: StoredValue::new(follower),
            laid_out: RwSignal::new(page.total),
            position: StoredValue::new(Position::default()),
            scrolls: StoredValue::new(0),
            bar_height: StoredValue::new(laying_out::BAR_HEIGHT),
            drawn: StoredValue::new(None),
            checked_beforehand: StoredValue::new(checked_beforehand),
            picked_last: StoredValue::new(None),
            ranging: StoredValue::new(Vec::new()),
            keystrokes: StoredValue::new(0),
            asked: StoredValue::new(0),
            counting: StoredValue::new(0),
            is_recounting: StoredValue::new(false),
            saving_columns: StoredValue::new(false),
        }
    }

    /// Shows or hides a column, and remembers it.
    pub(super) fn toggle(self, column: Column) {
        let columns = self.columns.get_untracked().toggled(column);
        self.columns.set(columns);
        // Where rows are cards, their height has changed.
        browser::after(Duration::ZERO, move || self.lay_out());
        if !self.saving_columns.get_value() {
            spawn_local(self.save_columns());
        }
    }

    /// Remembers the shown columns, one choice after the other: the last one is what stays.
    async fn save_columns(self) {
        self.saving_columns.set_value(true);
        let mut saved = None;
        while saved != Some(self.columns.get_untracked()) {
            let columns = self.columns.get_untracked();
            saved = Some(columns);
            if let Err(error) = set_columns(columns).await {
                self.failed(&error);
                break;
            }
        }
        self.saving_columns.set_value(false);
    }

    /// Tells those who do not see it. The same words twice are told twice: the line is empty in between.
    fn tell(self, words: String) {
        self.told.set(String::new());
        browser::after(Duration::ZERO, move || self.told.set(words));
    }

    /// Says what an action did.
    fn say(self, text: String) {
        self.status.say(text);
    }

    /// Says what went wrong.
    fn failed(self, error: &AppError) {
        if !browser::is_signed_out(error) {
            self.say(failure(error));
        }
    }
}

impl Elements {
    fn new() -> Self {
        Self {
            bar: NodeRef::new(),
            search: NodeRef::new(),
            sheet: NodeRef::new(),
            head: NodeRef::new(),
            before: NodeRef::new(),
            rows: NodeRef::new(),
            after: NodeRef::new(),
        }
    }
}

impl From<&Confirm> for Asking {
    fn from(confirm: &Confirm) -> Self {
        Self::new(0, Selection::Ids(confirm.ids.clone()), confirm.preview.clone(), 0)
    }
}
