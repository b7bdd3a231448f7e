//! The order of a list that a tab holds: kept for the tab from the first time it scrolls on, until it lets go.

use std::{
    collections::HashSet,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use app::{
    live::{Held, HeldPart, View},
    session::{
        SessionId,
        query::{Filter, Sort},
        service::Sessions,
    },
};

/// How many bytes are kept for all tabs together: sixteen million rows. Beyond that a tab that scrolls has the order read anew
/// around the rows that it shows.
const MOST_BYTES: usize = 64 * 1_024 * 1_024;

/// How many bytes are kept, for all tabs.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptRows(Arc<AtomicUsize>);

/// See the module.
pub(super) struct HeldOrder {
    filter: Filter,
    sort: Sort,
    as_of: SessionId,
    rows: Rows,
    kept: KeptRows,
}

/// Ids in order.
enum Rows {
    /// By how much each is greater than the lowest: half the memory.
    Near { lowest: u64, beyond: Vec<u32> },
    /// There is one that is greater by more than that: a client token may be years older than the newest session.
    Far(Vec<u64>),
}

impl Rows {
    fn new(ids: impl Iterator<Item = u64> + Clone) -> Self {
        let lowest = ids.clone().min().unwrap_or_default();
        // As many as there are are made room for, no more: they are kept.
        let mut beyond = Vec::with_capacity(ids.clone().count());
        for id in ids.clone() {
            let Ok(near) = u32::try_from(id - lowest) else { return Self::Far(ids.collect()) };
            beyond.push(near);
        }
        Self::Near { lowest, beyond }
    }

    fn len(&self) -> usize {
        match self {
            Self::Near { beyond, .. } => beyond.len(),
            Self::Far(ids) => ids.len(),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Near { beyond, .. } => size_of_val(beyond.as_slice()),
            Self::Far(ids) => size_of_val(ids.as_slice()),
        }
    }

    /// Those in these places.
    fn part(&self, places: Range<usize>) -> Vec<SessionId> {
        match self {
            Self::Near { lowest, beyond } => {
                beyond[places].iter().map(|id| SessionId(lowest + u64::from(*id))).collect()
            }
            Self::Far(ids) => ids[places].iter().copied().map(SessionId).collect(),
        }
    }
}

impl HeldOrder {
    /// The order in which a held list is shown: where the tab holds its rows, they stand as they stood, and each session of
    /// the list that it does not hold stands somewhere before or after them. `None` for a view that holds nothing. One
    /// pass over all sessions, and a sort.
    pub(super) fn read(sessions: &Sessions, view: &View, kept: &KeptRows) -> Option<Self> {
        let held = view.held.as_ref()?;
        let shown: HashSet<_> = held.ids.iter().collect();
        let mut ids = sessions.store().ids(&view.query.filter, view.query.sort, sessions.lifetimes(), sessions.now());
        ids.retain(|id| *id <= held.as_of && !shown.contains(id));
        let place = ids.len().min(usize::try_from(held.first).unwrap_or(usize::MAX));
        let in_order = ids[..place].iter().chain(&held.ids).chain(&ids[place..]);
        let rows = Rows::new(in_order.map(|id| id.0));
        kept.0.fetch_add(rows.bytes(), Ordering::Relaxed);
        let (filter, sort) = (view.query.filter.clone(), view.query.sort);
        Some(Self { filter, sort, as_of: held.as_of, rows, kept: kept.clone() })
    }

    /// Whether this is the order that a view holds.
    pub(super) fn is_of(&self, view: &View) -> bool {
        let same_list = self.filter == view.query.filter && self.sort == view.query.sort;
        same_list && view.held.as_ref().is_some_and(|held| held.as_of == self.as_of)
    }

    /// Whether there is room to keep it.
    pub(super) fn can_be_kept(&self) -> bool {
        self.kept.0.load(Ordering::Relaxed) <= MOST_BYTES
    }

    /// A part of it for a view: at most `limit` rows from `first` on.
    pub(super) fn part(&self, view: &View, first: u64, limit: u32) -> HeldPart {
        let begin = usize::try_from(first).unwrap_or(usize::MAX).min(self.rows.len());
        let end = begin.saturating_add(limit as usize).min(self.rows.len());
        let held = Held { as_of: self.as_of, first, limit, ids: self.rows.part(begin..end) };
        HeldPart { view: view.key(), held, total: self.rows.len() as u64 }
    }
}

impl Drop for HeldOrder {
    fn drop(&mut self) {
        self.kept.0.fetch_sub(self.rows.bytes(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn every_id_stands_in_its_place_however_far_they_are_apart(
            ids in vec(prop_oneof![1_u64..9_000, (1_u64 << 32)..(1 << 33), any::<u64>()], 0..40),
            from in 0_usize..50,
            rows in 0_usize..50,
        ) {
            let kept = Rows::new(ids.iter().copied());
            prop_assert_eq!(kept.len(), ids.len());
            let (begin, end) = (from.min(ids.len()), (from + rows).min(ids.len()));
            let expected: Vec<_> = ids[begin..end].iter().copied().map(SessionId).collect();
            prop_assert_eq!(kept.part(begin..end), expected);
        }
    }

    #[test]
    fn ids_that_are_near_each_other_take_half_the_room() {
        let (near, far) = (Rows::new([7, 9].into_iter()), Rows::new([7, 7 + (1 << 32)].into_iter()));
        assert_eq!((near.bytes(), far.bytes()), (8, 16));
    }
}
