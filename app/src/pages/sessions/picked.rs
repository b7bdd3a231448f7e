//! The sessions that the user has selected.

use crate::session::{SessionId, query::Filter, selection::Selection};

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
        /// How many they were, as the server counted.
        counted: Option<u64>,
        /// Taken out again by hand.
        except: Vec<SessionId>,
    },
}

/// What the header checkbox shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Nothing is picked.
    Empty,
    /// Something is picked, not all.
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
    /// All that match.
    pub(super) fn all(filter: Filter, as_of: SessionId) -> Self {
        Self::AllBut { filter, as_of, counted: None, except: Vec::new() }
    }

    /// Whether a session that is shown, and may be picked, is.
    pub(super) fn contains(&self, id: SessionId) -> bool {
        match self {
            Self::These(ids) => ids.contains(&id),
            Self::AllBut { as_of, except, .. } => id <= *as_of && !except.contains(&id),
        }
    }

    /// Picks these sessions, or drops them. A session that is newer than "all" was cannot join it.
    pub(super) fn set(&mut self, ids: &[SessionId], picked: bool) {
        let (list, listed) = match self {
            Self::These(list) => (list, picked),
            Self::AllBut { except, .. } => (except, !picked),
        };
        list.retain(|id| !ids.contains(id));
        if listed {
            list.extend_from_slice(ids);
        }
    }

    /// Whether a session came after all were picked: it cannot be picked beside them.
    pub(super) fn is_newer(&self, id: SessionId) -> bool {
        matches!(self, Self::AllBut { as_of, .. } if id > *as_of)
    }

    /// Drops sessions that have ended.
    pub(super) fn forget(&mut self, ended: &[SessionId]) {
        let mut ended: Vec<_> = ended.iter().copied().filter(|id| self.contains(*id)).collect();
        match self {
            Self::These(ids) => ids.retain(|id| !ended.contains(id)),
            Self::AllBut { except, .. } => except.append(&mut ended),
        }
    }

    /// Takes the server's count of a selection, unless something else has been picked since.
    pub(super) fn count_all(&mut self, of: &Self, count: u64) {
        if let (Self::AllBut { filter, as_of, counted, .. }, Self::AllBut { filter: of_filter, as_of: of_as_of, .. }) =
            (self, of)
            && (&*filter, &*as_of) == (of_filter, of_as_of)
        {
            *counted = Some(count);
        }
    }

    /// How many sessions are picked; `None` until the server has counted.
    pub(super) fn count(&self) -> Option<u64> {
        match self {
            Self::These(ids) => Some(ids.len() as u64),
            Self::AllBut { counted, except, .. } => Some(counted.as_ref()?.saturating_sub(except.len() as u64)),
        }
    }

    /// Whether nothing is picked.
    pub(super) fn is_empty(&self) -> bool {
        self.count() == Some(0)
    }

    /// What a delete is about.
    pub(super) fn selection(&self) -> Selection {
        match self {
            Self::These(ids) => Selection::Ids(ids.clone()),
            Self::AllBut { filter, as_of, except, .. } => {
                Selection::Matching { filter: filter.clone(), as_of: *as_of, except: except.clone() }
            }
        }
    }

    /// What the header checkbox shows when `every` session that can be picked is known, if it is.
    pub(super) fn header(&self, every: Option<&[SessionId]>) -> Header {
        let full = match self {
            Self::These(_) => every.is_some_and(|every| every.iter().all(|id| self.contains(*id))),
            Self::AllBut { except, .. } => except.is_empty(),
        };
        match (self.is_empty(), full) {
            (true, _) => Header::Empty,
            (false, true) => Header::Full,
            (false, false) => Header::Partial,
        }
    }
}

/// The sessions from `one` to `other`, both included, in the order in which they are shown; only `other` when `one` is
/// not shown any more.
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

    fn ids<const N: usize>(ids: [u64; N]) -> [SessionId; N] {
        ids.map(SessionId)
    }

    #[test]
    fn sessions_are_picked_and_dropped_one_by_one() {
        let mut picked = Picked::default();
        picked.set(&ids([3, 4]), true);
        picked.set(&ids([4, 5]), true);
        picked.set(&ids([3]), false);
        assert_eq!(picked.selection(), Selection::Ids(ids([4, 5]).to_vec()));
        assert_eq!(picked.count(), Some(2));
        picked.forget(&ids([4, 5]));
        assert!(picked.is_empty());
    }

    #[test]
    fn all_but_a_few_is_one_value() {
        let mut picked = Picked::all(Filter::default(), SessionId(90));
        assert_eq!(picked.count(), None);
        picked.count_all(&picked.clone(), 80);
        picked.set(&ids([7, 8]), false);
        picked.set(&ids([8]), true);
        assert_eq!(picked.count(), Some(79));
        assert!(picked.contains(SessionId(8)) && !picked.contains(SessionId(7)));
        assert!(!picked.contains(SessionId(91)), "newer than all were");
        assert!(picked.is_newer(SessionId(91)) && !Picked::default().is_newer(SessionId(91)));
        picked.forget(&ids([7, 9, 95]));
        assert_eq!(picked.count(), Some(78), "of those that ended one was picked");
        let except = ids([7, 9]).to_vec();
        assert_eq!(picked.selection(), Selection::Matching { filter: Filter::default(), as_of: SessionId(90), except });
    }

    #[test]
    fn a_count_of_something_else_is_passed_over() {
        let mut picked = Picked::all(Filter::default(), SessionId(90));
        picked.count_all(&Picked::all(Filter::default(), SessionId(80)), 5);
        let filter = Filter { search: "anna".to_owned(), ..Filter::default() };
        picked.count_all(&Picked::all(filter, SessionId(90)), 5);
        assert_eq!(picked.count(), None);
    }

    #[test]
    fn the_header_shows_how_much_is_picked() {
        let every = ids([1, 2]);
        let mut picked = Picked::default();
        assert_eq!(picked.header(Some(&every)), Header::Empty);
        picked.set(&ids([1]), true);
        assert_eq!(picked.header(Some(&every)), Header::Partial);
        picked.set(&ids([2]), true);
        assert_eq!(picked.header(Some(&every)), Header::Full);
        assert_eq!(picked.header(None), Header::Partial);

        let mut picked = Picked::all(Filter::default(), SessionId(9));
        assert_eq!(picked.header(None), Header::Full);
        picked.set(&ids([1]), false);
        assert_eq!(picked.header(None), Header::Partial);
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
