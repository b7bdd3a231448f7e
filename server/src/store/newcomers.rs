//! Which of the sessions that came last are still there: how many are newer than a list is counted without looking at them.

use std::collections::VecDeque;

/// How many ids back sessions are followed: a million, in 400 kB.
const FOLLOWED: u64 = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// Ids of one word.
const WORD: u64 = 64;
const WORDS: u64 = FOLLOWED / WORD;

/// See the module.
#[derive(Default)]
pub(crate) struct Newcomers {
    /// The first word that is followed.
    first: u64,
    /// One bit an id, for each type: its session is there.
    words: VecDeque<[u64; 3]>,
}

impl Newcomers {
    /// None, when ids up to this one have been handed out.
    pub(crate) fn since(newest_id: u64) -> Self {
        Self { first: newest_id.saturating_sub(FOLLOWED).div_ceil(WORD), words: VecDeque::new() }
    }

    /// A session has come. Ids need not come in order; one that lies too far back is not followed.
    pub(crate) fn enter(&mut self, id: u64, of_type: usize) {
        let word = id / WORD;
        if word >= self.first + self.words.len() as u64 + 2 * WORDS {
            (self.first, self.words) = (word, VecDeque::new());
        }
        while word >= self.first + self.words.len() as u64 {
            self.words.push_back([0; 3]);
        }
        while self.words.len() as u64 > WORDS {
            self.words.pop_front();
            self.first += 1;
        }
        if let Some(types) = self.word(word) {
            types[of_type] |= 1 << (id % WORD);
        }
    }

    /// A session has gone.
    pub(crate) fn leave(&mut self, id: u64, of_type: usize) {
        if let Some(types) = self.word(id / WORD) {
            types[of_type] &= !(1 << (id % WORD));
        }
    }

    fn word(&mut self, word: u64) -> Option<&mut [u64; 3]> {
        self.words.get_mut(usize::try_from(word.checked_sub(self.first)?).ok()?)
    }

    /// How many sessions, of one type or of all, have ids above this one; `None` if not all of them are followed. Costs a look
    /// at each 64 ids.
    pub(crate) fn count_above(&self, id: u64, of_type: Option<usize>) -> Option<u64> {
        let from = id + 1;
        let begin = usize::try_from((from / WORD).checked_sub(self.first)?).ok()?;
        let count = |types: &[u64; 3], mask: u64| match of_type {
            Some(one) => (types[one] & mask).count_ones(),
            None => types.iter().map(|ids| (ids & mask).count_ones()).sum(),
        };
        // In the first word, only those from there on.
        let masks = std::iter::once(u64::MAX << (from % WORD)).chain(std::iter::repeat(u64::MAX));
        Some(self.words.iter().skip(begin).zip(masks).map(|(types, mask)| u64::from(count(types, mask))).sum())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn those_above_an_id_are_those_that_are_there(
            newest in 0_u64..3_000,
            steps in proptest::collection::vec((0_u64..400, 0_usize..3, any::<bool>()), 0..60),
        ) {
            let (mut newcomers, mut there, mut next) = (Newcomers::since(newest), BTreeMap::new(), newest + 1);
            for (number, of_type, enters) in steps {
                if enters {
                    // Sometimes ids are handed out to nobody.
                    next += number / 10;
                    newcomers.enter(next, of_type);
                    there.insert(next, of_type);
                    next += 1;
                } else if let Some((id, of_type)) = there.iter().nth(number as usize).map(|(id, of_type)| (*id, *of_type)) {
                    newcomers.leave(id, of_type);
                    there.remove(&id);
                }
                let ids = [newest + 5_000, newest + 2_000, 1_500, 900, number, 1].map(|back| (next + 5).saturating_sub(back));
                for id in ids {
                    for of_type in [None, Some(0), Some(1), Some(2)] {
                        let is_meant = |(_, other): &(&u64, &usize)| of_type.is_none_or(|one| one == **other);
                        let expected = there.range(id + 1..).filter(is_meant).count() as u64;
                        let counted = newcomers.count_above(id, of_type);
                        prop_assert!(counted.is_none_or(|counted| counted == expected), "{counted:?} {expected}");
                        prop_assert!(counted.is_some() || id + FOLLOWED < next + WORD);
                    }
                }
            }
        }
    }
}
