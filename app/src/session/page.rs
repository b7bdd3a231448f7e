//! An answer to a [`SessionQuery`](super::query::SessionQuery).

use serde::{Deserialize, Serialize};

use super::{Session, SessionId, SessionType};

/// The number of changes the store has made since it was opened; later reads have greater revisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// How many are signed in, whatever the query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Distinct usernames with at least one session.
    pub active_users: u64,
    /// Sessions of each type, in the order of [`SessionType::ALL`].
    pub by_type: [u64; 3],
}

impl Counts {
    /// Open sessions in all.
    pub fn active_sessions(&self) -> u64 {
        self.by_type.iter().sum()
    }

    /// Open sessions of this type, or of all.
    pub fn of(&self, session_type: Option<SessionType>) -> u64 {
        session_type.map_or_else(|| self.active_sessions(), |one| self.by_type[one.index()])
    }
}

/// Part of the session list, read at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// When it was read, in changes.
    pub revision: Revision,
    /// The tiles and the count of each type.
    pub counts: Counts,
    /// Sessions that match the filter, exactly.
    pub total: u64,
    /// The newest session id handed out when it was read: what "as of" means in a selection.
    pub as_of: SessionId,
    /// The rows asked for, in order.
    pub sessions: Vec<Session>,
}
