//! Rows as the messages of the live channel have them.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    ops::Range,
    sync::Arc,
};

use app::{
    session::{Session, SessionId, SessionType, Standing},
    wire,
};
use serde::Serialize;

use super::table::{Slot, Table};

/// Rows of a list, in order, as messages have them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rows<'a> {
    marks: &'a [RowMark],
    /// Where each stands in `bytes`.
    spans: &'a [Range<usize>],
    bytes: &'a [u8],
    run: Option<RowRun>,
}

/// Rows that nobody else keeps.
#[derive(Clone, Debug, Default)]
pub(crate) struct WrittenRows {
    marks: Vec<RowMark>,
    spans: Vec<Range<usize>>,
    bytes: Vec<u8>,
}

/// What tells a row from others, and from what was written of the same session before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowMark {
    pub(crate) id: SessionId,
    /// Of the row, with a key that nobody knows: two that differ have the same once in 2^64 times, and nobody can bring that
    /// about.
    hash: u64,
}

/// Rows that were kept one behind the other when they were read: a name for them, which never becomes that of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowRun {
    /// Among which they are, and where.
    pub(super) kept: u64,
    pub(super) first: usize,
    pub(super) count: usize,
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

impl RowMark {
    /// The mark of a row. Only marks of one key tell rows apart.
    pub(super) fn new(id: SessionId, row: &[u8], hash_key: &RandomState) -> Self {
        Self { id, hash: hash_key.hash_one(row) }
    }
}

impl<'a> Rows<'a> {
    /// Rows that stand in these places.
    pub(super) fn new(marks: &'a [RowMark], spans: &'a [Range<usize>], bytes: &'a [u8]) -> Self {
        Self { marks, spans, bytes, run: None }
    }

    /// The same rows, which have this name.
    pub(super) fn named(self, run: Option<RowRun>) -> Self {
        Self { run, ..self }
    }

    /// Their name, for whoever wants to know later whether they are still the same.
    pub(crate) fn run(&self) -> Option<RowRun> {
        self.run
    }

    /// What tells the rows apart, in order.
    pub(crate) fn marks(&self) -> &'a [RowMark] {
        self.marks
    }

    /// How many bytes the rows in these places have.
    pub(crate) fn bytes_of(&self, places: impl Iterator<Item = usize>) -> usize {
        places.map(|place| self.spans[place].len()).sum()
    }

    /// Appends the rows in these places. Those that stand one behind the other, as most do, are copied at once.
    pub(crate) fn append(&self, places: impl Iterator<Item = usize>, message: &mut Vec<u8>) {
        let mut together = 0..0;
        for span in places.map(|place| &self.spans[place]) {
            if span.start != together.end {
                message.extend_from_slice(&self.bytes[together]);
                together = span.start..span.start;
            }
            together.end = span.end;
        }
        message.extend_from_slice(&self.bytes[together]);
    }
}

impl WrittenRows {
    /// The rows of these sessions; see [`RowMark::new`].
    pub(crate) fn of(sessions: &[Session], hash_key: &RandomState) -> Self {
        let mut rows = Self::default();
        for session in sessions {
            let begin = rows.bytes.len();
            wire::append(session, &mut rows.bytes);
            rows.marks.push(RowMark::new(session.id, &rows.bytes[begin..], hash_key));
            rows.spans.push(begin..rows.bytes.len());
        }
        rows
    }

    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.marks, &self.spans, &self.bytes)
    }
}

impl<'a> BorrowedSession<'a> {
    /// The session of a slot.
    pub(super) fn of(table: &'a Table, slot: Slot) -> Self {
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
            last_active_at: table.last_active_at(slot).as_millis(),
            standing: table.standing(slot).map(Arc::as_ref),
        }
    }
}
