//! The list never moves under the hands: when it is held, and what has happened to it meanwhile.

use crate::{
    live::{Held, Snapshot},
    session::{
        Session, SessionId,
        query::{Filter, SessionQuery},
        selection::grouped,
    },
};

/// What the user's hands do with the list. While any of it is so, the order holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hands {
    /// A row is selected.
    pub(super) selected: bool,
    /// Something in a row has the keyboard.
    pub(super) focused: bool,
    /// The pointer is over the rows.
    pub(super) pointed: bool,
    /// The first row is out of sight.
    pub(super) scrolled: bool,
    /// A deletion is asked about: whoever answers finds the keyboard at the session where it was.
    pub(super) asked: bool,
}

impl Hands {
    /// Whether the order holds.
    pub(super) fn are_on_the_list(self) -> bool {
        self.selected || self.focused || self.pointed || self.scrolled || self.asked
    }
}

/// A row of the list as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Which session.
    pub(super) id: SessionId,
    /// The session as it was last seen, if it ever was.
    pub(super) session: Option<Session>,
    /// Whether it has ended since the list was read.
    pub(super) ended: bool,
}

impl Row {
    /// A row of a session that is there.
    pub(super) fn live(session: &Session) -> Self {
        Self { id: session.id, session: Some(session.clone()), ended: false }
    }

    /// A row of which only the place is known yet.
    pub(super) fn awaited(id: SessionId) -> Self {
        Self { id, session: None, ended: false }
    }

    /// Takes over what is now known of the session: nothing, when it has ended.
    fn follow(&mut self, sessions: &[Session]) {
        match find(sessions, self.id) {
            Some(session) => *self = Self::live(session),
            None => self.ended = true,
        }
    }

    /// Takes over what is now known of the session, from a part of the list that need not contain it.
    pub(super) fn follow_if_there(&mut self, sessions: &[Session]) {
        if let Some(session) = find(sessions, self.id) {
            *self = Self::live(session);
        }
    }
}

fn find(sessions: &[Session], id: SessionId) -> Option<&Session> {
    sessions.iter().find(|session| session.id == id)
}

/// The list at the moment from which on it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    /// The newest session then.
    pub(super) as_of: SessionId,
    /// How many rows the list has, those included that have ended since.
    pub(super) rows: u64,
    /// How many sessions matched then.
    total: u64,
}

impl Hold {
    /// Holds the list as it was read.
    pub(super) fn of(read: &Snapshot) -> Self {
        Self { as_of: read.as_of, rows: read.total, total: read.total }
    }

    /// What the server is asked to keep telling of: these rows, which are that part of the list.
    pub(super) fn held(&self, rows: &[Row], query: &SessionQuery) -> Held {
        let ids = rows.iter().map(|row| row.id).collect();
        Held { as_of: self.as_of, first: query.first, limit: query.limit, ids }
    }

    /// How many sessions have come since that match, as far as their number tells.
    pub(super) fn came(&self, total: u64) -> u64 {
        total.saturating_sub(self.total)
    }

    /// Changes the rows in place; those whose session has ended are marked.
    pub(super) fn apply(&self, rows: &mut [Row], now: &Snapshot) {
        rows.iter_mut().for_each(|row| row.follow(&now.sessions));
    }

    /// What has happened since, in a view of this filter.
    pub(super) fn news(&self, now: &Snapshot, filter: &Filter) -> News {
        let gone = (self.total + now.newer).saturating_sub(now.total);
        // Then a session need not end to be gone from the view.
        let may_be_there = filter.understood().is_ok_and(|search| search.depends_on_time());
        let (ended, unmatched) = if may_be_there { (0, gone) } else { (gone, 0) };
        News { new: now.newer, ended, unmatched }
    }
}

/// What has happened since the list was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Sessions that were established since and match.
    pub(super) new: u64,
    /// Sessions that matched and have ended since, in or out of sight.
    pub(super) ended: u64,
    /// Sessions that matched and do not now, whether they have ended or not.
    pub(super) unmatched: u64,
}

impl News {
    /// `4 new, 2 ended`; empty when nothing has happened.
    pub(super) fn text(self) -> String {
        let part = |count: u64, word: &str| (count != 0).then(|| format!("{} {word}", grouped(count)));
        let parts = [part(self.new, "new"), part(self.ended, "ended"), part(self.unmatched, "no longer match")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_hand_on_the_list_holds_it() {
        assert!(!Hands::default().are_on_the_list());
        for hands in [
            Hands { selected: true, ..Hands::default() },
            Hands { focused: true, ..Hands::default() },
            Hands { pointed: true, ..Hands::default() },
            Hands { scrolled: true, ..Hands::default() },
            Hands { asked: true, ..Hands::default() },
        ] {
            assert!(hands.are_on_the_list());
        }
    }

    #[test]
    fn the_news_are_told_in_few_words() {
        let text = |new, ended| News { new, ended, unmatched: 0 }.text();
        assert_eq!(text(4, 2), "4 new, 2 ended");
        assert_eq!(text(1_200, 0), "1,200 new");
        assert_eq!(text(0, 1), "1 ended");
        assert_eq!(text(0, 0), "");
    }

    #[test]
    fn what_ended_follows_from_what_is_new_and_what_there_is() {
        let hold = Hold { as_of: SessionId(9), rows: 100, total: 100 };
        let news = |total, newer, search: &str| {
            let filter = Filter { search: search.to_owned(), ..Filter::default() };
            hold.news(&Snapshot { total, newer, ..Snapshot::default() }, &filter)
        };
        assert_eq!(news(102, 4, "anna"), News { new: 4, ended: 2, unmatched: 0 });
        assert_eq!(news(100, 0, ""), News::default());
        assert_eq!(news(97, 0, "idle<5m").text(), "3 no longer match");
    }
}
