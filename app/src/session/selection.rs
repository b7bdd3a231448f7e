//! Which sessions a delete is about, and what became of it.

use serde::{Deserialize, Serialize};

use super::{SessionId, SessionType, query::Filter};
use crate::time::Timestamp;

/// The sessions that a delete is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// Exactly these.
    Ids(Vec<SessionId>),
    /// All that match a filter: one value, however many they are.
    Matching {
        /// Which sessions.
        filter: Filter,
        /// Only sessions up to this id: those that the administrator could have seen.
        as_of: SessionId,
        /// When they were selected: times in the filter count at that moment, so that nothing joins by waiting. A
        /// session used since counts as just used. `None`: when the delete is done.
        at: Option<Timestamp>,
        /// Sessions taken out again by hand.
        except: Vec<SessionId>,
    },
}

/// Why a selected session was not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// It is a session of whoever asks: those end under My Sessions.
    OwnUsername,
    /// It has ended already.
    AlreadyEnded,
}

/// A selected session that was not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Which.
    pub id: SessionId,
    /// Why.
    pub reason: SkipReason,
}

/// What became of a delete: every selected session is in one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// How many sessions ended.
    pub deleted: u64,
    /// Those that were left alone.
    pub skipped: Vec<Skipped>,
}

/// How many sessions are selected, for a view that may show other ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectedCounts {
    /// Selected sessions that are there and may be deleted.
    pub sessions: u64,
    /// Those of them that the view's filter does not mean.
    pub outside: u64,
}

/// What a delete would do, for the confirmation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletePreview {
    /// Sessions that would end.
    pub sessions: u64,
    /// Distinct users they belong to.
    pub users: u64,
    /// The same, for each type that occurs.
    pub by_type: Vec<TypePreview>,
    /// How many of them were active within the last minute.
    pub active_last_minute: u64,
    /// Selected sessions that are the asker's own and would stay.
    pub own: u64,
}

impl DeletePreview {
    /// `Delete 3 sessions of 2 users?`
    pub fn question(&self) -> String {
        let plural = |count: u64, word: &str| format!("{} {word}{}", grouped(count), if count == 1 { "" } else { "s" });
        format!("Delete {} of {}?", plural(self.sessions, "session"), plural(self.users, "user"))
    }
}

/// The sessions of one type that a delete would end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypePreview {
    /// The type.
    pub session_type: SessionType,
    /// How many.
    pub sessions: u64,
    /// Up to three of their usernames, in order of first occurrence.
    pub usernames: Vec<std::sync::Arc<str>>,
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index != 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_counts_sessions_and_users() {
        let ask = |sessions, users| DeletePreview { sessions, users, ..DeletePreview::default() }.question();
        assert_eq!(ask(1, 1), "Delete 1 session of 1 user?");
        assert_eq!(ask(1_003, 2), "Delete 1,003 sessions of 2 users?");
    }

    #[test]
    fn numbers_are_grouped_in_threes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
