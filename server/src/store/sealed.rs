//! Records on disk: a version, the content, and a checksum that also covers the key, so that a record under the wrong
//! key is as unreadable as a damaged one.

use thiserror::Error;

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum RecordError {
    #[error("its format version is {0}, which this keepwatch does not know")]
    Version(u8),
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its content cannot be read")]
    Content,
}

/// A record of this version without content yet; the content is to be appended.
pub(crate) fn begin(version: u8, capacity: usize) -> Vec<u8> {
    let mut record = Vec::with_capacity(1 + capacity + 4);
    record.push(version);
    record
}

/// The finished record for this key.
pub(crate) fn seal(key: u64, mut record: Vec<u8>) -> Vec<u8> {
    let checksum = checksum(key, &record);
    record.extend_from_slice(&checksum.to_le_bytes());
    record
}

/// The content of the record found under this key.
pub(crate) fn open(key: u64, version: u8, record: &[u8]) -> Result<&[u8], RecordError> {
    match record.first() {
        Some(found) if *found == version => {}
        Some(found) => return Err(RecordError::Version(*found)),
        None => return Err(RecordError::Content),
    }
    let (sealed, found) = record.split_last_chunk::<4>().ok_or(RecordError::Content)?;
    if u32::from_le_bytes(*found) != checksum(key, sealed) {
        return Err(RecordError::Checksum);
    }
    sealed.get(1..).ok_or(RecordError::Content)
}

fn checksum(key: u64, sealed: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&key.to_le_bytes());
    hasher.update(sealed);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<u8> {
        let mut record = begin(3, 5);
        record.extend_from_slice(b"hello");
        seal(17, record)
    }

    #[test]
    fn a_record_opens_under_its_key_and_version() {
        assert_eq!(open(17, 3, &record()), Ok(&b"hello"[..]));
    }

    #[test]
    fn a_record_under_another_key_does_not_open() {
        assert_eq!(open(18, 3, &record()), Err(RecordError::Checksum));
    }

    #[test]
    fn a_record_of_another_version_is_told_by_its_number() {
        assert_eq!(open(17, 2, &record()), Err(RecordError::Version(3)));
    }

    #[test]
    fn a_record_cut_short_does_not_open() {
        let record = record();
        for length in 0..record.len() {
            assert!(open(17, 3, &record[..length]).is_err(), "{length} bytes open");
        }
    }
}
