//! Tombstones: one record that ends any number of sessions in one write.

use super::sealed::{self, RecordError};

const VERSION: u8 = 1;

/// Sessions that have ended while their rows are still on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// The key of the record.
    pub(crate) seq: u64,
    /// The ids of the sessions, in order: rows are cheaper to remove side by side.
    pub(crate) ids: Vec<u64>,
}

impl Tombstone {
    /// The record as stored: the ids, little-endian, between version and checksum.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = sealed::begin(VERSION, self.ids.len() * 8);
        for id in &self.ids {
            record.extend_from_slice(&id.to_le_bytes());
        }
        sealed::seal(self.seq, record)
    }

    /// The record stored under `seq`.
    ///
    /// # Errors
    /// [`RecordError`] for a record that is damaged, under another key, or of an unknown version.
    pub(crate) fn decode(seq: u64, record: &[u8]) -> Result<Self, RecordError> {
        let (ids, rest) = sealed::open(seq, VERSION, record)?.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(RecordError::Content);
        }
        Ok(Self { seq, ids: ids.iter().map(|id| u64::from_le_bytes(*id)).collect() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_tombstone_is_read_as_it_was_written(
            seq in any::<u64>(),
            ids in proptest::collection::vec(any::<u64>(), 0..100),
        ) {
            let tombstone = Tombstone { seq, ids };
            prop_assert_eq!(Tombstone::decode(seq, &tombstone.encode()), Ok(tombstone));
        }

        #[test]
        fn a_tombstone_with_one_flipped_bit_is_never_read(ids in proptest::collection::vec(any::<u64>(), 0..8)) {
            let mut record = Tombstone { seq: 3, ids }.encode();
            for bit in 0..record.len() * 8 {
                record[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(Tombstone::decode(3, &record).is_err(), "bit {} flipped unnoticed", bit);
                record[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
