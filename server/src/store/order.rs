//! The default order of the list, by last activity, kept up with every change: any page of it is found without looking
//! at the rows before it.
//!
//! Entries stand in blocks. A session that moves or leaves takes its entry out of the counts at once and leaves it
//! behind where it stands; a block that is more than half left behind is cleared of them, so that the cost of a change
//! stays constant and the entries are at most about twice the sessions.

use super::{
    column::{lengthen, lengthen_with},
    table::Slot,
};

/// The most entries of a block. Tests have small ones, so that they have many.
const MOST: usize = if cfg!(test) { 32 } else { 1_024 };
/// Blocks below this size are not worth clearing.
const FEW: usize = MOST / 16;

/// In the place of a block: the slot has no entry.
const NOWHERE: u32 = u32::MAX;

/// Where a session stands: by last activity, then by its id. Of ids more than 2^32 apart the lower bits decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    at: u64,
    id: u32,
    slot: Slot,
}

#[derive(Default)]
struct Block {
    /// In order, at least one. Some may be left behind.
    entries: Vec<Entry>,
}

/// The sessions of one type, or of all.
pub(crate) type OfType = Option<usize>;

/// What the order has to know of the table.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    pub(crate) ids: &'a [u64],
    pub(crate) types: &'a [u8],
}

/// See the module.
#[derive(Default)]
pub(crate) struct Order {
    blocks: Vec<Block>,
    /// How many sessions of each type stand in a block: apart from the entries, because a page skips by them.
    counts: Vec<[u32; 3]>,
    free: Vec<u32>,
    /// The blocks in order.
    sequence: Vec<u32>,
    /// By slot: the instant under which its session stands, and in which block.
    at: Vec<u64>,
    block_of: Vec<u32>,
}

impl Order {
    /// Makes room for this many slots.
    pub(crate) fn grow(&mut self, slots: usize) {
        lengthen(&mut self.at, slots);
        lengthen_with(&mut self.block_of, slots, || NOWHERE);
    }

    /// Puts sessions, each with its instant, in their places. Before anything else is in one.
    pub(crate) fn fill(&mut self, sessions: Vec<(u64, Slot)>, columns: Columns<'_>) {
        let entry = |(at, slot): (u64, Slot)| Entry { at, id: columns.ids[slot as usize] as u32, slot };
        let mut entries: Vec<_> = sessions.into_iter().map(entry).collect();
        entries.sort_unstable();
        for entries in entries.chunks(MOST) {
            let block = self.add_block(self.sequence.len());
            for Entry { at, slot, .. } in entries {
                self.counts[block as usize][usize::from(columns.types[*slot as usize])] += 1;
                self.at[*slot as usize] = *at;
                self.block_of[*slot as usize] = block;
            }
            self.blocks[block as usize].entries = entries.to_vec();
        }
    }

    /// Puts the session of a slot in its place.
    pub(crate) fn insert(&mut self, slot: Slot, at: u64, columns: Columns<'_>) {
        let entry = Entry { at, id: columns.ids[slot as usize] as u32, slot };
        let block = self.block_for(entry, columns);
        let entries = &mut self.blocks[block as usize].entries;
        if entries.last().is_none_or(|last| *last < entry) {
            entries.push(entry);
        } else {
            let place = entries.partition_point(|other| *other < entry);
            // One that was left behind here and comes back is there already.
            if entries.get(place) != Some(&entry) {
                entries.insert(place, entry);
            }
        }
        self.counts[block as usize][usize::from(columns.types[slot as usize])] += 1;
        self.at[slot as usize] = at;
        self.block_of[slot as usize] = block;
    }

    /// Takes the session of a slot out, if it is there.
    pub(crate) fn remove(&mut self, slot: Slot, columns: Columns<'_>) {
        let block = std::mem::replace(&mut self.block_of[slot as usize], NOWHERE);
        if block == NOWHERE {
            return;
        }
        let counts = &mut self.counts[block as usize];
        counts[usize::from(columns.types[slot as usize])] -= 1;
        let live = counts.iter().sum::<u32>() as usize;
        let entries = self.blocks[block as usize].entries.len();
        if live == 0 || (live * 2 < entries && entries > FEW) {
            self.clear(block, columns);
        }
    }

    /// Moves the session of a slot to where it belongs now.
    pub(crate) fn settle(&mut self, slot: Slot, at: u64, columns: Columns<'_>) {
        if self.block_of[slot as usize] != NOWHERE && self.at[slot as usize] == at {
            return;
        }
        self.remove(slot, columns);
        self.insert(slot, at, columns);
    }

    /// The slots of a page: least recently active first, or last. Costs one look at each block before it.
    pub(crate) fn page(
        &self,
        of_type: OfType,
        descending: bool,
        first: u64,
        limit: u32,
        columns: Columns<'_>,
    ) -> Vec<Slot> {
        let (mut skip, limit) = (usize::try_from(first).unwrap_or(usize::MAX), limit as usize);
        let mut slots = Vec::with_capacity(limit);
        for place in 0..self.sequence.len() {
            let block = self.sequence[if descending { self.sequence.len() - 1 - place } else { place }];
            let counts = &self.counts[block as usize];
            let count = of_type.map_or_else(|| counts.iter().sum(), |one| counts[one]) as usize;
            if skip >= count {
                skip -= count;
                continue;
            }
            self.take(block, of_type, descending, skip, limit - slots.len(), columns, &mut slots);
            skip = 0;
            if slots.len() == limit {
                break;
            }
        }
        slots
    }

    /// Adds a part of a block's sessions to a page.
    #[expect(clippy::too_many_arguments, reason = "those of the page")]
    fn take(
        &self,
        block: u32,
        of_type: OfType,
        descending: bool,
        skip: usize,
        wanted: usize,
        columns: Columns<'_>,
        slots: &mut Vec<Slot>,
    ) {
        let entries = &self.blocks[block as usize].entries;
        let is_whole = self.counts[block as usize].iter().sum::<u32>() as usize == entries.len();
        if is_whole && of_type.is_none() {
            // No look at the sessions, each of which would wait for memory.
            let slot = |entry: &Entry| entry.slot;
            if descending {
                slots.extend(entries[..entries.len() - skip].iter().rev().map(slot).take(wanted));
            } else {
                slots.extend(entries[skip..].iter().map(slot).take(wanted));
            }
            return;
        }
        let is_meant = |entry: &&Entry| {
            (is_whole || self.is_live(block, entry, columns))
                && of_type.is_none_or(|one| usize::from(columns.types[entry.slot as usize]) == one)
        };
        let meant = entries.iter().filter(is_meant).map(|entry| entry.slot);
        if descending {
            slots.extend(meant.rev().skip(skip).take(wanted));
        } else {
            slots.extend(meant.skip(skip).take(wanted));
        }
    }

    /// Whether an entry is that of a session which stands here, not one left behind.
    fn is_live(&self, block: u32, entry: &Entry, columns: Columns<'_>) -> bool {
        let slot = entry.slot as usize;
        self.block_of[slot] == block && self.at[slot] == entry.at && columns.ids[slot] as u32 == entry.id
    }

    /// The block that an entry belongs to, with room for it.
    fn block_for(&mut self, entry: Entry, columns: Columns<'_>) -> u32 {
        let place = self.sequence.partition_point(|block| self.blocks[*block as usize].entries[0] <= entry);
        let Some(place) = place.checked_sub(1) else {
            // Before all others: the first block takes it, if there is one.
            let Some(first) = self.sequence.first().copied() else { return self.add_block(0) };
            return self.make_room(0, first, entry, columns);
        };
        self.make_room(place, self.sequence[place], entry, columns)
    }

    fn make_room(&mut self, place: usize, block: u32, entry: Entry, columns: Columns<'_>) -> u32 {
        let entries = &self.blocks[block as usize].entries;
        if entries.len() < MOST {
            return block;
        }
        let is_last = place + 1 == self.sequence.len() && entries.last().is_some_and(|last| *last < entry);
        if is_last {
            // Whoever comes later stands later: blocks at the end are filled up, not halved.
            return self.add_block(place + 1);
        }
        let upper = self.add_block(place + 1);
        let moved = self.blocks[block as usize].entries.split_off(MOST / 2);
        self.take_over(moved, block, upper, columns);
        if self.blocks[upper as usize].entries[0] <= entry { upper } else { block }
    }

    /// Gives entries to another block, behind those it has.
    fn take_over(&mut self, entries: Vec<Entry>, from: u32, to: u32, columns: Columns<'_>) {
        for entry in &entries {
            if self.is_live(from, entry, columns) {
                let one = usize::from(columns.types[entry.slot as usize]);
                self.counts[from as usize][one] -= 1;
                self.counts[to as usize][one] += 1;
                self.block_of[entry.slot as usize] = to;
            }
        }
        self.blocks[to as usize].entries.extend(entries);
    }

    /// Drops the entries that were left behind; joins what is then small with the next block.
    fn clear(&mut self, block: u32, columns: Columns<'_>) {
        let place = self.place_of(block);
        let mut entries = std::mem::take(&mut self.blocks[block as usize].entries);
        entries.retain(|entry| self.is_live(block, entry, columns));
        if entries.is_empty() {
            self.sequence.remove(place);
            self.free.push(block);
            return;
        }
        entries.shrink_to(MOST / 4);
        self.blocks[block as usize].entries = entries;
        let Some(next) = self.sequence.get(place + 1).copied() else { return };
        let together = self.blocks[block as usize].entries.len() + self.blocks[next as usize].entries.len();
        if together <= MOST / 2 {
            let moved = std::mem::take(&mut self.blocks[next as usize].entries);
            self.take_over(moved, next, block, columns);
            self.sequence.remove(place + 1);
            self.free.push(next);
        }
    }

    fn place_of(&self, block: u32) -> usize {
        let first = self.blocks[block as usize].entries[0];
        let place = self.sequence.partition_point(|other| self.blocks[*other as usize].entries[0] < first);
        debug_assert_eq!(self.sequence.get(place), Some(&block), "the blocks are in order");
        place
    }

    fn add_block(&mut self, place: usize) -> u32 {
        let block = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(Block::default());
            self.counts.push([0; 3]);
            u32::try_from(self.blocks.len() - 1).expect("there are fewer blocks than slots")
        });
        self.sequence.insert(place, block);
        block
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Enter { slot: Slot, at: u64 },
        Move { slot: Slot, at: u64 },
        Leave { slot: Slot },
    }

    fn step() -> impl Strategy<Value = Step> {
        let slot = 0..300_u32;
        prop_oneof![
            3 => (slot.clone(), 0..40_u64).prop_map(|(slot, at)| Step::Enter { slot, at }),
            3 => (slot.clone(), 0..4_000_u64).prop_map(|(slot, at)| Step::Move { slot, at }),
            2 => slot.prop_map(|slot| Step::Leave { slot }),
        ]
    }

    /// The same, kept sorted.
    #[derive(Default)]
    struct Model {
        sorted: BTreeSet<(u64, u64, Slot)>,
        at: Vec<Option<u64>>,
        ids: Vec<u64>,
        types: Vec<u8>,
        next_id: u64,
    }

    impl Model {
        fn columns(&self) -> Columns<'_> {
            Columns { ids: &self.ids, types: &self.types }
        }

        fn leave(&mut self, slot: Slot) -> bool {
            let at = self.at[slot as usize].take();
            at.is_some_and(|at| self.sorted.remove(&(at, self.ids[slot as usize], slot)))
        }

        fn enter(&mut self, slot: Slot, at: u64) {
            self.at[slot as usize] = Some(at);
            self.sorted.insert((at, self.ids[slot as usize], slot));
        }

        fn take(&mut self, order: &mut Order, step: Step) {
            match step {
                Step::Enter { slot, at } if self.at[slot as usize].is_none() => {
                    self.next_id += 1;
                    self.ids[slot as usize] = self.next_id;
                    self.types[slot as usize] = (self.next_id % 3) as u8;
                    self.enter(slot, at);
                    order.insert(slot, at, self.columns());
                }
                Step::Move { slot, at } if self.at[slot as usize].is_some() => {
                    self.leave(slot);
                    self.enter(slot, at);
                    order.settle(slot, at, self.columns());
                }
                Step::Leave { slot } if self.leave(slot) => {
                    order.remove(slot, self.columns());
                    self.ids[slot as usize] = 0;
                }
                Step::Enter { .. } | Step::Move { .. } | Step::Leave { .. } => {}
            }
        }

        fn assert_same(&self, order: &Order) {
            for of_type in [None, Some(0), Some(1), Some(2)] {
                let is_meant = |slot: &Slot| of_type.is_none_or(|one| usize::from(self.types[*slot as usize]) == one);
                let expected: Vec<_> = self.sorted.iter().map(|(_, _, slot)| *slot).filter(is_meant).collect();
                assert_eq!(order.page(of_type, false, 0, 1_000_000, self.columns()), expected);
                let backwards: Vec<_> = expected.iter().rev().copied().skip(7).take(20).collect();
                assert_eq!(order.page(of_type, true, 7, 20, self.columns()), backwards);
            }
        }
    }

    fn empty(slots: usize) -> (Order, Model) {
        let mut order = Order::default();
        order.grow(slots);
        let model = Model { at: vec![None; slots], ids: vec![0; slots], types: vec![0; slots], ..Model::default() };
        (order, model)
    }

    proptest! {
        #[test]
        fn pages_are_those_of_a_sorted_set(steps in proptest::collection::vec(step(), 0..2_000)) {
            let (mut order, mut model) = empty(300);
            for step in steps {
                model.take(&mut order, step);
            }
            model.assert_same(&order);
        }
    }

    #[test]
    fn an_order_that_is_filled_at_once_is_the_same() {
        let (mut one_by_one, mut model) = empty(3_000);
        (0..3_000).for_each(|slot| model.take(&mut one_by_one, Step::Enter { slot, at: u64::from(slot * 7 % 500) }));
        let (mut order, _) = empty(3_000);
        order.fill(model.sorted.iter().rev().map(|(at, _, slot)| (*at, *slot)).collect(), model.columns());
        model.assert_same(&order);
        (0..3_000).step_by(3).for_each(|slot| model.take(&mut order, Step::Leave { slot }));
        (1..3_000).step_by(3).for_each(|slot| model.take(&mut order, Step::Move { slot, at: 600 }));
        model.assert_same(&order);
    }

    #[test]
    fn many_sessions_that_keep_moving_stay_in_order_and_leave_little_behind() {
        let (mut order, mut model) = empty(5_000);
        (0..5_000).for_each(|slot| model.take(&mut order, Step::Enter { slot, at: u64::from(slot / 7) }));
        let mut dice = 1_u64;
        for at in 0..60_000_u64 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let slot = (dice >> 33) as u32 % 5_000;
            let step = match at % 5 {
                0 => Step::Leave { slot },
                1 => Step::Enter { slot, at: dice >> 52 },
                _ => Step::Move { slot, at: 1_000 + at },
            };
            model.take(&mut order, step);
        }
        model.assert_same(&order);
        let entries: usize = order.sequence.iter().map(|block| order.blocks[*block as usize].entries.len()).sum();
        assert!(entries <= model.sorted.len() * 2 + FEW * order.sequence.len(), "{entries} entries");
        let blocks = order.sequence.len();
        assert!(blocks < model.sorted.len() * 8 / MOST, "{blocks} blocks");
    }
}
