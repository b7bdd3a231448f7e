//! Tombstones: one record that ends any number of sessions in one write.

use super::sealed::{self, RecordError};

/// The format that [`Tombstone::encode`] writes: the ids in order, each as its distance from the one before, seven bits in
/// a byte, the lowest first (LEB128). A hundred thousand neighbours are 100 kB to be written and waited for.
const VERSION: u8 = 2;
/// The format with eight bytes for each id, little-endian.
const VERSION_OF_WORDS: u8 = 1;

/// Sessions that have ended while their rows are still on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tombstone {
    /// The key of the record.
    pub(crate) seq: u64,
    /// The ids of the sessions, in order: rows are cheaper to remove side by side.
    pub(crate) ids: Vec<u64>,
}

impl Tombstone {
    /// The record as stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = sealed::begin(VERSION, self.ids.len() * 2);
        let mut last = 0;
        for id in &self.ids {
            push_number(&mut record, id.wrapping_sub(last));
            last = *id;
        }
        sealed::seal(self.seq, record)
    }

    /// The record stored under `seq`.
    ///
    /// # Errors
    /// [`RecordError`] for a record that is damaged, under another key, or of an unknown version.
    pub(crate) fn decode(seq: u64, record: &[u8]) -> Result<Self, RecordError> {
        let ids = if record.first() == Some(&VERSION_OF_WORDS) {
            let (ids, rest) = sealed::open(seq, VERSION_OF_WORDS, record)?.as_chunks::<8>();
            rest.is_empty().then(|| ids.iter().map(|id| u64::from_le_bytes(*id)).collect())
        } else {
            distances(sealed::open(seq, VERSION, record)?)
        };
        Ok(Self { seq, ids: ids.ok_or(RecordError::Content)? })
    }
}

fn push_number(record: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        record.push(number as u8 | 0x80);
        number >>= 7;
    }
    record.push(number as u8);
}

/// The ids at these distances from one another.
fn distances(content: &[u8]) -> Option<Vec<u64>> {
    let mut ids = Vec::with_capacity(content.len());
    let (mut last, mut number, mut shift) = (0_u64, 0_u64, 0_u32);
    for byte in content {
        let bits = u64::from(byte & 0x7f);
        number |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        shift += 7;
        if byte & 0x80 == 0 {
            last = last.wrapping_add(number);
            ids.push(last);
            (number, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(ids)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tombstones_of_version_1_are_still_read() {
        let content = [7_u64, 300].iter().flat_map(|id| id.to_le_bytes());
        let record = sealed::seal(3, [VERSION_OF_WORDS].into_iter().chain(content).collect());
        assert_eq!(Tombstone::decode(3, &record), Ok(Tombstone { seq: 3, ids: vec![7, 300] }));
    }

    #[test]
    fn the_format_on_disk_stays_as_it_is() {
        let record = Tombstone { seq: 3, ids: vec![7, 300, 301] }.encode();
        assert_eq!(record[..record.len() - 4], [2, 7, 0xa5, 2, 1]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(content in proptest::collection::vec(any::<u8>(), 0..40)) {
            for version in [VERSION_OF_WORDS, VERSION] {
                let record = sealed::seal(3, [&[version], &content[..]].concat());
                _ = Tombstone::decode(3, &record);
            }
        }

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
