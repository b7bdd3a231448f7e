//! The rows of one window of a sorted list, found without sorting the list.

use std::cmp::Ordering;

use super::table::Slot;

/// Below this many rows the window keeps everything: cutting would cost more.
const FEW_ROWS: usize = 256;

/// Keeps the slots of rows that may lie in a window while all rows pass by in any order. Costs a comparison for most rows, and
/// sixteen bytes for twice the rows up to the window's end, or for all.
///
/// A row is a place, a number that most rows are decided by, and what `order` tells of its slot, which decides between rows of
/// one place. Rows must all be different, or which of two equal ones is in the window is left open.
pub(crate) struct Window<Order> {
    first: usize,
    end: usize,
    order: Order,
    kept: Vec<(u64, Slot)>,
    /// Rows from here on lie behind the window.
    bound: Option<(u64, Slot)>,
    /// The place of the bound, or the last there is.
    last_place: u64,
}

impl<Key: Ord, Order: Fn(Slot) -> Key> Window<Order> {
    /// The window of `limit` rows from row number `first`, counted from 0.
    pub(crate) fn new(first: u64, limit: u32, order: Order) -> Self {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        let end = first.saturating_add(limit as usize);
        Self { first, end, order, kept: Vec::new(), bound: None, last_place: u64::MAX }
    }

    /// Whether it is known of some rows that they lie behind the window.
    pub(crate) fn has_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// Whether a row of this place may be in the window, as far as is known by now.
    #[inline]
    pub(crate) fn reaches(&self, place: u64) -> bool {
        place <= self.last_place
    }

    /// Lets a row pass by. Only near the bound more is looked at than its place.
    #[inline]
    pub(crate) fn push(&mut self, place: u64, slot: Slot) {
        if !self.reaches(place) {
            return;
        }
        let row = (place, slot);
        if self.bound.is_some_and(|bound| compare(&self.order, &row, &bound).is_ge()) {
            return;
        }
        self.kept.push(row);
        if self.kept.len() >= self.end.saturating_mul(2).max(FEW_ROWS) {
            self.cut();
        }
    }

    /// The slots of the window's rows, in order.
    pub(crate) fn into_slots(mut self) -> Vec<Slot> {
        self.cut();
        let Self { first, order, mut kept, .. } = self;
        if first >= kept.len() {
            return Vec::new();
        }
        let compare = |one: &_, other: &_| compare(&order, one, other);
        kept.select_nth_unstable_by(first, compare);
        let mut rows = kept.split_off(first);
        rows.sort_unstable_by(compare);
        rows.into_iter().map(|(_, slot)| slot).collect()
    }

    /// Drops the rows behind the window.
    fn cut(&mut self) {
        if self.end > 0 && self.kept.len() > self.end {
            let Self { order, kept, .. } = self;
            kept.select_nth_unstable_by(self.end - 1, |one, other| compare(&*order, one, other));
            let bound = self.kept[self.end - 1];
            self.bound = Some(bound);
            self.last_place = bound.0;
        }
        self.kept.truncate(self.end);
    }
}

fn compare<Key: Ord>(order: impl Fn(Slot) -> Key, one: &(u64, Slot), other: &(u64, Slot)) -> Ordering {
    one.0.cmp(&other.0).then_with(|| order(one.1).cmp(&order(other.1)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_is_what_sorting_everything_shows(
            rows in proptest::collection::hash_set((0_u64..90, 0_u32..60_000), 0..2_000),
            first in 0_u64..2_100,
            limit in 0_u32..50,
        ) {
            // The other way round than slots are numbered.
            let mut window = Window::new(first, limit, |slot| u32::MAX - slot);
            rows.iter().for_each(|(place, slot)| window.push(*place, *slot));
            let mut sorted: Vec<_> = rows.into_iter().collect();
            sorted.sort_unstable_by_key(|(place, slot)| (*place, u32::MAX - slot));
            let expected = sorted.into_iter().map(|(_, slot)| slot).skip(first as usize).take(limit as usize);
            prop_assert_eq!(window.into_slots(), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_window_far_behind_the_end_is_empty() {
        let mut window = Window::new(u64::MAX, 50, |slot| slot);
        (0..1_000).for_each(|row| window.push(row.into(), row));
        assert_eq!(window.into_slots(), [] as [u32; 0]);
    }
}
