//! How sessions leave the table: those of a selection, and those past a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use app::{
    session::{
        Lifetimes,
        selection::Deleted,
        store::{Deletion, EndReason},
    },
    time::Timestamp,
};

use super::{ROWS_UNDER_LOCK, Writer};
use crate::store::{
    events::{Event, Events},
    queue::AccountChange,
    selection,
    table::{Slot, Table},
};

/// So many times [`ROWS_UNDER_LOCK`] at most: some milliseconds.
const MOST_AT_ONCE: usize = 16;

/// How many rows leave the table under one lock that had to be waited for so long. Where others read it all the time, each lock
/// is a long wait: it is made the most of, and checks wait for a quarter of that.
fn rows_after(wait: Duration) -> usize {
    ROWS_UNDER_LOCK * (wait.as_millis() as usize).clamp(1, MOST_AT_ONCE)
}

impl Writer {
    /// Takes a selection out of the table.
    pub(super) fn delete(&self, deletion: &Deletion) -> (Deleted, Vec<u64>) {
        let Deletion { selection, spare, now, .. } = deletion;
        let chosen = {
            // The writer holds up nobody who reads, and nobody else writes.
            let table = self.shared.table.read();
            selection::choose_with_pauses(&table, selection, spare.as_deref(), *now, thread::yield_now)
        };
        let ended = self.end(&chosen.slots, deletion.reason, *now, |_, _| true);
        (Deleted { deleted: ended.len() as u64, skipped: chosen.skipped }, ended)
    }

    /// Takes the sessions out of the table that end with a change of an account.
    pub(super) fn end_of_users(&self, change: &AccountChange) -> Vec<u64> {
        let slots: Vec<_> = {
            let table = self.shared.table.read();
            let users: Vec<_> = change.ends.iter().filter_map(|username| table.usernames.find(username)).collect();
            if users.is_empty() {
                return Vec::new();
            }
            let is_meant = |slot: &Slot| users.contains(&table.user(*slot)) && Some(table.id(*slot)) != change.but;
            table.slots().filter(is_meant).collect()
        };
        self.end(&slots, change.reason, change.now, |_, _| true)
    }

    /// Takes sessions past a deadline out of the table. One that is touched meanwhile stays. Looks at the sessions only
    /// when the first of their deadlines has come.
    pub(super) fn sweep(&mut self, lifetimes: &Lifetimes, now: Timestamp) -> Vec<u64> {
        if self.deadlines.is_some_and(|(of, first)| of == *lifetimes && now < first) {
            return Vec::new();
        }
        let is_over = |table: &Table, slot: Slot| now >= table.deadline(slot, lifetimes);
        let mut slots = Vec::new();
        // No session that is established from now on has an earlier one.
        let mut first = lifetimes.first_deadline(now);
        {
            let table = self.shared.table.read();
            for slot in table.slots() {
                if is_over(&table, slot) {
                    slots.push(slot);
                } else {
                    first = first.min(table.deadline(slot, lifetimes));
                }
            }
        }
        let ended = self.end(&slots, EndReason::Expired, now, is_over);
        // What was touched meanwhile has another deadline, which was not looked at.
        self.deadlines = (ended.len() == slots.len()).then_some((*lifetimes, first));
        ended
    }

    /// Takes those of the slots out of the table that are still meant. Slots found before stay valid, because nothing
    /// else changes the table.
    fn end(
        &self,
        slots: &[Slot],
        reason: EndReason,
        at: Timestamp,
        is_meant: impl Fn(&Table, Slot) -> bool,
    ) -> Vec<u64> {
        let mut ids = Vec::with_capacity(slots.len());
        let mut left = slots;
        while !left.is_empty() {
            let begun = Instant::now();
            let mut table = self.shared.table.write();
            let slots = left.split_off(..left.len().min(rows_after(begun.elapsed()))).unwrap_or_default();
            let following = left.len();
            let mut ended = Vec::with_capacity(slots.len());
            // Of very many at once only the last are told: nobody could be told of the others later.
            let are_told = Events::are_remembered_before(following);
            let mut whose = Vec::new();
            for slot in slots {
                if is_meant(&table, *slot) {
                    if are_told {
                        whose.push((table.usernames.text(table.user(*slot)).clone(), table.session_type(*slot)));
                    }
                    ended.push(table.leave(*slot));
                }
            }
            if slots.len() < ROWS_UNDER_LOCK {
                table.clear_up(slots.len());
            }
            self.shared.ends.record(&ended, reason, following);
            self.shared.figures.count_ended(reason, ended.len());
            drop(table);
            // On a lone core, checks would otherwise wait until all of it is done.
            if following > 0 {
                thread::yield_now();
            }
            ids.extend(ended.iter().map(|session| session.id.0));
            if !are_told {
                self.shared.events.skip(ended.len());
                continue;
            }
            self.shared.events.record(ended.iter().zip(whose).map(|(ended, (username, session_type))| Event::Ended {
                id: ended.id,
                username,
                session_type,
                reason,
                at,
            }));
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_waited_for_long_does_more_at_once() {
        let rows = [0, 900, 1_500, 7_000, 20_000, 9_000_000].map(|micros| rows_after(Duration::from_micros(micros)));
        assert_eq!(rows.map(|rows| rows / ROWS_UNDER_LOCK), [1, 1, 1, 7, 16, 16]);
    }
}
