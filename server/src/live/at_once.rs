//! Views that are read where they are told: it takes microseconds, less than to have another thread do it.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
    /// Room for the messages of a view, which the processor has at hand.
    messages: Mutex<Messages>,
}

impl AtOnce {
    pub(super) fn new(sessions: Arc<Sessions>, store: RedbStore) -> Self {
        Self { sessions, store, messages: Mutex::default() }
    }

    /// Whether a view is read without a pass over the sessions: it holds its rows, or is part of an order that is kept up.
    pub(super) fn can_read(View { query, held }: &View) -> bool {
        held.as_ref().map_or_else(|| query.is_in_kept_order(), |_| !query.filter.has_search())
    }

    /// Reads a view that its tabs know by a short name, and has the messages written that are wanted.
    pub(super) fn read(&self, View { query, held }: &View, key: u32, write: impl FnOnce(&mut Reading<'_>)) -> Messages {
        let mut messages = mem::take(&mut *self.room());
        messages.clear();
        let now = self.sessions.now();
        let then = |page, newer, rows: Rows<'_>| {
            write(&mut Reading::new(&head(key, now, page, newer), rows, &mut messages));
        };
        match held {
            None => self.store.written_page(query, self.sessions.lifetimes(), now, |page, rows| then(page, 0, rows)),
            Some(held) => self.store.written_sessions(&held.ids, &query.filter, held.as_of, now, then),
        }
        messages
    }

    /// Takes back the room of messages that have been sent.
    pub(super) fn take_back(&self, messages: Messages) {
        *self.room() = messages;
    }

    fn room(&self) -> MutexGuard<'_, Messages> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a view, without its sessions, by what a page says.
pub(super) fn head(view: u32, now: Timestamp, page: Page, newer: u64) -> Snapshot {
    let Page { revision, counts, total, as_of, .. } = page;
    Snapshot { view, now, revision, counts, total, as_of, newer, sessions: Vec::new() }
}
