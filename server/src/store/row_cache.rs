//! Rows as messages have them, each written once for all views that show it, and again only when it changes.

use std::{hash::RandomState, hint::black_box, mem, ops::Range};

use app::{session::SessionId, wire};
use hashbrown::HashTable;

use super::{
    bits,
    table::{Slot, Table, hash_of_id},
    written::{BorrowedSession, RowMark, RowRun, Rows},
};

/// What may be kept beside twice what is shown, in bytes.
const SLACK: usize = 64 * 1_024;
/// What may be kept beside that between rounds, in bytes: the rows of a thousand tabs that have come since the last. The next
/// round goes on with what is shown.
const BETWEEN_ROUNDS: usize = if cfg!(test) { 128 * 1_024 } else { 8 * 1_024 * 1_024 };

/// See the module. A row that is kept is read without a look at the table; one that is not waits for memory ten times.
///
/// Views are read in rounds. When too much has piled up that nobody shows any more, a round keeps what is read in it and drops
/// the rest.
#[derive(Debug, Default)]
pub(crate) struct RowCache {
    kept: Kept,
    /// What was kept before this round, if this is such a round.
    before: Kept,
    /// The bytes of the rows that have been read in this round, those of each view. None between rounds.
    shown: Option<usize>,
    /// How many bytes there were at the end of the last round, and how many a round needs, as far as known: rows that many views
    /// show count once.
    ended_with: usize,
    needed: usize,
    /// How many bytes a round goes on with. When twice as many and [`BETWEEN_ROUNDS`] have piled up before it, all are dropped.
    most: usize,
    /// Where the next row most likely stands: behind the last, in what is kept and in what was before.
    next: usize,
    next_before: usize,
    hash_key: RandomState,
    /// Where the rows of the view stand that is being read, and which of them, by number and slot, stand nowhere yet.
    places: Vec<usize>,
    missing: Vec<(usize, Slot)>,
    /// The view that was read last.
    marks: Vec<RowMark>,
    spans: Vec<Range<usize>>,
}

/// Rows in the order in which they were written, which is mostly that in which they are shown: the next row is nearly always
/// the one behind.
#[derive(Debug, Default)]
struct Kept {
    rows: Vec<KeptRow>,
    bytes: Vec<u8>,
    by_slot: HashTable<usize>,
    /// One bit a row: it is not what is to be shown any more.
    gone: Vec<u64>,
    /// Tells it from what was kept before and after.
    number: u64,
}

#[derive(Debug)]
struct KeptRow {
    /// `None` when something else is to be shown there.
    slot: Option<Slot>,
    mark: RowMark,
    /// Where it stands in the bytes.
    span: Range<usize>,
}

impl RowCache {
    /// One that holds nothing, in which no row of this one has a name.
    pub(crate) fn emptied(&self) -> Self {
        // The key stays: rows that have not changed are told from others by it.
        let (hash_key, shown) = (self.hash_key.clone(), self.shown.map(|_| 0));
        Self { kept: self.kept.emptied(), hash_key, shown, ..Self::default() }
    }

    /// Begins a round, in which all views are read.
    pub(crate) fn begin_round(&mut self) {
        // What tabs have read that have come since is shown.
        if self.ended_with > self.most {
            // It will be as much again: growing bit by bit would cost more than the rows.
            let mut room = self.kept.emptied();
            room.reserve(self.kept.rows.len(), self.kept.bytes.len());
            self.before = mem::replace(&mut self.kept, room);
        }
        (self.shown, self.next, self.next_before) = (Some(0), 0, 0);
    }

    /// Ends a round.
    pub(crate) fn end_round(&mut self) {
        let is_all = !mem::take(&mut self.before).rows.is_empty();
        let bytes = self.kept.bytes.len();
        let added = bytes.saturating_sub(mem::replace(&mut self.ended_with, bytes));
        self.needed = if is_all { bytes } else { self.needed.max(added) };
        self.most = 2 * self.shown.take().unwrap_or_default().min(self.needed) + SLACK;
    }

    /// The rows of these slots, which are all different.
    pub(super) fn read(&mut self, table: &Table, slots: &[Slot]) -> Rows<'_> {
        self.forget_changed(table);
        slots.iter().for_each(|slot| self.find(*slot));
        self.write_missing(table);
        self.found()
    }

    /// The rows of those of these sessions that are there. They are all different.
    pub(super) fn read_sessions(&mut self, table: &Table, ids: &[SessionId]) -> Rows<'_> {
        self.forget_changed(table);
        for id in ids {
            if self.kept.slot_of(self.next, *id).is_some() {
                self.places.push(self.next);
                self.next += 1;
            } else {
                let behind = self.kept.stood_at(self.next, *id).then_some(self.next + 1);
                if let Some(slot) = self.before.slot_of(self.next_before, *id).or_else(|| table.find(*id)) {
                    self.find(slot);
                }
                // The next is where it would be had this one not changed.
                self.next = behind.unwrap_or(self.next);
            }
        }
        self.write_missing(table);
        let rows = self.found();
        // One that is not there may come: then nothing of the others tells that they are not all any more.
        let are_all = rows.marks().len() == ids.len();
        rows.named(rows.run().filter(|_| are_all))
    }

    /// Whether these rows are what they were when they were read. If so, they count as read in this round.
    pub(super) fn are_still(&mut self, table: &Table, run: RowRun) -> bool {
        self.forget_changed(table);
        let RowRun { kept: number, first, count } = run;
        if number != self.kept.number || self.kept.has_gone(first..first + count) {
            return false;
        }
        let bytes = || self.kept.rows[first + count - 1].span.end - self.kept.rows[first].span.start;
        self.shown = self.shown.map(|shown| shown + bytes());
        self.next = first + count;
        true
    }

    /// Lets go of the rows that are not what they were.
    fn forget_changed(&mut self, table: &Table) {
        let Self { kept, before, .. } = self;
        let is_empty = kept.rows.is_empty() && before.rows.is_empty();
        table.take_changed(|position, changed| {
            if !is_empty {
                bits::slots(position, changed).for_each(|slot| {
                    kept.forget(slot);
                    before.forget(slot);
                });
            }
        });
        if self.shown.is_none() && self.kept.bytes.len() > 2 * self.most + BETWEEN_ROUNDS {
            (self.kept, self.ended_with) = (self.kept.emptied(), 0);
        }
    }

    /// Finds where the row of a slot stands.
    fn find(&mut self, slot: Slot) {
        match self.kept.find(self.next, slot).or_else(|| self.take_over(slot)) {
            Some(place) => {
                self.places.push(place);
                self.next = place + 1;
            }
            None => {
                self.missing.push((self.places.len(), slot));
                self.places.push(usize::MAX);
            }
        }
    }

    /// Writes the rows that stand nowhere.
    fn write_missing(&mut self, table: &Table) {
        let Self { kept, places, missing, hash_key, .. } = self;
        if missing.is_empty() {
            return;
        }
        fetch(table, missing.iter().map(|(_, slot)| *slot));
        for (number, slot) in missing.drain(..) {
            let session = BorrowedSession::of(table, slot);
            let mark = |bytes: &[u8]| RowMark::new(session.id, bytes, hash_key);
            places[number] = kept.add(slot, |bytes| wire::append(&session, bytes), mark);
        }
    }

    /// The rows that were found.
    fn found(&mut self) -> Rows<'_> {
        let Self { kept, places, marks, spans, shown, .. } = self;
        let run = kept.run(places);
        marks.clear();
        spans.clear();
        for row in places.drain(..).map(|place| &kept.rows[place]) {
            marks.push(row.mark);
            spans.push(row.span.clone());
        }
        let rows = Rows::new(marks, spans, &kept.bytes).named(run);
        *shown = shown.map(|shown| shown + rows.bytes_of(0..spans.len()));
        rows
    }

    /// Copies a row from those of before.
    fn take_over(&mut self, slot: Slot) -> Option<usize> {
        let row = self.before.find(self.next_before, slot)?;
        self.next_before = row + 1;
        let KeptRow { span, mark, .. } = &self.before.rows[row];
        let (bytes, mark) = (&self.before.bytes[span.clone()], *mark);
        Some(self.kept.add(slot, |kept| kept.extend_from_slice(bytes), |_| mark))
    }
}

/// Has the processor fetch what these rows are written from, column by column: what is far away for many rows at once.
fn fetch(table: &Table, slots: impl Iterator<Item = Slot> + Clone) {
    let names: Vec<_> = slots.clone().map(|slot| table.username(slot)).collect();
    // What comes out is thrown away: that it is fetched is what counts.
    black_box(names.iter().fold(0, |all, name| all ^ name.as_bytes().first().copied().unwrap_or_default()));
    black_box(slots.clone().fold(0, |all, slot| all ^ table.id(slot).0 ^ table.last_active_at(slot).as_millis()));
    black_box(slots.clone().fold(0, |all, slot| all ^ table.created_at(slot).as_millis()));
    black_box(slots.clone().fold(0, |all, slot| all ^ table.server(slot) as usize ^ table.type_index(slot)));
    black_box(slots.fold(0, |all, slot| all ^ u64::from(table.agent(slot)) ^ table.address_place(slot)));
}

impl Kept {
    /// One without rows.
    fn emptied(&self) -> Self {
        Self { number: self.number + 1, ..Self::default() }
    }

    fn reserve(&mut self, rows: usize, bytes: usize) {
        let Self { rows: kept, bytes: written, by_slot, gone, .. } = self;
        kept.reserve(rows);
        written.reserve(bytes);
        gone.reserve(rows.div_ceil(64));
        by_slot.reserve(rows, |row| kept[*row].slot.map_or(0, hash_of));
    }

    /// The rows in these places, if they are one behind the other.
    fn run(&self, places: &[usize]) -> Option<RowRun> {
        let first = *places.first()?;
        let are_one = places.iter().zip(first..).all(|(place, expected)| *place == expected);
        are_one.then_some(RowRun { kept: self.number, first, count: places.len() })
    }

    /// Whether one of these rows is not what is to be shown any more.
    fn has_gone(&self, rows: Range<usize>) -> bool {
        (rows.start / 64..rows.end.div_ceil(64)).any(|word| {
            let (before, behind) = (rows.start.saturating_sub(word * 64), (word * 64 + 64).saturating_sub(rows.end));
            self.gone[word] & (u64::MAX << before) & (u64::MAX >> behind) != 0
        })
    }

    /// The row of a slot; `expected` is where it most likely stands.
    fn find(&self, expected: usize, slot: Slot) -> Option<usize> {
        if self.rows.get(expected).is_some_and(|row| row.slot == Some(slot)) {
            return Some(expected);
        }
        self.by_slot.find(hash_of(slot), |row| self.rows[*row].slot == Some(slot)).copied()
    }

    /// The slot of a row, if it is that of this session, and as it was.
    fn slot_of(&self, row: usize, id: SessionId) -> Option<Slot> {
        self.rows.get(row).filter(|row| row.mark.id == id)?.slot
    }

    /// Whether this was the row of a session before something else was to be shown.
    fn stood_at(&self, row: usize, id: SessionId) -> bool {
        self.rows.get(row).is_some_and(|row| row.mark.id == id)
    }

    /// Adds the row of a slot that has none.
    fn add(&mut self, slot: Slot, write: impl FnOnce(&mut Vec<u8>), mark: impl FnOnce(&[u8]) -> RowMark) -> usize {
        let (begin, place) = (self.bytes.len(), self.rows.len());
        write(&mut self.bytes);
        let mark = mark(&self.bytes[begin..]);
        self.rows.push(KeptRow { slot: Some(slot), mark, span: begin..self.bytes.len() });
        self.gone.resize(self.rows.len().div_ceil(64), 0);
        let Self { rows, by_slot, .. } = self;
        by_slot.insert_unique(hash_of(slot), place, |row| rows[*row].slot.map_or(0, hash_of));
        place
    }

    /// Lets go of a row.
    fn forget(&mut self, slot: Slot) {
        if let Ok(entry) = self.by_slot.find_entry(hash_of(slot), |row| self.rows[*row].slot == Some(slot)) {
            let (row, _) = entry.remove();
            self.rows[row].slot = None;
            self.gone[row / 64] |= 1 << (row % 64);
        }
    }
}

fn hash_of(slot: Slot) -> u64 {
    hash_of_id(u64::from(slot))
}

#[cfg(test)]
mod tests;
