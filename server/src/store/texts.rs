//! Texts one after the other, to be searched as one.

use std::collections::VecDeque;

use memchr::memmem;

/// Ends every text, and fills the room of those that are gone: no byte of UTF-8.
const END: u8 = 0xff;
/// The room of texts that are gone is given back when it is more than this and more than half.
const WASTE: usize = 4_096;
/// How many texts are moved with each that comes or goes.
const MOVED_AT_ONCE: usize = 8;

/// In the place of a beginning: no text has this number.
const NONE: u64 = u64::MAX;

/// Texts by number.
///
/// The room of those that are gone is given back bit by bit: the first of the others move behind the last. Were all moved at once,
/// every check would wait.
#[derive(Default)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    /// Where the bytes begin, and where the first text does, among all bytes that there have been.
    begin: u64,
    first: u64,
    /// By number: where the text begins, counted alike.
    begins: Vec<u64>,
    /// Where texts begin or have begun, in order, with their numbers then.
    in_order: VecDeque<(u64, u32)>,
    pairs: Pairs,
    /// Those of texts that have come or moved since these bytes were the last: in place of the others once all have.
    next_pairs: Pairs,
    next_from: u64,
    /// How many of the bytes are of no text.
    wasted: usize,
}

/// Which byte follows which in any text that is there, and in some that were. Most words that are meant for another column have a pair that
/// is in no text of this one: a part of an address hardly ever is in a name.
#[derive(Default)]
struct Pairs(Vec<u64>);

impl Pairs {
    fn add(&mut self, text: &[u8]) {
        self.0.resize(1_024, 0);
        text.windows(2).map(place).for_each(|(word, bit)| self.0[word] |= bit);
    }

    /// Whether a text may contain a part; if not, none does.
    fn may_contain(&self, part: &[u8]) -> bool {
        let is_known = |(word, bit): (usize, u64)| self.0.get(word).is_some_and(|word| word & bit != 0);
        part.windows(2).map(place).all(is_known)
    }
}

/// The word of a pair of bytes, and its bit there.
fn place(pair: &[u8]) -> (usize, u64) {
    (usize::from(pair[0]) * 4 + usize::from(pair[1] / 64), 1 << (pair[1] % 64))
}

impl Texts {
    /// Makes a text the one of a number that has none.
    pub(crate) fn put(&mut self, number: u32, text: &str) {
        let at = number as usize;
        if self.begins.len() <= at {
            self.begins.resize(at + 1, NONE);
        }
        self.append(number);
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.push(END);
        self.pairs.add(text.as_bytes());
        self.next_pairs.add(text.as_bytes());
        self.give_back();
    }

    /// Has the text of a number begin where the bytes end.
    fn append(&mut self, number: u32) {
        let begin = self.end();
        self.begins[number as usize] = begin;
        self.in_order.push_back((begin, number));
    }

    /// Takes the text of a number away.
    pub(crate) fn take(&mut self, number: u32) {
        let begin = std::mem::replace(&mut self.begins[number as usize], NONE);
        let begin = (begin - self.begin) as usize;
        let length = self.length(begin);
        self.bytes[begin..begin + length].fill(END);
        self.wasted += length + 1;
        self.give_back();
    }

    /// The text of a number; empty for one that has none.
    pub(crate) fn get(&self, number: u32) -> &[u8] {
        match self.begins.get(number as usize) {
            None | Some(&NONE) => &[],
            Some(begin) => {
                let begin = (*begin - self.begin) as usize;
                &self.bytes[begin..begin + self.length(begin)]
            }
        }
    }

    /// Tells the number of each text that contains `part`, which is not empty.
    pub(crate) fn containing(&self, part: &str, mut tell: impl FnMut(u32)) {
        if !self.pairs.may_contain(part.as_bytes()) {
            return;
        }
        let finder = memmem::Finder::new(part);
        let bytes = &self.bytes[(self.first - self.begin) as usize..];
        let (mut from, mut passed) = (0, 0);
        while let Some(found) = finder.find(&bytes[from..]) {
            let at = self.first + (from + found) as u64;
            passed = self.begun(passed, at);
            let (begin, number) = self.in_order[passed - 1];
            // The room of a text that is gone contains nothing: this one is there.
            debug_assert_eq!(self.begins[number as usize], begin);
            tell(number);
            from = self.in_order.get(passed).map_or(bytes.len(), |(next, _)| (next - self.first) as usize);
        }
    }

    /// How many texts begin up to a place, of which it is known that the one after the first so many does. Costs little for few:
    /// a search that is in every text looks at each once.
    fn begun(&self, from: usize, at: u64) -> usize {
        let begins = |text: usize| self.in_order.get(text).is_some_and(|(begin, _)| *begin <= at);
        let mut step = 1;
        while begins(from + step) {
            step *= 2;
        }
        let (mut does, mut does_not) = (from + step / 2, from + step);
        while does_not - does > 1 {
            let middle = does.midpoint(does_not);
            if begins(middle) { does = middle } else { does_not = middle }
        }
        does_not
    }

    fn length(&self, begin: usize) -> usize {
        memchr::memchr(END, &self.bytes[begin..]).unwrap_or(0)
    }

    fn end(&self) -> u64 {
        self.begin + self.bytes.len() as u64
    }

    /// Gives some room back, if that is worth it.
    fn give_back(&mut self) {
        for _ in 0..MOVED_AT_ONCE {
            if self.wasted <= WASTE.max(self.bytes.len() / 2) {
                return;
            }
            let Some((begin, number)) = self.in_order.pop_front() else { return };
            self.first = self.in_order.front().map_or(self.end(), |(next, _)| *next);
            if self.begins[number as usize] == begin {
                let room = (begin - self.begin) as usize..(self.first - self.begin) as usize;
                self.wasted += room.len();
                self.next_pairs.add(&self.bytes[room.start..room.end - 1]);
                self.append(number);
                self.bytes.extend_from_within(room);
            }
            if self.first >= self.next_from {
                self.pairs = std::mem::take(&mut self.next_pairs);
                self.next_from = self.end();
            }
            let passed = (self.first - self.begin) as usize;
            if passed > self.bytes.len() / 2 {
                self.bytes.drain(..passed);
                self.wasted -= passed;
                self.begin = self.first;
                self.bytes.shrink_to(self.bytes.len() * 2);
                self.in_order.shrink_to(self.in_order.len() * 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_part_with_a_pair_that_no_text_has_is_looked_for_in_none() {
        let mut pairs = Pairs::default();
        assert!(!pairs.may_contain(b"ab") && pairs.may_contain(b"a"));
        pairs.add("user-017é".as_bytes());
        for (part, may) in [("user", true), ("r-0", true), ("7é", true), ("10.77.", false), ("71", false), ("u", true)]
        {
            assert_eq!(pairs.may_contain(part.as_bytes()), may, "{part}");
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_contains_the_part(
            steps in proptest::collection::vec((0..40_u32, proptest::option::of("[abé]{0,6}")), 0..400),
            part in "[abé]{1,2}",
            long in any::<bool>(),
        ) {
            let mut texts = Texts::default();
            let mut model = BTreeMap::<u32, String>::new();
            for (number, text) in steps {
                match (text, model.contains_key(&number)) {
                    (Some(text), false) => {
                        let text = if long { text.repeat(40) } else { text };
                        texts.put(number, &text);
                        model.insert(number, text);
                    }
                    (None, true) => {
                        texts.take(number);
                        model.remove(&number);
                    }
                    _ => {}
                }
            }
            let mut found = Vec::new();
            texts.containing(&part, |number| found.push(number));
            found.sort_unstable();
            let expected: Vec<_> =
                model.iter().filter(|(_, text)| text.contains(&part)).map(|(number, _)| *number).collect();
            prop_assert_eq!(found, expected);
            for (number, text) in &model {
                prop_assert_eq!(texts.get(*number), text.as_bytes());
            }
        }
    }

    #[test]
    fn the_room_of_texts_that_are_gone_is_given_back() {
        let mut texts = Texts::default();
        let name = |number: u32| format!("somebody-{number:09}");
        (0..30_000).for_each(|number| texts.put(number, &name(number)));
        (0..30_000).filter(|number| number % 10 != 0).for_each(|number| texts.take(number));
        let live = 3_000 * (name(0).len() + 1);
        assert!(texts.bytes.capacity() < 5 * live, "{} bytes for {live}", texts.bytes.capacity());
        assert_eq!((texts.get(29_990), texts.get(29_991)), (name(29_990).as_bytes(), &b""[..]));
        let mut found = 0;
        texts.containing("body-", |_| found += 1);
        assert_eq!(found, 3_000);
        (0..30_000).step_by(10).for_each(|number| texts.take(number));
        assert!(texts.bytes.len() <= 2 * WASTE);
    }
}
