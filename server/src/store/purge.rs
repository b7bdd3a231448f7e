//! Rows of ended sessions that are still to be removed from the disk, by and by.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::tombstone::Tombstone;

/// Rows removed in one commit when nothing else is to be done: so few that neither a command that comes meanwhile nor a
/// check on a lone core waits for long.
const PORTION: usize = 128;
/// While sessions are checked, a pause after each portion is so many times as long as it took: fewer than one check of a
/// hundred notices the purge. (A hundred thousand rows take about two minutes then.)
const PAUSE: u32 = 200;
/// The longest pause: a disk that is slow must not keep rows for hours, and what waits for it needs no processor.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// Rows removed along with other changes: these wait for the disk anyway, and the purge must keep up with new tombstones.
const LARGE_PORTION: usize = 250;
/// A portion goes along with other changes when there was no idle moment for this long.
const OVERDUE_AFTER: Duration = Duration::from_secs(1);

/// From so many tombstones on, a portion goes along with every commit: each has more than sixty rows.
const MANY_TOMBSTONES: usize = 32;

/// Rows to remove in one commit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Portion {
    pub(crate) ids: Vec<u64>,
    /// The tombstone whose last rows these are.
    pub(crate) finished: Option<u64>,
}

/// What is still to be removed. Removing a row twice does no harm, so nothing is kept about progress but in memory.
pub(crate) struct Purge {
    next_seq: u64,
    tombstones: VecDeque<Tombstone>,
    /// How many rows of the first tombstone are gone.
    gone: usize,
    last_at: Instant,
    /// The end of the pause.
    due_at: Instant,
}

impl Purge {
    /// Goes on with the tombstones found in the journal.
    pub(crate) fn new(tombstones: Vec<Tombstone>, now: Instant) -> Self {
        let next_seq = tombstones.iter().map(|tombstone| tombstone.seq + 1).max().unwrap_or(0);
        Self { next_seq, tombstones: tombstones.into(), gone: 0, last_at: now, due_at: now }
    }

    /// A tombstone for these sessions, under a key that no other has had, also if its commit fails.
    pub(crate) fn tombstone(&mut self, ids: Vec<u64>) -> Tombstone {
        let seq = self.next_seq;
        self.next_seq += 1;
        Tombstone { seq, ids }
    }

    fn is_pending(&self) -> bool {
        !self.tombstones.is_empty()
    }

    /// When to go on, if anything is left to remove; past while there is no pause.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.is_pending().then_some(self.due_at)
    }

    /// What to remove next, when no command waits; nothing during a pause.
    pub(crate) fn portion(&self, now: Instant) -> Option<Portion> {
        (now >= self.due_at).then(|| self.next(PORTION)).flatten()
    }

    /// Pauses after a portion, because sessions are checked meanwhile.
    pub(crate) fn pause(&mut self, portion_took: Duration, now: Instant) {
        self.due_at = now + (portion_took * PAUSE).min(LONGEST_PAUSE);
    }

    fn next(&self, rows: usize) -> Option<Portion> {
        let tombstone = self.tombstones.front()?;
        let end = tombstone.ids.len().min(self.gone + rows);
        Some(Portion {
            ids: tombstone.ids[self.gone..end].to_vec(),
            finished: (end == tombstone.ids.len()).then_some(tombstone.seq),
        })
    }

    /// The same beside other changes: only when it has waited for long, or so much waits that it would never end.
    pub(crate) fn overdue_portion(&self, now: Instant) -> Option<Portion> {
        let is_overdue = now.saturating_duration_since(self.last_at) >= OVERDUE_AFTER;
        (is_overdue || self.tombstones.len() > MANY_TOMBSTONES).then(|| self.next(LARGE_PORTION)).flatten()
    }

    /// Notes what a commit has made durable.
    pub(crate) fn note(&mut self, tombstone: Option<Tombstone>, removed: Option<Portion>, now: Instant) {
        if !self.is_pending() {
            self.last_at = now;
        }
        self.tombstones.extend(tombstone);
        if let Some(portion) = removed {
            self.last_at = now;
            self.gone += portion.ids.len();
            if portion.finished.is_some() {
                self.tombstones.pop_front();
                self.gone = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_removed_once_in_portions_and_each_tombstone_with_its_last() {
        let now = Instant::now();
        let rows = (2 * PORTION + PORTION / 2) as u64;
        let mut purge = Purge::new(vec![Tombstone { seq: 4, ids: (0..rows).collect() }], now);
        let second = purge.tombstone(vec![1_000]);
        assert_eq!(second.seq, 5);
        purge.note(Some(second), None, now);

        let mut portions = Vec::new();
        while let Some(portion) = purge.portion(now) {
            portions.push((portion.ids.len(), portion.finished));
            purge.note(None, Some(portion), now);
        }

        let portion = (PORTION, None);
        assert_eq!(portions, [portion, portion, (PORTION / 2, Some(4)), (1, Some(5))]);
        assert!(!purge.is_pending());
    }

    #[test]
    fn a_pause_is_two_hundred_times_as_long_as_a_portion_and_a_quarter_of_a_second_at_most() {
        let now = Instant::now();
        let mut purge = Purge::new(Vec::new(), now);
        assert_eq!(purge.due_at(), None);
        let tombstone = purge.tombstone((0..300).collect());
        purge.note(Some(tombstone), None, now);
        for [took, pause] in [[1, 200], [2, 250], [90, 250]].map(|both| both.map(Duration::from_millis)) {
            purge.pause(took, now);
            assert_eq!(purge.due_at(), Some(now + pause));
            assert_eq!(purge.portion(now + pause - Duration::from_millis(1)), None);
            assert!(purge.portion(now + pause).is_some());
        }
    }

    #[test]
    fn a_portion_that_was_not_made_durable_comes_again() {
        let now = Instant::now();
        let mut purge = Purge::new(Vec::new(), now);
        let tombstone = purge.tombstone((0..300).collect());
        purge.note(Some(tombstone), None, now);
        assert_eq!(purge.portion(now), purge.portion(now));
        assert_eq!(purge.overdue_portion(now), None);
        assert!(purge.overdue_portion(now + OVERDUE_AFTER).is_some());
    }
}
