//! Sixty-four slots at a time, by their bits.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{column::lengthen, table::Slot};

/// A bit for each of 64 elements: which are meant. Answers are bytes first, so that the loop over the elements can be
/// compiled to vector instructions.
pub(crate) fn which<T: Copy>(elements: &[T], is_meant: impl Fn(T) -> bool) -> u64 {
    let mut meant = [0_u8; 64];
    for (meant, element) in meant.iter_mut().zip(elements) {
        *meant = u8::from(is_meant(*element));
    }
    pack(&meant)
}

/// The lowest bits of 64 bytes that are 0 or 1.
fn pack(bytes: &[u8; 64]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        // Each byte's bit is moved to its place among the highest eight.
        (bits << 8) | (u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56)
    })
}

/// The slots of a word's bits.
#[inline]
pub(crate) fn slots(word: usize, mut bits: u64) -> impl Iterator<Item = Slot> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros();
        let is_left = bits != 0;
        bits &= bits.wrapping_sub(1);
        is_left.then(|| word as Slot * 64 + bit)
    })
}

/// One bit a slot, set by anybody and taken by one who looks for them.
#[derive(Default)]
pub(crate) struct SlotBits {
    words: Vec<AtomicU64>,
    /// One bit a word: whether one of its bits may be set. A million slots have few of these, and they are looked through for
    /// every view that is read.
    groups: Vec<AtomicU64>,
    /// Whether any may be set.
    is_any: AtomicBool,
}

impl SlotBits {
    /// Makes room for so many words of 64 slots.
    pub(crate) fn grow(&mut self, words: usize) {
        for (all, needed) in [(&mut self.words, words), (&mut self.groups, words.div_ceil(64))] {
            lengthen(all, needed);
        }
    }

    /// Sets the bit of a slot. In one order with what takes it: one of the two sees the other.
    pub(crate) fn set(&self, slot: Slot) {
        let word = slot as usize / 64;
        self.words[word].fetch_or(1 << (slot % 64), Ordering::SeqCst);
        let (group, bit) = (&self.groups[word / 64], 1 << (word % 64));
        if group.load(Ordering::SeqCst) & bit == 0 {
            group.fetch_or(bit, Ordering::SeqCst);
        }
        if !self.is_any.load(Ordering::SeqCst) {
            self.is_any.store(true, Ordering::SeqCst);
        }
    }

    /// Clears the bit of a slot.
    pub(crate) fn clear(&mut self, slot: Slot) {
        *self.words[slot as usize / 64].get_mut() &= !(1 << (slot % 64));
    }

    /// Takes the bits that are set, word by word. One that is set meanwhile is seen now or the next time.
    pub(crate) fn take(&self, mut each: impl FnMut(usize, u64)) {
        if !self.is_any.swap(false, Ordering::SeqCst) {
            return;
        }
        for (position, group) in self.groups.iter().enumerate() {
            for word in slots(position, group.load(Ordering::SeqCst)) {
                group.fetch_and(!(1 << (word % 64)), Ordering::SeqCst);
                let bits = self.words[word as usize].swap(0, Ordering::SeqCst);
                if bits != 0 {
                    each(word as usize, bits);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, thread};

    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn bits_are_those_of_the_elements_and_slots_those_of_the_bits(elements in any::<[bool; 32]>(), word in 0_usize..9) {
            let elements = [elements, elements.map(|one| !one)].concat();
            let bits = which(&elements, |one| one);
            let expected: Vec<_> = (0_u32..64).filter(|bit| elements[*bit as usize]).collect();
            prop_assert!(expected.iter().all(|bit| bits & (1 << bit) != 0) && bits.count_ones() == 32);
            let slots: Vec<_> = slots(word, bits).collect();
            prop_assert_eq!(slots, expected.iter().map(|bit| word as u32 * 64 + bit).collect::<Vec<_>>());
        }

        #[test]
        fn what_is_set_and_not_cleared_is_taken_once(rounds in vec(vec((0_u32..20_000, any::<bool>()), 0..9), 1..9)) {
            let mut bits = SlotBits::default();
            bits.grow(20_000_usize.div_ceil(64));
            for round in rounds {
                let mut expected = BTreeSet::new();
                for (slot, is_cleared) in round {
                    bits.set(slot);
                    expected.insert(slot);
                    if is_cleared {
                        bits.clear(slot);
                        expected.remove(&slot);
                    }
                }
                let mut taken = BTreeSet::new();
                bits.take(|word, some| taken.extend(slots(word, some)));
                prop_assert_eq!(taken, expected);
            }
        }
    }

    #[test]
    fn what_many_set_while_one_takes_is_not_lost() {
        const SLOTS: Slot = 100_000;
        const THREADS: Slot = 4;
        let mut bits = SlotBits::default();
        bits.grow(SLOTS.div_ceil(64) as usize);
        let mut taken = vec![0_u32; SLOTS as usize];
        let mut take = || bits.take(|word, some| slots(word, some).for_each(|slot| taken[slot as usize] += 1));
        thread::scope(|scope| {
            let set = |first| (first..SLOTS).step_by(THREADS as usize).for_each(|slot| bits.set(slot));
            let setting: Vec<_> = (0..THREADS).map(|first| scope.spawn(move || set(first))).collect();
            while !setting.iter().all(|thread| thread.is_finished()) {
                take();
            }
        });
        take();
        assert!(taken.iter().all(|times| *times == 1));
    }
}
