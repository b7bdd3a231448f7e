//! Which ids have a session that is there: how many are newer than a list is counted without a look at the sessions.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
    sync::{Mutex, PoisonError},
};

/// How many ids back each is followed: a million, in 400 kB.
const FOLLOWED: u64 = if cfg!(test) { 1 << 11 } else { 1 << 20 };
/// Ids of one word, and of one block.
const WORD: u64 = 64;
const BLOCK: u64 = 1_024;

/// See the module.
#[derive(Default)]
pub(crate) struct Newcomers {
    /// The first word that is followed.
    first_word: u64,
    /// One bit an id, for each type.
    words: VecDeque<[u64; 3]>,
    /// The first block that has a session.
    first_block: u64,
    /// How many sessions of each type a block has.
    blocks: VecDeque<[u32; 3]>,
    /// How many there were from an id on in its block, whose single ids are not followed any more, when it had so many: a list
    /// that has been held for long is asked about with every frame, and what is so old only ever goes.
    looked_up: Mutex<HashMap<u64, LookedUp>>,
}

/// How many counts that were looked up are kept: a list held for each.
const MOST_LOOKED_UP: usize = 4_096;

#[derive(Clone, Copy)]
struct LookedUp {
    in_block: [u32; 3],
    from_there: [u32; 3],
}

impl Newcomers {
    /// None yet. Those up to this id are about to be entered.
    pub(crate) fn since(newest_id: u64) -> Self {
        Self { first_word: newest_id.saturating_sub(FOLLOWED) / WORD, ..Self::default() }
    }

    /// A session has come. Ids need not come in order.
    pub(crate) fn enter(&mut self, id: u64, of_type: usize) {
        let (word, block) = (id / WORD, id / BLOCK);
        while word >= self.first_word + self.words.len() as u64 {
            if self.words.len() as u64 == FOLLOWED / WORD {
                self.words.pop_front();
                self.first_word += 1;
            }
            self.words.push_back([0; 3]);
        }
        if let Some(types) = at(&mut self.words, self.first_word, word) {
            types[of_type] |= 1 << (id % WORD);
        }
        if self.blocks.is_empty() {
            self.first_block = block;
        }
        while block >= self.first_block + self.blocks.len() as u64 {
            self.blocks.push_back([0; 3]);
        }
        while block < self.first_block {
            self.blocks.push_front([0; 3]);
            self.first_block -= 1;
        }
        if let Some(types) = at(&mut self.blocks, self.first_block, block) {
            types[of_type] += 1;
        }
    }

    /// A session that came has gone.
    pub(crate) fn leave(&mut self, id: u64, of_type: usize) {
        if let Some(types) = at(&mut self.words, self.first_word, id / WORD) {
            types[of_type] &= !(1 << (id % WORD));
        }
        if let Some(types) = at(&mut self.blocks, self.first_block, id / BLOCK) {
            types[of_type] = types[of_type].saturating_sub(1);
        }
        while self.blocks.front() == Some(&[0; 3]) {
            self.blocks.pop_front();
            self.first_block += 1;
        }
    }

    /// How many sessions, of one type or of all, have ids above this one. Costs a look at each block above it; where single ids
    /// are not followed any more, `type_of` tells which of up to a thousand are there.
    pub(crate) fn count_above(&self, id: u64, of_type: Option<usize>, type_of: impl Fn(u64) -> Option<usize>) -> u64 {
        let from = id.saturating_add(1);
        let block = from / BLOCK;
        let Some(begin) = block.checked_sub(self.first_block) else {
            return self.blocks.iter().map(|types| count(types, of_type)).sum();
        };
        if begin >= self.blocks.len() as u64 {
            return 0;
        }
        let of_blocks = self.blocks.iter().skip(begin as usize + 1).map(|types| count(types, of_type));
        let end = (block + 1) * BLOCK;
        let in_block = match (from / WORD).checked_sub(self.first_word) {
            Some(first) => {
                // Of the first word only those from there on.
                let masks = [u64::MAX << (from % WORD)].into_iter().chain(std::iter::repeat(u64::MAX));
                let words = self.words.iter().skip(first as usize).take((end / WORD - from / WORD) as usize);
                words.zip(masks).map(|(types, mask)| count(&types.map(|ids| (ids & mask).count_ones()), of_type)).sum()
            }
            None => count(&self.look_up(from..end, self.blocks[begin as usize], type_of), of_type),
        };
        in_block + of_blocks.sum::<u64>()
    }

    /// How many sessions of each type these ids have, the last of a block that has so many.
    fn look_up(&self, ids: Range<u64>, in_block: [u32; 3], type_of: impl Fn(u64) -> Option<usize>) -> [u32; 3] {
        let mut looked_up = self.looked_up.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = looked_up.get(&ids.start).filter(|before| before.in_block == in_block) {
            return before.from_there;
        }
        let mut from_there = [0; 3];
        let from = ids.start;
        ids.filter_map(type_of).for_each(|one| from_there[one] += 1);
        if looked_up.len() >= MOST_LOOKED_UP {
            looked_up.clear();
        }
        looked_up.insert(from, LookedUp { in_block, from_there });
        from_there
    }
}

fn count(types: &[u32; 3], of_type: Option<usize>) -> u64 {
    of_type.map_or_else(|| types.iter().copied().map(u64::from).sum(), |one| u64::from(types[one]))
}

fn at<T>(all: &mut VecDeque<T>, first: u64, number: u64) -> Option<&mut T> {
    all.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn those_above_an_id_are_those_that_are_there(
            loaded in proptest::collection::btree_map(0_u64..6_000, 0_usize..3, 0..40),
            is_backwards in any::<bool>(),
            steps in proptest::collection::vec((0_u64..700, 0_usize..3, any::<bool>()), 0..60),
        ) {
            let newest = loaded.keys().last().copied().unwrap_or_default();
            let mut newcomers = Newcomers::since(newest);
            let enter = |(id, of_type): (&u64, &usize)| newcomers.enter(*id, *of_type);
            if is_backwards { loaded.iter().rev().for_each(enter) } else { loaded.iter().for_each(enter) }
            let (mut there, mut next): (BTreeMap<u64, usize>, _) = (loaded, newest + 1);
            for (number, of_type, enters) in steps {
                if enters {
                    // Sometimes ids are handed out to nobody.
                    next += number;
                    newcomers.enter(next, of_type);
                    there.insert(next, of_type);
                    next += 1;
                } else if let Some((id, of_type)) = there.iter().nth(number as usize % 50).map(|(id, one)| (*id, *one)) {
                    newcomers.leave(id, of_type);
                    there.remove(&id);
                }
                let back = [9_000, 5_000, 3_000, 2_200, 2_000, 900, number, 1].map(|back| (next + 5).saturating_sub(back));
                for id in back.into_iter().chain([u64::MAX]) {
                    for of_type in [None, Some(0), Some(1), Some(2)] {
                        let is_meant = |(_, other): &(&u64, &usize)| of_type.is_none_or(|one| one == **other);
                        let expected = there.range(id.saturating_add(1)..).filter(is_meant).count() as u64;
                        let counted = newcomers.count_above(id, of_type, |id| there.get(&id).copied());
                        prop_assert_eq!(counted, expected);
                    }
                }
            }
            prop_assert!(newcomers.words.len() as u64 <= FOLLOWED / WORD);
        }
    }

    #[test]
    fn sessions_of_long_ago_are_looked_up_once_until_one_has_gone() {
        let mut newcomers = Newcomers::default();
        (1..=100).for_each(|id| newcomers.enter(id, 0));
        newcomers.enter(FOLLOWED * 2, 0);
        let looked_up = std::cell::Cell::new(0);
        let count = |newcomers: &Newcomers, gone: u64| {
            looked_up.set(0);
            let type_of = |id| {
                looked_up.set(looked_up.get() + 1);
                (id <= 100 && id != gone).then_some(0)
            };
            (newcomers.count_above(40, None, type_of), looked_up.get() > 0)
        };
        assert_eq!(count(&newcomers, 0), (61, true));
        assert_eq!(count(&newcomers, 0), (61, false));
        newcomers.leave(70, 0);
        assert_eq!(count(&newcomers, 70), (60, true));
    }
}
