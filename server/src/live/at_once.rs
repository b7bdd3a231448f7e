//! Views that are read where they are told: it takes microseconds, less than to have another thread do it.

use std::sync::{Arc, Mutex, PoisonError};

use app::{
    live::{Snapshot, View},
    session::{page::Page, service::Sessions},
    time::Timestamp,
};

use super::frame::{Messages, Reading};
use crate::store::{RedbStore, written::Rows};

/// Reads one view after the other.
pub(super) struct AtOnce {
    sessions: Arc<Sessions>,
    store: RedbStore,
    /// Room for the messages of one view after the other: the processor has it at hand.
    messages: Mutex<Messages>,
}

impl AtOnce {
    pub(super) fn new(sessions: Arc<Sessions>, store: RedbStore) -> Self {
        Self { sessions, store, messages: Mutex::default() }
    }

    /// Whether it takes no longer than its rows to read a view: those that it holds, or part of an order that is kept up. To
    /// search takes a pass.
    pub(super) fn can_read(View { query, held }: &View) -> bool {
        held.as_ref().map_or_else(|| query.is_in_kept_order(), |_| !query.filter.has_search())
    }

    /// Reads a view that its tabs know by a short name.
    pub(super) fn read<T>(&self, View { query, held }: &View, key: u32, then: impl FnOnce(&mut Reading<'_>) -> T) -> T {
        // Nothing of the last view is looked at.
        let messages = &mut *self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.sessions.now();
        let tell = |page, newer, rows: Rows<'_>| then(&mut Reading::new(&head(key, now, page, newer), rows, messages));
        match held {
            None => self.store.written_page(query, self.sessions.lifetimes(), now, |page, rows| tell(page, 0, rows)),
            Some(held) => self.store.written_sessions(&held.ids, &query.filter, held.as_of, now, tell),
        }
    }
}

/// What a page says of the list.
pub(super) fn head(view: u32, now: Timestamp, page: Page, newer: u64) -> Snapshot {
    let Page { revision, counts, total, as_of, .. } = page;
    Snapshot { view, now, revision, counts, total, as_of, newer, sessions: Vec::new() }
}
