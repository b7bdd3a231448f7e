//! The live channel's messages: what a tab says it shows, and what the server answers.
//!
//! The server sends a [`Snapshot`] for a new view and then [`Patch`]es: applying a patch to the state it was made from
//! gives exactly a fresh read. Every frame names its view by [`View::key`], so that a tab passes over frames of a view
//! it has left.

use serde::{Deserialize, Serialize};

use crate::{
    session::{
        Session, SessionId,
        page::{Counts, Revision},
        query::SessionQuery,
    },
    time::Timestamp,
    wire::{encode, fnv1a},
};

/// The WebSocket close code of a tab whose session has ended; the close reason is the `reason` parameter of the
/// sign-in page.
pub const CLOSE_SESSION_ENDED: u16 = 4401;
/// The WebSocket close code of a tab whose page is of another version than the server: the page loads anew.
pub const CLOSE_OTHER_VERSION: u16 = 4426;
/// The most rows of a range.
pub const MAX_RANGE: u32 = 10_000;

/// What a tab shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    /// The rows, by query.
    pub query: SessionQuery,
    /// Set while the list must not move: the rows are then these, not what the query finds.
    pub held: Option<Held>,
}

/// Rows that stay where they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Held {
    /// The newest session id when the list was read; newer sessions are counted, not shown.
    pub as_of: SessionId,
    /// The part of the list that they are: number of the first row, and how many were asked for. When the query asks for
    /// another part, the server answers with a [`HeldPart`] first.
    pub first: u64,
    /// See `first`.
    pub limit: u32,
    /// The rows in the order in which they are shown, at most [`MAX_LIMIT`](crate::session::query::MAX_LIMIT).
    pub ids: Vec<SessionId>,
}

/// Another part of a list whose order holds: every session of the list stands in one part, whatever has happened since
/// it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPart {
    /// Which view asked for it.
    pub view: u32,
    /// The rows of the part, those that have ended included. With them the view is what is shown from now on.
    pub held: Held,
    /// How many rows the list has as it is held.
    pub total: u64,
}

impl View {
    /// Whether it asks for another part of the list than the one whose rows it says it holds.
    pub fn turns_to_another_part(&self) -> bool {
        self.held.as_ref().is_some_and(|held| (held.first, held.limit) != (self.query.first, self.query.limit))
    }

    /// A short name of this view: the same for equal views, almost surely different for others (FNV-1a of its message).
    pub fn key(&self) -> u32 {
        fnv1a(&encode(self))
    }
}

/// What a tab says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// Show me this from now on.
    Watch(View),
    /// Show me my own sessions from now on. The view's key is then 0.
    WatchOwn,
    /// Name me the rows from `first` on of the list that this view holds, whether they are shown or not, but my own:
    /// answered by [`ServerMessage::Range`].
    Range {
        /// Watched just now.
        view: View,
        /// The number of the first of them.
        first: u64,
        /// How many, at most [`MAX_RANGE`].
        rows: u32,
    },
    /// The user did something in the tab: counts as activity.
    Active,
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The state of a view, from scratch.
    Snapshot(Snapshot),
    /// What has changed in a view.
    Patch(Patch),
    /// Which rows a view holds that has scrolled; a snapshot of them follows.
    Held(HeldPart),
    /// The rows that were asked for.
    Range(HeldPart),
    /// Nothing has changed; the link is alive.
    Tick(Timestamp),
}

/// A [`ServerMessage`] of what somebody else keeps: it is written alike.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum BorrowedMessage<'a> {
    /// See [`ServerMessage::Snapshot`].
    Snapshot(&'a Snapshot),
    /// See [`ServerMessage::Patch`].
    Patch(&'a Patch),
}

/// The state of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which view.
    pub view: u32,
    /// The server's clock.
    pub now: Timestamp,
    /// When it was read, in changes.
    pub revision: Revision,
    /// The tiles and the count of each type.
    pub counts: Counts,
    /// Sessions that match the filter.
    pub total: u64,
    /// The newest session id handed out.
    pub as_of: SessionId,
    /// While held: matching sessions newer than the hold. Else 0.
    pub newer: u64,
    /// The rows, in order. While held: those of the held rows that have not ended.
    pub sessions: Vec<Session>,
}

/// The way from one state of a view to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Which view.
    pub view: u32,
    /// The server's clock.
    pub now: Timestamp,
    /// As in [`Snapshot`].
    pub revision: Revision,
    /// As in [`Snapshot`].
    pub counts: Counts,
    /// As in [`Snapshot`].
    pub total: u64,
    /// As in [`Snapshot`].
    pub as_of: SessionId,
    /// As in [`Snapshot`].
    pub newer: u64,
    /// The ids of the rows in order, if they are not those of before.
    pub order: Option<Vec<SessionId>>,
    /// Rows that are new or have changed.
    pub changed: Vec<Session>,
}

impl Snapshot {
    /// Makes this state the one that `patch` leads to. Rows that the patch names but that are unknown are left out;
    /// that happens only to a patch made from another state.
    pub fn apply(&mut self, patch: Patch) {
        let mut rows = std::mem::take(&mut self.sessions);
        for session in patch.changed {
            match rows.iter_mut().find(|row| row.id == session.id) {
                Some(row) => *row = session,
                None => rows.push(session),
            }
        }
        self.sessions = match patch.order {
            None => rows,
            Some(order) => order.iter().filter_map(|id| rows.iter().find(|row| row.id == *id).cloned()).collect(),
        };
        self.now = patch.now;
        self.revision = patch.revision;
        self.counts = patch.counts;
        self.total = patch.total;
        self.as_of = patch.as_of;
        self.newer = patch.newer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_are_told_apart_by_their_key() {
        let view = View { query: SessionQuery::default(), held: None };
        let scrolled = View { query: SessionQuery { first: 50, ..SessionQuery::default() }, held: None };
        assert_eq!(view.key(), view.clone().key());
        assert_ne!(view.key(), scrolled.key());
    }
}
