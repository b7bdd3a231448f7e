//! The rows of one window of a sorted list, found without sorting the list.

/// Below this many rows the window keeps everything: cutting would cost more.
const FEW_ROWS: usize = 256;

/// Keeps the rows that may lie in a window while all rows pass by in any order. Costs a comparison for most rows, and
/// memory for twice the rows up to the window's end.
///
/// A row is a place, a number that most rows are decided by, and what decides between rows of one place. Rows must all be
/// different, or which of two equal ones is in the window is left open.
pub(crate) struct Window<R> {
    first: usize,
    end: usize,
    kept: Vec<(u64, R)>,
    /// Rows from here on lie behind the window.
    bound: Option<(u64, R)>,
    /// The place of the bound, or the last there is.
    last_place: u64,
}

impl<R: Ord + Copy> Window<R> {
    /// The window of `limit` rows from row number `first`, counted from 0.
    pub(crate) fn new(first: u64, limit: u32) -> Self {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        Self { first, end: first.saturating_add(limit as usize), kept: Vec::new(), bound: None, last_place: u64::MAX }
    }

    /// The last place of which a row may be in the window, once it is known of some rows that they lie behind it.
    #[inline]
    pub(crate) fn last_place(&self) -> Option<u64> {
        self.bound.map(|(place, _)| place)
    }

    /// Lets a row pass by. Only near the bound it is asked for more than its place.
    #[inline]
    pub(crate) fn push(&mut self, place: u64, rest: impl FnOnce() -> R) {
        if place > self.last_place {
            return;
        }
        let row = (place, rest());
        if self.bound.is_some_and(|bound| row >= bound) {
            return;
        }
        self.kept.push(row);
        if self.kept.len() >= self.end.saturating_mul(2).max(FEW_ROWS) {
            self.cut();
        }
    }

    /// The rows of the window, in order.
    pub(crate) fn into_rows(mut self) -> Vec<R> {
        self.cut();
        if self.first >= self.kept.len() {
            return Vec::new();
        }
        self.kept.select_nth_unstable(self.first);
        let mut rows = self.kept.split_off(self.first);
        rows.sort_unstable();
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// Drops the rows behind the window.
    fn cut(&mut self) {
        if self.end > 0 && self.kept.len() > self.end {
            self.kept.select_nth_unstable(self.end - 1);
            let bound = self.kept[self.end - 1];
            self.bound = Some(bound);
            self.last_place = bound.0;
        }
        self.kept.truncate(self.end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_window_is_what_sorting_everything_shows(
            rows in proptest::collection::hash_set((0_u64..90, any::<u16>()), 0..2_000),
            first in 0_u64..2_100,
            limit in 0_u32..50,
        ) {
            let mut window = Window::new(first, limit);
            rows.iter().for_each(|(place, row)| window.push(*place, || (*place, *row)));
            let mut sorted: Vec<_> = rows.into_iter().collect();
            sorted.sort_unstable();
            let expected: Vec<_> = sorted.into_iter().skip(first as usize).take(limit as usize).collect();
            prop_assert_eq!(window.into_rows(), expected);
        }
    }

    #[test]
    fn a_window_far_behind_the_end_is_empty() {
        let mut window = Window::new(u64::MAX, 50);
        (0..1_000).for_each(|row| window.push(row, || row));
        assert_eq!(window.into_rows(), [] as [u64; 0]);
    }
}
