//! Views that are read where they are told: it takes microseconds, less than to have another thread do it.

use std::sync::Arc;

use app::{
    live::{Snapshot, View},
    session::{page::Page, service::Sessions},
    time::Timestamp,
};

use super::frame::{Messages, Reading};
use crate::store::{
    RedbStore,
    written::{RowRun, Rows},
};

/// Reads one view after the other.
pub(super) struct AtOnce {
    sessions: Arc<Sessions>,
    store: RedbStore,
}

impl AtOnce {
    pub(super) fn new(sessions: Arc<Sessions>, store: RedbStore) -> Self {
        Self { sessions, store }
    }

    /// Whether a view is read without a pass over the sessions: it holds its rows, or is part of an order that is kept up.
    pub(super) fn can_read(View { query, held }: &View) -> bool {
        held.as_ref().map_or_else(|| query.is_in_kept_order(), |_| !query.filter.has_search())
    }

    /// Reads a view that its tabs know by a short name, and has those of its messages written that are wanted. If the view holds
    /// its rows, and they are still those of `before`, they are not read.
    pub(super) fn read(
        &self,
        View { query, held }: &View,
        key: u32,
        before: Option<RowRun>,
        messages: &mut Messages,
        write: impl FnOnce(&mut Reading<'_>),
    ) {
        messages.clear();
        let now = self.sessions.now();
        let then = |page, newer, rows: Option<Rows<'_>>| {
            write(&mut Reading::new(&head(key, now, page, newer), rows, messages));
        };
        let (store, lifetimes) = (&self.store, self.sessions.lifetimes());
        match held {
            None => store.written_page(query, lifetimes, now, |page, rows| then(page, 0, Some(rows))),
            Some(held) => store.written_sessions(&held.ids, before, &query.filter, held.as_of, now, then),
        }
    }
}

/// The state of a view, without its sessions, by what a page says.
pub(super) fn head(view: u32, now: Timestamp, page: Page, newer: u64) -> Snapshot {
    let Page { revision, counts, total, as_of, .. } = page;
    Snapshot { view, now, revision, counts, total, as_of, newer, sessions: Vec::new() }
}
