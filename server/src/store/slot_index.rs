//! An index that keeps slot numbers and eight bits of their hashes: what they are found by is in the columns.
//!
//! A look-up among a million sessions waits for memory, not for the processor. So all that it needs of the index is in
//! one cache line: twelve slots, and a tag for each, which spares it the wait for the columns of most others.

use super::table::Slot;

/// How many slots a bucket has places for.
const PLACES: usize = 12;
/// The most it may hold on average: then one of thirty stands in another than its own.
const MOST_ON_AVERAGE: usize = 9;
/// In the place of a tag: no slot is here.
const FREE: u8 = 0;

/// Slots by the hash of what they hold. Whoever adds one says how to compute the hashes again.
///
/// It doubles bit by bit: were all slots moved at once, every look-up would wait for a tenth of a second where there are a million.
#[derive(Debug, Default)]
pub(crate) struct SlotIndex {
    buckets: Buckets,
    /// What it was before it doubled, and the first bucket there that may hold a slot.
    before: Buckets,
    moved: usize,
    /// The beginning of what it will be when it doubles.
    next: Vec<Bucket>,
    len: usize,
}

/// How many buckets are made with each slot that is added, once an eighth of the room is left: all are made when it is full.
const MADE_AT_ONCE: usize = 2;

/// None, or a power of two.
#[derive(Debug, Default)]
struct Buckets(Vec<Bucket>);

/// One cache line.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Bucket {
    slots: [Slot; PLACES],
    tags: [u8; PLACES],
    /// How many slots belong here or before and stand behind: a look-up goes on only if there are any.
    passed_by: u32,
}

impl Bucket {
    /// The places with this tag, one bit each.
    fn tagged(&self, tag: u8) -> u32 {
        // Without a way out of the loop, so that it looks at all of them at once.
        (0..PLACES).fold(0, |places, place| places | u32::from(self.tags[place] == tag) << place)
    }

    /// The first place with this tag whose slot is the one.
    fn find(&self, tag: u8, is_it: impl Fn(Slot) -> bool) -> Option<usize> {
        let mut places = self.tagged(tag);
        while places != 0 {
            let place = places.trailing_zeros() as usize;
            if is_it(self.slots[place]) {
                return Some(place);
            }
            places &= places - 1;
        }
        None
    }
}

impl SlotIndex {
    /// The slot of this hash that is the one, if there is any.
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let found = self.buckets.find(hash, &is_it);
        if self.before.is_empty() { found } else { found.or_else(|| self.before.find(hash, &is_it)) }
    }

    /// Adds a slot that is not there. Constant cost.
    pub(crate) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        self.move_on(&hash_of);
        self.reserve(self.len + 1, hash_of);
        self.buckets.put(hash, slot);
        self.len += 1;
    }

    /// Takes a slot out; whether it was there.
    pub(crate) fn remove(&mut self, hash: u64, slot: Slot) -> bool {
        let was_there = self.buckets.remove(hash, slot) || self.before.remove(hash, slot);
        self.len -= usize::from(was_there);
        was_there
    }

    /// Makes room for so many slots in all: at once for those that are yet to come, and bit by bit for those that are there.
    pub(crate) fn reserve(&mut self, slots: usize, hash_of: impl Fn(Slot) -> u64) {
        if slots <= self.buckets.room() {
            return;
        }
        while !self.before.is_empty() {
            self.move_on(&hash_of);
        }
        let mut next = std::mem::take(&mut self.next);
        let buckets = slots.div_ceil(MOST_ON_AVERAGE).next_power_of_two();
        next.reserve_exact(buckets.saturating_sub(next.len()));
        next.resize_with(buckets, Bucket::default);
        self.before = std::mem::replace(&mut self.buckets, Buckets(next));
        self.moved = 0;
    }

    /// Moves what stands in one bucket of before, or makes some of what comes next.
    fn move_on(&mut self, hash_of: impl Fn(Slot) -> u64) {
        let Self { buckets, before, moved, next, len } = self;
        if let Some(bucket) = before.0.get(*moved) {
            let Bucket { slots, tags, .. } = bucket.clone();
            for (slot, _) in slots.into_iter().zip(tags).filter(|(_, tag)| *tag != FREE) {
                let hash = hash_of(slot);
                before.remove(hash, slot);
                buckets.put(hash, slot);
            }
            *moved += 1;
            if *moved == before.0.len() {
                debug_assert!(before.0.iter().all(|bucket| bucket.passed_by == 0), "somebody has been left behind");
                *before = Buckets::default();
            }
        } else if *len >= buckets.room() / 8 * 7 {
            let doubled = 2 * buckets.0.len();
            next.reserve_exact(doubled.saturating_sub(next.len()));
            next.resize_with((next.len() + MADE_AT_ONCE).min(doubled), Bucket::default);
        }
    }
}

impl Buckets {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many slots they have room for.
    fn room(&self) -> usize {
        self.0.len() * MOST_ON_AVERAGE
    }

    fn find(&self, hash: u64, is_it: impl Fn(Slot) -> bool) -> Option<Slot> {
        let tag = tag_of(hash);
        for at in self.looked_at(hash) {
            let bucket = &self.0[at];
            if let Some(place) = bucket.find(tag, &is_it) {
                return Some(bucket.slots[place]);
            }
            if bucket.passed_by == 0 {
                break;
            }
        }
        None
    }

    /// Whether the slot was there.
    fn remove(&mut self, hash: u64, slot: Slot) -> bool {
        let tag = tag_of(hash);
        for (passed, at) in self.looked_at(hash).enumerate() {
            if let Some(place) = self.0[at].find(tag, |other| other == slot) {
                self.0[at].tags[place] = FREE;
                self.looked_at(hash).take(passed).for_each(|at| self.0[at].passed_by -= 1);
                return true;
            }
            if self.0[at].passed_by == 0 {
                break;
            }
        }
        false
    }

    /// Puts a slot into the first free place. There is one.
    fn put(&mut self, hash: u64, slot: Slot) {
        for at in self.looked_at(hash) {
            let bucket = &mut self.0[at];
            match bucket.tagged(FREE) {
                0 => bucket.passed_by += 1,
                free => {
                    let place = free.trailing_zeros() as usize;
                    (bucket.slots[place], bucket.tags[place]) = (slot, tag_of(hash));
                    return;
                }
            }
        }
        debug_assert!(false, "there are more places than slots");
    }

    /// The buckets in which a hash is looked for, the one that it belongs to first.
    fn looked_at(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let buckets = self.0.len();
        (0..buckets).map(move |further| (hash as usize).wrapping_add(further) & (buckets - 1))
    }
}

/// Other bits than those that choose the bucket.
fn tag_of(hash: u64) -> u8 {
    ((hash >> 56) as u8).max(FREE + 1)
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, hash_map::Entry};

    use proptest::{bool::weighted, collection::vec, prelude::*};

    use super::*;
    use crate::store::table::hash_of_id;

    /// What slots hold: their hashes are as bad as the mask says.
    fn hash(key: u64, mask: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(
            changes in vec((0_u64..400, weighted(0.7)), 0..2_000),
            mask in prop_oneof![Just(u64::MAX), Just(0), Just(0xff00_0000_0000_0003), Just(7)],
        ) {
            let mut keys: Vec<u64> = Vec::new();
            let (mut index, mut model) = (SlotIndex::default(), HashMap::new());
            for (key, is_added) in changes {
                match model.entry(key) {
                    Entry::Vacant(vacant) if is_added => {
                        let slot = keys.len() as Slot;
                        keys.push(key);
                        vacant.insert(slot);
                        index.insert(hash(key, mask), slot, |slot| hash(keys[slot as usize], mask));
                    }
                    Entry::Occupied(occupied) if !is_added => {
                        let slot = occupied.remove();
                        index.remove(hash(key, mask), slot);
                        // Once more: nothing happens.
                        index.remove(hash(key, mask), slot);
                    }
                    Entry::Vacant(_) | Entry::Occupied(_) => {}
                }
                prop_assert_eq!(index.len, model.len());
                if key == 0 {
                    index.reserve(2 * model.len(), |slot| hash(keys[slot as usize], mask));
                }
                // While some stand where they stood before, too.
                let found = index.find(hash(key, mask), |slot| keys[slot as usize] == key);
                prop_assert_eq!(found, model.get(&key).copied(), "key {}", key);
            }
            for key in 0..400 {
                let found = index.find(hash(key, mask), |slot| keys[slot as usize] == key);
                prop_assert_eq!(found, model.get(&key).copied(), "key {}", key);
            }
            model.iter().for_each(|(key, slot)| _ = index.remove(hash(*key, mask), *slot));
            prop_assert_eq!(index.len, 0);
            let mut buckets = index.buckets.0.iter().chain(&index.before.0);
            prop_assert!(buckets.all(|bucket| bucket.passed_by == 0 && bucket.tags == [FREE; PLACES]));
        }
    }

    #[test]
    fn a_look_up_in_a_full_index_hardly_ever_goes_on_to_another_cache_line() {
        assert_eq!((size_of::<Bucket>(), align_of::<Bucket>()), (64, 64));
        let mut index = SlotIndex::default();
        let slots = 1_024 * MOST_ON_AVERAGE;
        for slot in 0..slots as Slot {
            index.insert(hash_of_id(slot.into()), slot, |slot| hash_of_id(slot.into()));
        }
        assert_eq!((index.buckets.0.len(), index.before.0.len()), (1_024, 0));
        let passed: usize = index.buckets.0.iter().map(|bucket| bucket.passed_by as usize).sum();
        // About 0.05 for each.
        assert!(passed < slots / 14, "{passed} buckets are passed on the way to {slots} slots");
    }

    #[test]
    fn what_is_there_when_it_doubles_is_moved_bit_by_bit() {
        let moves = std::cell::Cell::new(0);
        let hash_of = |slot: Slot| {
            moves.set(moves.get() + 1);
            hash_of_id(slot.into())
        };
        let mut index = SlotIndex::default();
        let (mut doubled, mut most) = (0, 0);
        for slot in 0..100_000 {
            let (buckets, made) = (index.buckets.0.len(), index.next.len());
            moves.set(0);
            index.insert(hash_of_id(slot.into()), slot, hash_of);
            most = most.max(moves.get());
            if index.buckets.0.len() != buckets {
                doubled += 1;
                assert!(buckets < 64 || made == index.buckets.0.len(), "{made} of {} are made", index.buckets.0.len());
            }
        }
        assert!(doubled > 10 && most <= PLACES, "{most} moved at once, doubled {doubled} times");
        assert!((0..100_000).all(|slot| index.find(hash_of_id(slot.into()), |other| other == slot) == Some(slot)));
    }
}
