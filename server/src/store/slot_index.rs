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
#[derive(Debug, Default)]
pub(crate) struct SlotIndex {
    /// None, or a power of two.
    buckets: Vec<Bucket>,
    len: usize,
}

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
        let tag = tag_of(hash);
        for at in self.looked_at(hash) {
            let bucket = &self.buckets[at];
            if let Some(place) = bucket.find(tag, &is_it) {
                return Some(bucket.slots[place]);
            }
            if bucket.passed_by == 0 {
                break;
            }
        }
        None
    }

    /// Adds a slot that is not there. Constant cost, but for when the index doubles.
    pub(crate) fn insert(&mut self, hash: u64, slot: Slot, hash_of: impl Fn(Slot) -> u64) {
        self.reserve(self.len + 1, hash_of);
        self.put(hash, slot);
        self.len += 1;
    }

    /// Takes a slot out; nothing happens if it is not there.
    pub(crate) fn remove(&mut self, hash: u64, slot: Slot) {
        let tag = tag_of(hash);
        for (passed, at) in self.looked_at(hash).enumerate() {
            if let Some(place) = self.buckets[at].find(tag, |other| other == slot) {
                self.buckets[at].tags[place] = FREE;
                self.looked_at(hash).take(passed).for_each(|at| self.buckets[at].passed_by -= 1);
                self.len -= 1;
                return;
            }
            if self.buckets[at].passed_by == 0 {
                return;
            }
        }
    }

    /// Makes room for so many slots in all.
    pub(crate) fn reserve(&mut self, slots: usize, hash_of: impl Fn(Slot) -> u64) {
        if slots <= self.buckets.len() * MOST_ON_AVERAGE {
            return;
        }
        let buckets = slots.div_ceil(MOST_ON_AVERAGE).next_power_of_two();
        let before = std::mem::replace(&mut self.buckets, vec![Bucket::default(); buckets]);
        for bucket in before {
            let taken = bucket.slots.into_iter().zip(bucket.tags).filter(|(_, tag)| *tag != FREE);
            taken.for_each(|(slot, _)| self.put(hash_of(slot), slot));
        }
    }

    /// Puts a slot into the first free place. There is one.
    fn put(&mut self, hash: u64, slot: Slot) {
        for at in self.looked_at(hash) {
            let bucket = &mut self.buckets[at];
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
        let buckets = self.buckets.len();
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

    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::store::table::hash_of_id;

    /// What slots hold: their hashes are as bad as the mask says.
    fn hash(key: u64, mask: u64) -> u64 {
        key.wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask
    }

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(
            changes in vec((0_u64..400, any::<bool>()), 0..2_000),
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
            }
            for key in 0..400 {
                let found = index.find(hash(key, mask), |slot| keys[slot as usize] == key);
                prop_assert_eq!(found, model.get(&key).copied(), "key {}", key);
            }
            model.iter().for_each(|(key, slot)| index.remove(hash(*key, mask), *slot));
            prop_assert_eq!(index.len, 0);
            prop_assert!(index.buckets.iter().all(|bucket| bucket.passed_by == 0 && bucket.tags == [FREE; PLACES]));
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
        assert_eq!(index.buckets.len(), 1_024);
        let passed: usize = index.buckets.iter().map(|bucket| bucket.passed_by as usize).sum();
        // About 0.05 for each.
        assert!(passed < slots / 14, "{passed} buckets are passed on the way to {slots} slots");
    }
}
