//! The sessions that the user has selected.

use crate::{
    session::{Session, SessionId, query::Filter, selection::Selection},
    time::Timestamp,
};

/// Sessions picked one by one, or all that match but a few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Picked {
    /// Exactly these.
    These(Vec<SessionId>),
    /// All that match the filter, up to the newest session when they were picked.
    AllBut {
        /// The filter.
        filter: Filter,
        /// The newest session then.
        as_of: SessionId,
        /// When they were picked: times in the filter count at that moment.
        at: Timestamp,
        /// Taken out again by hand.
        except: Vec<SessionId>,
    },
}

/// What the header checkbox shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Nothing is picked.
    Empty,
    /// Something is picked, not all that is in view.
    Partial,
    /// All that can be picked is.
    Full,
}

impl Default for Picked {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Picked {
    /// All that match at `at`, up to a session.
    pub(super) fn all(filter: Filter, as_of: SessionId, at: Timestamp) -> Self {
        Self::AllBut { filter, as_of, at, except: Vec::new() }
    }

    /// Whether nothing has been picked.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::These(ids) if ids.is_empty())
    }

    /// Whether a session that may be deleted is picked, in whatever view it is shown.
    pub(super) fn contains(&self, session: &Session) -> bool {
        match self {
            Self::These(ids) => ids.contains(&session.id),
            Self::AllBut { except, .. } => self.may_contain(session) && !except.contains(&session.id),
        }
    }

    /// Whether a session can be picked beside the others: not one that is none of "all".
    pub(super) fn may_contain(&self, session: &Session) -> bool {
        match self {
            Self::These(_) => true,
            Self::AllBut { filter, as_of, at, .. } => session.id <= *as_of && filter.matches(session, *at),
        }
    }

    /// Picks these sessions, or drops them. They must be such that may be contained.
    pub(super) fn set(&mut self, ids: &[SessionId], picked: bool) {
        let (list, listed) = match self {
            Self::These(list) => (list, picked),
            Self::AllBut { except, .. } => (except, !picked),
        };
        let mut sorted = ids.to_vec();
        sorted.sort_unstable();
        list.retain(|id| sorted.binary_search(id).is_err());
        if listed {
            list.extend_from_slice(ids);
        }
    }

    /// Drops sessions that have ended. Of "all" they are none any more anyway.
    pub(super) fn forget(&mut self, ended: &[SessionId]) {
        if let Self::These(ids) = self {
            ids.retain(|id| !ended.contains(id));
        }
    }

    /// What a delete is about.
    pub(super) fn selection(&self) -> Selection {
        match self {
            Self::These(ids) => Selection::Ids(ids.clone()),
            Self::AllBut { filter, as_of, at, except } => {
                Selection::Matching { filter: filter.clone(), as_of: *as_of, at: Some(*at), except: except.clone() }
            }
        }
    }

    /// What the header checkbox shows in the view of a filter, when `every` session in view that can be picked is known,
    /// if it is.
    pub(super) fn header(&self, view: &Filter, every: Option<&[SessionId]>) -> Header {
        let is_full = match self {
            Self::These(ids) => every.is_some_and(|every| !every.is_empty() && every.iter().all(|id| ids.contains(id))),
            Self::AllBut { filter, except, .. } => filter == view && except.is_empty(),
        };
        match (self.is_empty(), is_full) {
            (true, _) => Header::Empty,
            (false, true) => Header::Full,
            (false, false) => Header::Partial,
        }
    }
}

/// The sessions from `one` to `other`, both included, in the order in which they are shown; only `other` when `one` is
/// not among them.
pub(super) fn range(shown: &[SessionId], one: Option<SessionId>, other: SessionId) -> Vec<SessionId> {
    let place = |id: SessionId| shown.iter().position(|shown| *shown == id);
    match (one.and_then(place), place(other)) {
        (Some(one), Some(other)) => shown[one.min(other)..=one.max(other)].to_vec(),
        _ => vec![other],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionType;

    const NOON: Timestamp = Timestamp::from_millis(12 * 3_600_000);

    fn ids<const N: usize>(ids: [u64; N]) -> [SessionId; N] {
        ids.map(SessionId)
    }

    fn session(id: u64, username: &str) -> Session {
        Session {
            id: SessionId(id),
            username: username.into(),
            session_type: SessionType::RestApi,
            address: [10, 20, 1, 4].into(),
            server_name: "keep-01".into(),
            user_agent: "".into(),
            client: "".into(),
            created_at: Timestamp::default(),
            last_active_at: Timestamp::default(),
            standing: None,
        }
    }

    fn contains(picked: &Picked, id: u64, username: &str) -> bool {
        picked.contains(&session(id, username))
    }

    fn anna() -> Filter {
        Filter { search: "user:anna".to_owned(), ..Filter::default() }
    }

    #[test]
    fn sessions_are_picked_and_dropped_one_by_one() {
        let mut picked = Picked::default();
        picked.set(&ids([3, 4]), true);
        picked.set(&ids([4, 5]), true);
        picked.set(&ids([3]), false);
        assert_eq!(picked.selection(), Selection::Ids(ids([4, 5]).to_vec()));
        picked.forget(&ids([4, 5]));
        assert!(picked.is_empty());
    }

    #[test]
    fn what_is_picked_again_is_picked_once() {
        let mut picked = Picked::default();
        picked.set(&ids([9, 3, 5]), true);
        picked.set(&ids([5, 4, 9]), true);
        assert_eq!(picked.selection(), Selection::Ids(ids([3, 5, 4, 9]).to_vec()));
    }

    #[test]
    fn all_but_a_few_is_one_value() {
        let mut picked = Picked::all(anna(), SessionId(90), NOON);
        picked.set(&ids([7, 8]), false);
        picked.set(&ids([8]), true);
        assert!(contains(&picked, 8, "anna") && !contains(&picked, 7, "anna"));
        let except = ids([7]).to_vec();
        let selection = Selection::Matching { filter: anna(), as_of: SessionId(90), at: Some(NOON), except };
        assert_eq!(picked.selection(), selection);
    }

    #[test]
    fn in_another_view_all_is_still_what_it_was() {
        let picked = Picked::all(anna(), SessionId(90), NOON);
        assert!(contains(&picked, 8, "Anna") && !contains(&picked, 8, "ben"));
        assert!(!contains(&picked, 91, "anna"), "newer than all were");
        assert!(!picked.may_contain(&session(8, "ben")));
        assert!(Picked::default().may_contain(&session(91, "ben")));
    }

    #[test]
    fn nothing_joins_all_by_waiting() {
        let idle = Filter { search: "idle>1h".to_owned(), ..Filter::default() };
        let picked = Picked::all(idle, SessionId(90), NOON);
        let last_active_at = |minutes: u64| Session {
            last_active_at: Timestamp::from_millis(NOON.as_millis() - minutes * 60_000),
            ..session(8, "anna")
        };
        assert!(picked.contains(&last_active_at(61)));
        assert!(!picked.contains(&last_active_at(59)), "however late it is now");
    }

    #[test]
    fn the_header_shows_how_much_of_the_view_is_picked() {
        let (every, view) = (ids([1, 2]), Filter::default());
        let mut picked = Picked::default();
        assert_eq!(picked.header(&view, Some(&every)), Header::Empty);
        picked.set(&ids([1]), true);
        assert_eq!(picked.header(&view, Some(&every)), Header::Partial);
        picked.set(&ids([2]), true);
        assert_eq!(picked.header(&view, Some(&every)), Header::Full);
        assert_eq!(picked.header(&view, None), Header::Partial);
        assert_eq!(picked.header(&view, Some(&[])), Header::Partial, "what is picked is elsewhere");

        let mut picked = Picked::all(Filter::default(), SessionId(9), NOON);
        assert_eq!(picked.header(&view, None), Header::Full);
        assert_eq!(picked.header(&anna(), None), Header::Partial);
        picked.set(&ids([1]), false);
        assert_eq!(picked.header(&view, None), Header::Partial);
    }

    #[test]
    fn a_range_is_the_same_from_either_end() {
        let shown = ids([5, 3, 8, 1]);
        let between = ids([3, 8, 1]).to_vec();
        assert_eq!(range(&shown, Some(SessionId(3)), SessionId(1)), between);
        assert_eq!(range(&shown, Some(SessionId(1)), SessionId(3)), between);
        assert_eq!(range(&shown, None, SessionId(8)), ids([8]));
        assert_eq!(range(&shown, Some(SessionId(77)), SessionId(8)), ids([8]));
    }
}
