//! Rows as the messages of the live channel have them.

use std::{net::IpAddr, sync::Arc};

use app::{
    session::{Session, SessionId, SessionType, Standing},
    time::Timestamp,
    wire,
};
use serde::Serialize;

use super::table::{Slot, Table};

/// Rows of a list, in order, as a message has them one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenRows {
    pub(super) ids: Vec<SessionId>,
    /// Where each row ends in `bytes`.
    pub(super) ends: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

/// A [`Session`] whose parts are borrowed: it is written alike.
#[derive(Serialize)]
pub(super) struct BorrowedSession<'a> {
    pub(super) id: SessionId,
    username: &'a str,
    session_type: SessionType,
    address: IpAddr,
    server_name: &'a str,
    user_agent: &'a str,
    client: &'a str,
    created_at: u64,
    last_active_at: u64,
    standing: Option<&'a Standing>,
}

impl WrittenRows {
    /// The rows of these sessions.
    pub(crate) fn of(sessions: &[Session]) -> Self {
        let mut rows = Self::default();
        for session in sessions {
            rows.push(session.id, |bytes| wire::append(session, bytes));
        }
        rows
    }

    /// No rows, and room for as many.
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.ends.clear();
        self.bytes.clear();
    }

    /// Gives back most of what is not needed: among views of which one is large, its buffers go around.
    pub(super) fn give_back(&mut self) {
        if self.bytes.capacity() > 4 * self.bytes.len() {
            self.ids.shrink_to(2 * self.ids.len());
            self.ends.shrink_to(2 * self.ends.len());
            self.bytes.shrink_to(2 * self.bytes.len());
        }
    }

    /// The sessions, in order.
    pub(crate) fn ids(&self) -> &[SessionId] {
        &self.ids
    }

    /// All rows, one after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The row in a place.
    pub(crate) fn row(&self, place: usize) -> &[u8] {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin..self.ends[place]]
    }

    /// Finds the places of sessions. Rows move together: the next is nearly always the one behind the last that was found.
    /// One that is new costs a look at all, fifty as a rule.
    pub(crate) fn finder(&self) -> impl FnMut(SessionId) -> Option<usize> {
        let mut expected = 0;
        move |id| {
            let is_it = |known: &SessionId| *known == id;
            if !self.ids.get(expected).is_some_and(is_it) {
                // Without a way out of the loop, so that it looks at several at once.
                let is_there = self.ids.iter().fold(false, |is_there, known| is_there | is_it(known));
                expected = is_there.then(|| self.ids.iter().position(is_it))??;
            }
            expected += 1;
            Some(expected - 1)
        }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, id: SessionId, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
        self.ids.push(id);
    }
}

impl<'a> BorrowedSession<'a> {
    /// The session of a slot, whose last activity has been looked at.
    pub(super) fn of(table: &'a Table, slot: Slot, last_active_at: Timestamp) -> Self {
        let agent = table.agent(slot);
        Self {
            id: table.id(slot),
            username: table.username(slot),
            session_type: table.session_type(slot),
            address: table.address(slot),
            server_name: table.server_names.text(table.server(slot)),
            user_agent: table.user_agents.text(agent),
            client: table.user_agents.words(agent),
            created_at: table.created_at(slot).as_millis(),
            last_active_at: last_active_at.as_millis(),
            standing: table.standing(slot).map(Arc::as_ref),
        }
    }
}
