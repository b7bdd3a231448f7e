//! A session as it is stored: the row of the journal.

use std::{borrow::Cow, net::IpAddr};

use app::{
    scope::Scopes,
    session::{SessionId, SessionType, Standing, TokenHash, store::NewSession},
    time::Timestamp,
};

use super::{
    sealed::{self, RecordError},
    stored_texts::{StoredText, StoredTexts},
};

/// The format of most rows. A change of format takes the next number and keeps reading this one.
const VERSION: u8 = 2;
/// The format of an app password or client token.
const VERSION_WITH_STANDING: u8 = 3;
/// The format with all texts in the row.
const VERSION_WITH_TEXTS: u8 = 1;
/// Bytes of everything but the username, at most.
const FIXED: usize = 1 + 8 + 8 + 32 + 1 + 16 + 4 + 4 + 4;

/// One session with its texts borrowed from wherever they are; those that rows share may also be numbers still.
///
/// On disk, between the version and the checksum, integers little-endian: type, created at, last active at (both in
/// milliseconds), token hash, address family (4 or 6) and octets, the numbers of server name and User-Agent among the
/// [`StoredTexts`] in four bytes each, then the username as its length in four bytes and its UTF-8. In version 1
/// username, server name and User-Agent stand there in the same way, and no numbers. In version 3 the instant when it
/// expires, a byte of scopes (0 for an app password) and the name of the app password or client token follow. The id is the key, not part of the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row<'a, Shared = &'a str> {
    pub(crate) id: SessionId,
    pub(crate) token_hash: TokenHash,
    pub(crate) session_type: SessionType,
    pub(crate) address: IpAddr,
    pub(crate) created_at: Timestamp,
    pub(crate) last_active_at: Timestamp,
    pub(crate) username: &'a str,
    pub(crate) server_name: Shared,
    pub(crate) user_agent: Shared,
    pub(crate) standing: Option<Cow<'a, Standing>>,
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
            standing: session.standing.as_deref().map(Cow::Borrowed),
        }
    }

    /// The row as stored.
    pub(crate) fn encode(&self, texts: &mut StoredTexts) -> Vec<u8> {
        let version = if self.standing.is_some() { VERSION_WITH_STANDING } else { VERSION };
        let mut record = sealed::begin(version, FIXED + self.username.len());
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
        for text in [self.server_name, self.user_agent] {
            record.extend_from_slice(&texts.number(text).to_le_bytes());
        }
        push_text(&mut record, self.username);
        if let Some(standing) = &self.standing {
            record.extend_from_slice(&standing.expires_at.as_millis().to_le_bytes());
            record.push(standing.scopes.unwrap_or_default().0);
            push_text(&mut record, &standing.name);
        }
        sealed::seal(self.id.0, record)
    }
}

impl<'a> Row<'a, StoredText<'a>> {
    /// The row stored under `id`.
    ///
    /// # Errors
    /// [`RecordError`] for a row that is damaged, under another id or of an unknown version.
    pub(crate) fn decode(id: SessionId, record: &'a [u8]) -> Result<Self, RecordError> {
        let version = match record.first() {
            Some(&version @ (VERSION_WITH_TEXTS | VERSION_WITH_STANDING)) => version,
            _ => VERSION,
        };
        let content = sealed::open(id.0, version, record)?;
        Self::read(id, version, content).ok_or(RecordError::Content)
    }

    fn read(id: SessionId, version: u8, content: &'a [u8]) -> Option<Self> {
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
        let (username, server_name, user_agent) = if version == VERSION_WITH_TEXTS {
            (fields.text()?, StoredText::Here(fields.text()?), StoredText::Here(fields.text()?))
        } else {
            let numbers = [fields.array()?, fields.array()?].map(u32::from_le_bytes);
            let [server_name, user_agent] = numbers.map(StoredText::Number);
            (fields.text()?, server_name, user_agent)
        };
        let standing = if version == VERSION_WITH_STANDING {
            let expires_at = Timestamp::from_millis(u64::from_le_bytes(fields.array()?));
            let scopes = Some(Scopes(fields.byte()?)).filter(|scopes| *scopes != Scopes::default());
            Some(Cow::Owned(Standing { name: fields.text()?.to_owned(), expires_at, scopes }))
        } else {
            None
        };
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
            standing,
        })
    }
}

/// The length of a text in four bytes, and its UTF-8.
fn push_text(record: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("names are far below 4 GiB");
    record.extend_from_slice(&length.to_le_bytes());
    record.extend_from_slice(text.as_bytes());
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
            standing in proptest::option::of(".{0,40}"),
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
                standing: standing.map(|name| {
                    let scopes = Some(Scopes(id as u8 % 16)).filter(|scopes| !scopes.is_empty());
                    Cow::Owned(Standing { name, expires_at: Timestamp::from_millis(last_active_at), scopes })
                }),
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
            let (server_name, user_agent) = (server_name.as_str(), user_agent.as_str());
            let row = Row { username: &username, server_name, user_agent, ..row };
            let mut texts = StoredTexts::default();
            let record = row.encode(&mut texts);
            let [server, agent] = [row.server_name, row.user_agent].map(|text| StoredText::Number(texts.number(text)));
            prop_assert_eq!(Row::decode(row.id, &record), Ok(sharing(row, server, agent)));
        }

        #[test]
        fn a_row_with_one_flipped_bit_is_never_read(row in any_row(), user_agent in ".{0,40}") {
            let row = Row { username: "anna", server_name: "keep-01", user_agent: user_agent.as_str(), ..row };
            let mut texts = StoredTexts::default();
            let mut record = row.encode(&mut texts);
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
            for version in [VERSION_WITH_TEXTS, VERSION, VERSION_WITH_STANDING] {
                let mut record = sealed::begin(version, content.len());
                record.extend_from_slice(&content);
                _ = Row::decode(SessionId(id), &sealed::seal(id, record));
            }
        }
    }

    /// The row as it is read where its texts are these.
    fn sharing<'a>(row: Row<'a>, server_name: StoredText<'a>, user_agent: StoredText<'a>) -> Row<'a, StoredText<'a>> {
        let Row { id, token_hash, session_type, address, created_at, last_active_at, username, standing, .. } = row;
        Row {
            id,
            token_hash,
            session_type,
            address,
            created_at,
            last_active_at,
            username,
            server_name,
            user_agent,
            standing,
        }
    }

    fn golden() -> (Row<'static>, Vec<u8>) {
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
            standing: None,
        };
        let mut fixed = vec![2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
        fixed.extend([7; 32]);
        fixed.extend([4, 10, 20, 1, 4]);
        (row, fixed)
    }

    #[test]
    fn the_format_on_disk_stays_as_it_is() {
        let (row, fixed) = golden();
        let mut texts = StoredTexts::default();
        texts.number("c");
        let record = row.encode(&mut texts);
        let expected = [&[2], &fixed[..], &[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'a']].concat();
        assert_eq!(record[..record.len() - 4], expected);
    }

    #[test]
    fn so_does_that_of_what_is_made_to_be_kept() {
        let (row, fixed) = golden();
        let standing =
            Standing { name: "dav".to_owned(), expires_at: Timestamp::from_millis(3), scopes: Some(Scopes(9)) };
        let row = Row { standing: Some(Cow::Owned(standing)), ..row };
        let mut texts = StoredTexts::default();
        texts.number("c");
        let record = row.encode(&mut texts);
        let end = [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, b'a', 3, 0, 0, 0, 0, 0, 0, 0, 9, 3, 0, 0, 0, b'd', b'a', b'v'];
        assert_eq!(record[..record.len() - 4], [&[3], &fixed[..], &end].concat());
    }

    #[test]
    fn rows_of_version_1_are_still_read() {
        let (row, fixed) = golden();
        let texts = [1, 0, 0, 0, b'a', 1, 0, 0, 0, b'b', 1, 0, 0, 0, b'c'];
        let record = sealed::seal(1, [&[1], &fixed[..], &texts].concat());
        let expected = sharing(row, StoredText::Here("b"), StoredText::Here("c"));
        assert_eq!(Row::decode(SessionId(1), &record), Ok(expected));
    }
}
