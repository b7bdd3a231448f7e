//! The order of a list that a tab holds: kept for the tab from the first time it scrolls on, until it lets go.

use std::{
    collections::HashSet,
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

/// How many rows are kept for all tabs together: 64 MB. Beyond that a tab that scrolls has the order read anew around the
/// rows that it shows.
const MOST_ROWS: usize = 16 * 1_024 * 1_024;

/// How many rows are kept, for all tabs.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptRows(Arc<AtomicUsize>);

/// See the module.
pub(super) struct HeldOrder {
    filter: Filter,
    sort: Sort,
    as_of: SessionId,
    lowest: SessionId,
    /// By how much each id is greater than the lowest: half the memory.
    rows: Vec<u32>,
    kept: KeptRows,
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
        let in_order = || ids[..place].iter().chain(&held.ids).chain(&ids[place..]);
        let lowest = in_order().min().copied().unwrap_or_default();
        // Ids this far apart belong to no tab that tells the truth.
        let mut rows: Vec<_> = in_order().filter_map(|id| u32::try_from(id.0 - lowest.0).ok()).collect();
        rows.shrink_to_fit();
        kept.0.fetch_add(rows.len(), Ordering::Relaxed);
        let (filter, sort) = (view.query.filter.clone(), view.query.sort);
        Some(Self { filter, sort, as_of: held.as_of, lowest, rows, kept: kept.clone() })
    }

    /// Whether this is the order that a view holds.
    pub(super) fn is_of(&self, view: &View) -> bool {
        let same_list = self.filter == view.query.filter && self.sort == view.query.sort;
        same_list && view.held.as_ref().is_some_and(|held| held.as_of == self.as_of)
    }

    /// Whether there is room to keep it.
    pub(super) fn can_be_kept(&self) -> bool {
        self.kept.0.load(Ordering::Relaxed) <= MOST_ROWS
    }

    /// A part of it for a view: at most `limit` rows from `first` on.
    pub(super) fn part(&self, view: &View, first: u64, limit: u32) -> HeldPart {
        let begin = usize::try_from(first).unwrap_or(usize::MAX).min(self.rows.len());
        let end = begin.saturating_add(limit as usize).min(self.rows.len());
        let ids = self.rows[begin..end].iter().map(|row| SessionId(self.lowest.0 + u64::from(*row))).collect();
        let held = Held { as_of: self.as_of, first, limit, ids };
        HeldPart { view: view.key(), held, total: self.rows.len() as u64 }
    }
}

impl Drop for HeldOrder {
    fn drop(&mut self) {
        self.kept.0.fetch_sub(self.rows.len(), Ordering::Relaxed);
    }
}
