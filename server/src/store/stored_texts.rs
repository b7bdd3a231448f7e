//! Texts that many rows share, as they are stored: once, under a number that no other has had.

use std::collections::HashMap;

use super::sealed::{self, RecordError};

const VERSION: u8 = 1;
/// Texts that no session uses any more are kept until there are this many of them, and more than the others.
const FEW: usize = 1_024;

/// The texts of the journal by number.
#[derive(Debug, Default)]
pub(crate) struct StoredTexts {
    numbers: HashMap<Box<str>, u32>,
    next: u32,
    /// Not known to be durable: part of every commit until one succeeds.
    pending: Vec<(u32, Vec<u8>)>,
    forgotten: Vec<u32>,
}

/// Texts as they are read at the start.
#[derive(Debug, Default)]
pub(crate) struct ReadTexts(foldhash::HashMap<u32, Box<str>>);

impl ReadTexts {
    /// Takes the record stored under `number`.
    ///
    /// # Errors
    /// [`RecordError`] for a record that is damaged, under another number, or of an unknown version.
    pub(crate) fn read(&mut self, number: u32, record: &[u8]) -> Result<(), RecordError> {
        let content = sealed::open(u64::from(number), VERSION, record)?;
        let text = std::str::from_utf8(content).map_err(|_| RecordError::Content)?;
        self.0.insert(number, text.into());
        Ok(())
    }

    /// The text of a number.
    pub(crate) fn get(&self, number: u32) -> Option<&str> {
        self.0.get(&number).map(|text| &**text)
    }
}

/// A text that rows share, as a row has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredText<'a> {
    /// Rows of version 1 have it themselves.
    Here(&'a str),
    /// Among [`ReadTexts`].
    Number(u32),
}

impl From<ReadTexts> for StoredTexts {
    fn from(ReadTexts(texts): ReadTexts) -> Self {
        let next = texts.keys().max().map_or(0, |number| number + 1);
        let numbers = texts.into_iter().map(|(number, text)| (text, number)).collect();
        Self { numbers, next, ..Self::default() }
    }
}

impl StoredTexts {
    /// The number of a text, which gets one if it has none.
    pub(crate) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.next;
        self.next = self.next.checked_add(1).expect("fewer than 2^32 different texts are ever stored");
        let mut record = sealed::begin(VERSION, text.len());
        record.extend_from_slice(text.as_bytes());
        self.pending.push((number, sealed::seal(u64::from(number), record)));
        self.numbers.insert(text.into(), number);
        number
    }

    /// The records that the next commit has to store.
    pub(crate) fn pending(&self) -> &[(u32, Vec<u8>)] {
        &self.pending
    }

    /// The numbers whose records the next commit removes.
    pub(crate) fn forgotten(&self) -> &[u32] {
        &self.forgotten
    }

    /// Notes that a commit has made all this durable.
    pub(crate) fn settle(&mut self) {
        self.pending.clear();
        self.forgotten.clear();
    }

    /// Forgets the texts that no row uses, when they are many. To be called only while every end of a session is
    /// durable: until then a row may come back that uses one.
    pub(crate) fn forget_unused(&mut self, used: usize, is_used: impl Fn(&str) -> bool) {
        if self.numbers.len().saturating_sub(used) <= used.max(FEW) || !self.pending.is_empty() {
            return;
        }
        let Self { numbers, forgotten, .. } = self;
        numbers.retain(|text, number| {
            let is_used = is_used(text);
            if !is_used {
                forgotten.push(*number);
            }
            is_used
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(records: &[(u32, Vec<u8>)]) -> ReadTexts {
        let mut texts = ReadTexts::default();
        records.iter().for_each(|(number, record)| texts.read(*number, record).unwrap());
        texts
    }

    #[test]
    fn a_text_is_stored_once_and_read_as_it_was_written() {
        let mut texts = StoredTexts::default();
        let number = texts.number("Zürich");
        assert_eq!(texts.number("Zürich"), number);
        assert_ne!(texts.number("keep-01"), number);
        let stored = read(texts.pending());
        assert_eq!(stored.get(number), Some("Zürich"));
        texts.settle();
        assert!(texts.pending().is_empty());

        let mut again = StoredTexts::from(stored);
        assert_eq!(again.number("Zürich"), number);
        assert_eq!(again.number("new"), 2, "a number of its own");
    }

    #[test]
    fn a_damaged_text_is_not_read() {
        let mut texts = StoredTexts::default();
        let number = texts.number("keep-01");
        let mut record = texts.pending()[0].1.clone();
        record[3] ^= 1;
        assert_eq!(ReadTexts::default().read(number, &record), Err(RecordError::Checksum));
    }

    #[test]
    fn texts_that_nobody_uses_are_forgotten_when_they_are_many() {
        let mut texts = StoredTexts::default();
        let kept = texts.number("kept");
        (0..FEW).for_each(|number| _ = texts.number(&number.to_string()));
        texts.forget_unused(1, |text| text == "kept");
        assert!(texts.forgotten().is_empty(), "some are not durable");
        texts.settle();
        texts.number("one more");
        texts.settle();
        texts.forget_unused(1, |text| text == "kept");
        assert_eq!(texts.forgotten().len(), FEW + 1);
        assert_eq!(texts.number("kept"), kept);
        assert_eq!(texts.number("7"), FEW as u32 + 2, "under a number that no other has had");
    }
}
