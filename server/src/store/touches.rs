//! When rows are written for sessions that were touched: every few seconds, some at a time, never for each request.

use std::time::{Duration, Instant};

use super::{stored_texts::StoredTexts, table::Table};

/// The time from the end of one pass over the touched rows to the next.
const EVERY: Duration = Duration::from_secs(5);

/// The pass over the touched rows.
pub(crate) struct Touches {
    due_at: Instant,
    /// Where the pass goes on.
    position: usize,
}

impl Touches {
    pub(crate) fn new(now: Instant) -> Self {
        Self { due_at: now + EVERY, position: 0 }
    }

    /// When there is something to do next; past while a pass goes on.
    pub(crate) fn due_at(&self) -> Instant {
        self.due_at
    }

    /// The next rows to write, about `enough` at most; none before the pass is due.
    pub(crate) fn take(
        &mut self,
        table: &Table,
        texts: &mut StoredTexts,
        enough: usize,
        now: Instant,
    ) -> Vec<(u64, Vec<u8>)> {
        if now < self.due_at {
            return Vec::new();
        }
        let touched = table.take_touched(self.position, enough, texts);
        self.position = touched.next.unwrap_or(0);
        if touched.next.is_none() {
            self.due_at = now + EVERY;
        }
        touched.rows
    }
}

#[cfg(test)]
mod tests {
    use app::time::Timestamp;

    use super::{
        super::table::tests::{row, table},
        *,
    };

    #[test]
    fn a_pass_is_due_every_five_seconds_and_goes_on_until_it_is_through() {
        let table = table((1..=300).map(|id| row(id, "anna")));
        table.slots().for_each(|slot| _ = table.touch(slot, Timestamp::from_millis(9_000)));
        let start = Instant::now();
        let mut touches = Touches::new(start);
        let mut take = |seconds: u64| {
            let now = start + Duration::from_secs(seconds);
            touches.take(&table, &mut StoredTexts::default(), 100, now).len()
        };
        assert_eq!([4, 5, 5, 6, 7, 12].map(&mut take), [0, 128, 128, 44, 0, 0]);
    }
}
