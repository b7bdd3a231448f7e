//! A session as it is stored: the row of the journal.

use std::net::IpAddr;

use app::{
    session::{SessionId, SessionType, TokenHash, store::NewSession},
    time::Timestamp,
};

use super::sealed::{self, RecordError};

/// The format that [`Row::encode`] writes. A change of format takes the next number and keeps reading this one.
const VERSION: u8 = 1;
/// Bytes of everything but the texts, at most.
const FIXED: usize = 1 + 8 + 8 + 32 + 1 + 16 + 3 * 4;

/// One session with its texts borrowed from wherever they are.
///
/// On disk, between the version and the checksum, integers little-endian: type, created at, last active at (both in
/// milliseconds), token hash, address family (4 or 6) and octets, then username, server name and User-Agent, each as
/// its length in four bytes and its UTF-8. The id is the key, not part of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) id: SessionId,
    pub(crate) token_hash: TokenHash,
    pub(crate) session_type: SessionType,
    pub(crate) address: IpAddr,
    pub(crate) created_at: Timestamp,
    pub(crate) last_active_at: Timestamp,
    pub(crate) username: &'a str,
    pub(crate) server_name: &'a str,
    pub(crate) user_agent: &'a str,
}

impl<'a> Row<'a> {
    /// A new session under the id it gets.
    pub(crate) fn of_new(id: SessionId, session: &'a NewSession) -> Self {
        Self {
            id,
            token_hash: session.token_hash,
            session_type: session.session_type,
            address: session.client.address,
            created_at: session.created_at,
            last_active_at: session.created_at,
            username: &session.username,
            server_name: &session.server_name,
            user_agent: &session.client.user_agent,
        }
    }

    /// The row as stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let texts = [self.username, self.server_name, self.user_agent];
        let mut record = sealed::begin(VERSION, FIXED + texts.iter().map(|text| text.len()).sum::<usize>());
        record.push(type_code(self.session_type));
        record.extend_from_slice(&self.created_at.as_millis().to_le_bytes());
        record.extend_from_slice(&self.last_active_at.as_millis().to_le_bytes());
        record.extend_from_slice(&self.token_hash.0);
        match self.address {
            IpAddr::V4(address) => {
                record.push(4);
                record.extend_from_slice(&address.octets());
            }
            IpAddr::V6(address) => {
                record.push(6);
                record.extend_from_slice(&address.octets());
            }
        }
        for text in texts {
            let length = u32::try_from(text.len()).expect("the texts of a session are cut far below 4 GiB");
            record.extend_from_slice(&length.to_le_bytes());
            record.extend_from_slice(text.as_bytes());
        }
        sealed::seal(self.id.0, record)
    }

    /// The row stored under `id`.
    ///
    /// # Errors
    /// [`RecordError`] for a row that is damaged, under another id, or of an unknown version.
    pub(crate) fn decode(id: SessionId, record: &'a [u8]) -> Result<Self, RecordError> {
        let content = sealed::open(id.0, VERSION, record)?;
        Self::read(id, content).ok_or(RecordError::Content)
    }

    fn read(id: SessionId, content: &'a [u8]) -> Option<Self> {
        let mut fields = Fields(content);
        let session_type = type_of(fields.byte()?)?;
        let created_at = Timestamp::from_millis(u64::from_le_bytes(fields.array()?));
        let last_active_at = Timestamp::from_millis(u64::from_le_bytes(fields.array()?));
        let token_hash = TokenHash(fields.array()?);
        let address = match fields.byte()? {
            4 => IpAddr::from(fields.array::<4>()?),
            6 => IpAddr::from(fields.array::<16>()?),
            _ => return None,
        };
        let (username, server_name, user_agent) = (fields.text()?, fields.text()?, fields.text()?);
        fields.0.is_empty().then_some(Self {
            id,
            token_hash,
            session_type,
            address,
            created_at,
            last_active_at,
            username,
            server_name,
            user_agent,
        })
    }
}

/// The number of a type on disk: never changed, never given to another.
const fn type_code(session_type: SessionType) -> u8 {
    match session_type {
        SessionType::RestApi => 1,
        SessionType::Browser => 2,
        SessionType::Other => 3,
    }
}

fn type_of(code: u8) -> Option<SessionType> {
    SessionType::ALL.into_iter().find(|session_type| type_code(*session_type) == code)
}

/// What is left to read of a row's content.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u32::from_le_bytes(self.array()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    prop_compose! {
        fn any_row()(
            id in any::<u64>(),
            token_hash in any::<[u8; 32]>(),
            session_type in proptest::sample::select(SessionType::ALL.to_vec()),
            address in any::<IpAddr>(),
            created_at in any::<u64>(),
            last_active_at in any::<u64>(),
        ) -> Row<'static> {
            Row {
                id: SessionId(id),
                token_hash: TokenHash(token_hash),
                session_type,
                address,
                created_at: Timestamp::from_millis(created_at),
                last_active_at: Timestamp::from_millis(last_active_at),
                username: "",
                server_name: "",
                user_agent: "",
            }
        }
    }

    proptest! {
        #[test]
        fn a_row_is_read_as_it_was_written(
            row in any_row(),
            username in ".{0,40}",
            server_name in ".{0,40}",
            user_agent in ".{0,600}",
        ) {
            let row = Row { username: &username, server_name: &server_name, user_agent: &user_agent, ..row };
            let record = row.encode();
            prop_assert_eq!(Row::decode(row.id, &record), Ok(row));
        }

        #[test]
        fn a_row_with_one_flipped_bit_is_never_read(row in any_row(), user_agent in ".{0,40}") {
            let row = Row { username: "anna", server_name: "keep-01", user_agent: &user_agent, ..row };
            let mut record = row.encode();
            for bit in 0..record.len() * 8 {
                record[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(Row::decode(row.id, &record).is_err(), "bit {} flipped unnoticed", bit);
                record[bit / 8] ^= 1 << (bit % 8);
            }
        }

        #[test]
        fn no_bytes_make_the_reader_panic(
            id in any::<u64>(),
            content in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut record = sealed::begin(VERSION, content.len());
            record.extend_from_slice(&content);
            _ = Row::decode(SessionId(id), &sealed::seal(id, record));
        }
    }

    #[test]
    fn the_format_on_disk_stays_as_it_is() {
        let row = Row {
            id: SessionId(1),
            token_hash: TokenHash([7; 32]),
            session_type: SessionType::Browser,
            address: [10, 20, 1, 4].into(),
            created_at: Timestamp::from_millis(1),
            last_active_at: Timestamp::from_millis(2),
            username: "a",
            server_name: "b",
            user_agent: "c",
        };
        let mut expected = vec![1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        expected.extend([7; 32]);
        expected.extend([4, 10, 20, 1, 4, 1, 0, 0, 0, b'a', 1, 0, 0, 0, b'b', 1, 0, 0, 0, b'c']);
        let record = row.encode();
        assert_eq!(record[..record.len() - 4], expected);
    }
}
