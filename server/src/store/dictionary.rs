//! Texts that many rows share: each is kept once and known by a number.

use std::{
    cmp::Ordering,
    hash::BuildHasher,
    sync::{Arc, OnceLock},
};

use app::session::search::fold;
use foldhash::quality::RandomState;

use super::{slot_index::SlotIndex, texts::Texts};

/// Puts a User-Agent into words: `Chrome 156 on Linux`. Called once for each distinct one.
pub type DescribeAgent = fn(&str) -> String;

/// The most texts that are ranked, and how many rows there must be for each: ranking them, anew whenever there is another, is
/// not to take much longer than a pass over the rows.
pub(crate) const MOST_RANKED: usize = if cfg!(test) { 8 } else { 16_384 };
const ROWS_FOR_EACH: usize = if cfg!(test) { 1 } else { 128 };

/// Distinct texts with the number of rows that use them. A text that no row uses can be forgotten; its number then goes
/// to another.
pub(crate) struct Dictionary {
    texts: Vec<Arc<str>>,
    /// What is shown for a text; without elements when that is the text itself.
    words: Vec<Arc<str>>,
    /// What is compared and searched: the text in lower case, after its words if it has any.
    folded: Texts,
    /// The first bytes of `folded`: they decide most comparisons without a visit to the heap.
    prefixes: Vec<u64>,
    /// The place of each text among all, if that has been asked for since there were others.
    ranks: OnceLock<Vec<u32>>,
    /// How many rows have this text; 0 while the number is free.
    uses: Vec<u32>,
    /// How many texts are used.
    used: usize,
    free: Vec<u32>,
    by_text: SlotIndex,
    /// Keyed at random: clients choose their User-Agent.
    hasher: RandomState,
    describe: Option<DescribeAgent>,
}

impl Dictionary {
    /// A dictionary of texts that are shown as they are.
    pub(crate) fn plain() -> Self {
        Self::new(None)
    }

    /// A dictionary of texts that are shown in other words.
    pub(crate) fn described(describe: DescribeAgent) -> Self {
        Self::new(Some(describe))
    }

    fn new(describe: Option<DescribeAgent>) -> Self {
        Self {
            texts: Vec::new(),
            words: Vec::new(),
            folded: Texts::default(),
            prefixes: Vec::new(),
            ranks: OnceLock::new(),
            uses: Vec::new(),
            used: 0,
            free: Vec::new(),
            by_text: SlotIndex::default(),
            hasher: RandomState::default(),
            describe,
        }
    }

    /// How many distinct texts are in use.
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    /// All numbers are below this.
    pub(crate) fn numbers(&self) -> usize {
        self.texts.len()
    }

    /// The number of a text that is not forgotten.
    pub(crate) fn find(&self, text: &str) -> Option<u32> {
        self.by_text.find(self.hasher.hash_one(text), |number| *self.texts[number as usize] == *text)
    }

    /// How many rows use a text.
    pub(crate) fn count(&self, text: &str) -> u64 {
        self.find(text).map_or(0, |number| u64::from(self.uses[number as usize]))
    }

    /// The number of a text for one more row.
    pub(crate) fn acquire(&mut self, text: &str) -> u32 {
        let number = match self.find(text) {
            Some(number) => number,
            None => self.add(text),
        };
        self.acquire_again(number);
        number
    }

    /// Makes room to find so many texts.
    pub(crate) fn reserve(&mut self, texts: usize) {
        let Self { texts: known, by_text, hasher, .. } = self;
        by_text.reserve(texts, |number| hasher.hash_one(&*known[number as usize]));
    }

    /// Takes a number that is not forgotten for one more row.
    pub(crate) fn acquire_again(&mut self, number: u32) {
        let uses = &mut self.uses[number as usize];
        self.used += usize::from(*uses == 0);
        *uses += 1;
    }

    /// Takes one row off a number. The text is kept until [`Dictionary::forget`].
    pub(crate) fn release(&mut self, number: u32) {
        let uses = &mut self.uses[number as usize];
        *uses -= 1;
        self.used -= usize::from(*uses == 0);
    }

    /// Forgets the text of a number that no row uses, if there is one.
    pub(crate) fn forget(&mut self, number: u32) {
        let at = number as usize;
        if self.uses[at] > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&*self.texts[at]);
        if !self.by_text.remove(hash, number) {
            return;
        }
        self.texts[at] = Arc::default();
        self.folded.take(number);
        if let Some(words) = self.words.get_mut(at) {
            *words = Arc::default();
        }
        self.free.push(number);
    }

    /// The text itself.
    pub(crate) fn text(&self, number: u32) -> &Arc<str> {
        &self.texts[number as usize]
    }

    /// What is shown for it.
    pub(crate) fn words(&self, number: u32) -> &Arc<str> {
        self.words.get(number as usize).unwrap_or_else(|| self.text(number))
    }

    /// Which texts contain a part, which is in lower case and not empty: a 1 for each by number. `None` if none does.
    pub(crate) fn containing(&self, part: &str) -> Option<Vec<u8>> {
        let mut found = None;
        self.folded.containing(part, |number| {
            found.get_or_insert_with(|| vec![0; self.numbers()])[number as usize] = 1;
        });
        found
    }

    /// A number that orders most texts: the first bytes of what is compared.
    #[inline]
    pub(crate) fn prefix(&self, number: u32) -> u64 {
        self.prefixes[number as usize]
    }

    /// The place of each text among all, by number, if there are few for so many rows.
    pub(crate) fn ranks(&self, rows: usize) -> Option<&[u32]> {
        let are_few = self.numbers() <= MOST_RANKED.min(rows / ROWS_FOR_EACH);
        are_few.then(|| &**self.ranks.get_or_init(|| self.rank()))
    }

    fn rank(&self) -> Vec<u32> {
        let mut in_order: Vec<_> = (0..self.numbers() as u32).collect();
        in_order.sort_unstable_by_key(|number| self.key(*number));
        let mut ranks = vec![0; in_order.len()];
        (0..).zip(in_order).for_each(|(rank, number)| ranks[number as usize] = rank);
        ranks
    }

    /// The place of a text in the alphabet.
    #[inline]
    pub(crate) fn key(&self, number: u32) -> TextKey<'_> {
        TextKey { prefix: self.prefixes[number as usize], number, dictionary: self }
    }

    fn add(&mut self, text: &str) -> u32 {
        let number = match self.free.pop() {
            Some(number) => number,
            None => self.extend(),
        };
        let at = number as usize;
        self.ranks.take();
        let text: Arc<str> = text.into();
        let folded = match self.describe {
            None => fold(&text),
            Some(describe) => {
                let words = describe(&text);
                let folded = fold(&format!("{words}\0{text}"));
                self.words[at] = words.into();
                folded
            }
        };
        self.prefixes[at] = prefix(&folded);
        self.folded.put(number, &folded);
        self.texts[at] = text;
        let Self { texts, by_text, hasher, .. } = self;
        let hash = |number: u32| hasher.hash_one(&*texts[number as usize]);
        by_text.insert(hash(number), number, hash);
        number
    }

    /// One more number, without a text yet.
    fn extend(&mut self) -> u32 {
        let number = u32::try_from(self.texts.len()).expect("memory ends before 2^32 texts do");
        self.texts.push(Arc::default());
        self.prefixes.push(0);
        self.uses.push(0);
        if self.describe.is_some() {
            self.words.push(Arc::default());
        }
        number
    }

    /// By letter in any case, then exactly; what is shown first, then the text behind it.
    fn compare(&self, one: u32, other: u32) -> Ordering {
        self.folded
            .get(one)
            .cmp(self.folded.get(other))
            .then_with(|| self.words(one).cmp(self.words(other)))
            .then_with(|| self.text(one).cmp(self.text(other)))
    }
}

/// The place of a text in the alphabet: texts compare in lower case, then exactly.
#[derive(Clone, Copy)]
pub(crate) struct TextKey<'a> {
    prefix: u64,
    number: u32,
    dictionary: &'a Dictionary,
}

impl Ord for TextKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.number == other.number {
            return Ordering::Equal;
        }
        self.prefix.cmp(&other.prefix).then_with(|| self.dictionary.compare(self.number, other.number))
    }
}

impl PartialOrd for TextKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for TextKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for TextKey<'_> {}

/// The first eight bytes as a number that compares as they do.
fn prefix(folded: &str) -> u64 {
    let mut bytes = [0; 8];
    let length = folded.len().min(bytes.len());
    bytes[..length].copy_from_slice(&folded.as_bytes()[..length]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_number_however_often_it_is_used() {
        let mut users = Dictionary::plain();
        let anna = users.acquire("anna");
        assert_eq!(users.acquire("anna"), anna);
        assert_ne!(users.acquire("Anna"), anna);
        assert_eq!(users.len(), 2);
    }

    #[test]
    fn a_text_without_a_use_can_be_forgotten_and_its_number_goes_to_another() {
        let mut users = Dictionary::plain();
        let anna = users.acquire("anna");
        users.acquire("anna");
        users.release(anna);
        users.forget(anna);
        assert_eq!((users.find("anna"), users.len()), (Some(anna), 1));
        users.release(anna);
        assert_eq!((users.find("anna"), users.len()), (Some(anna), 0));
        users.forget(anna);
        users.forget(anna);
        assert_eq!((users.find("anna"), users.len()), (None, 0));
        assert_eq!(users.acquire("ben"), anna);
        assert_eq!(&**users.text(anna), "ben");
    }

    #[test]
    fn a_text_that_comes_back_before_it_is_forgotten_is_the_same() {
        let mut users = Dictionary::plain();
        let anna = users.acquire("anna");
        users.release(anna);
        assert_eq!(users.acquire("anna"), anna);
        users.forget(anna);
        assert_eq!((&**users.text(anna), users.len()), ("anna", 1));
    }

    #[test]
    fn texts_are_in_order_in_any_case_then_exactly() {
        let mut users = Dictionary::plain();
        let mut names =
            ["ben", "Anna-Maria", "anna-maria", "Ärger", "anna-marie", "ann", ""].map(|name| users.acquire(name));
        names.sort_by_key(|number| users.key(*number));
        let names = names.map(|number| &**users.text(number));
        assert_eq!(names, ["", "ann", "Anna-Maria", "anna-maria", "anna-marie", "ben", "Ärger"]);
    }

    #[test]
    fn few_texts_are_ranked_as_they_are_in_order_with_every_new_one() {
        let ranked = |texts: &Dictionary, rows| {
            let ranks = texts.ranks(rows)?;
            let mut numbers: Vec<_> = (0..texts.numbers() as u32).collect();
            numbers.sort_by_key(|number| texts.key(*number));
            assert!(numbers.is_sorted_by_key(|number| ranks[*number as usize]), "{ranks:?} rank {numbers:?}");
            Some(())
        };
        for mut texts in [Dictionary::plain(), Dictionary::described(|agent| agent.chars().rev().collect())] {
            let names = ["ben", "Anna-Maria", "anna-maria", "Ärger", "anna-marie", "ann", "", "x"];
            let numbers = names.map(|name| {
                let number = texts.acquire(name);
                assert!(ranked(&texts, MOST_RANKED).is_some());
                number
            });
            // The number goes to another.
            texts.release(numbers[3]);
            texts.forget(numbers[3]);
            assert!(ranked(&texts, MOST_RANKED).is_some());
            assert_eq!(texts.acquire("aaron"), numbers[3]);
            assert!(ranked(&texts, MOST_RANKED).is_some());
            assert!(ranked(&texts, MOST_RANKED - 1).is_none(), "few rows");
            texts.acquire("one more");
            assert!(ranked(&texts, 1_000).is_none(), "many texts");
        }
    }

    #[test]
    fn agents_are_in_order_of_their_words_and_described_once_each() {
        let mut agents = Dictionary::described(|agent| agent.chars().rev().collect());
        let mut numbers = ["ab", "cb", "ca"].map(|agent| agents.acquire(agent));
        assert_eq!(&**agents.words(numbers[0]), "ba");
        numbers.sort_by_key(|number| agents.key(*number));
        assert_eq!(numbers.map(|number| &**agents.words(number)), ["ac", "ba", "bc"]);
    }
}
