//! Which sessions a filter means.

use std::{
    fmt::{self, Write},
    net::IpAddr,
};

use app::session::{SessionType, query::Filter};

use super::{
    dictionary::{Dictionary, fold},
    table::{Slot, Table},
};

/// One bit for each word of a search.
type Words = u128;

/// The most different words that a search may have. [`MAX_SEARCH`](app::session::query::MAX_SEARCH) bytes hold no more.
const MAX_WORDS: usize = Words::BITS as usize;

/// A filter prepared for one pass over a table. It holds as long as the table does not change.
pub(crate) struct Matcher {
    type_index: Option<usize>,
    search: Search,
}

enum Search {
    Anything,
    Nothing,
    Words(Index),
}

impl Matcher {
    /// Prepares a filter: one pass over the dictionaries, so that most rows are decided by looking up numbers.
    ///
    /// A search of more than 128 different words matches nothing: to pass over some of them would match, and delete,
    /// more than was asked for.
    pub(crate) fn new(table: &Table, filter: &Filter) -> Self {
        let mut words: Vec<_> = filter.search.split_whitespace().map(fold).collect();
        words.sort_unstable();
        words.dedup();
        let search = match words.len() {
            0 => Search::Anything,
            1..=MAX_WORDS => Search::Words(Index::new(table, words)),
            _ => Search::Nothing,
        };
        Self { type_index: filter.session_type.map(SessionType::index), search }
    }

    /// Whether the session in a slot is meant.
    pub(crate) fn matches(&self, table: &Table, slot: Slot) -> bool {
        self.type_index.is_none_or(|wanted| table.type_index(slot) == wanted)
            && match &self.search {
                Search::Anything => true,
                Search::Nothing => false,
                Search::Words(index) => index.has_all(table, slot),
            }
    }
}

/// Which words of a search occur in which texts.
struct Index {
    words: Vec<String>,
    all: Words,
    in_types: [Words; 3],
    in_usernames: Vec<Words>,
    in_server_names: Vec<Words>,
    in_user_agents: Vec<Words>,
    /// Words that could occur in an address.
    like_addresses: Words,
}

impl Index {
    fn new(table: &Table, words: Vec<String>) -> Self {
        let in_dictionary =
            |dictionary: &Dictionary| dictionary.searchable().map(|text| occurring(&words, text)).collect::<Vec<_>>();
        Self {
            all: select(&words, |_| true),
            in_types: SessionType::ALL
                .map(|one| occurring(&words, &fold(&format!("{}\0{}", one.as_str(), one.label())))),
            in_usernames: in_dictionary(&table.usernames),
            in_server_names: in_dictionary(&table.server_names),
            in_user_agents: in_dictionary(&table.user_agents),
            like_addresses: select(&words, |word| {
                word.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.' || byte == b':')
            }),
            words,
        }
    }

    fn has_all(&self, table: &Table, slot: Slot) -> bool {
        let found = self.in_types[table.type_index(slot)]
            | self.in_usernames[table.user(slot) as usize]
            | self.in_server_names[table.server(slot) as usize]
            | self.in_user_agents[table.agent(slot) as usize];
        let missing = self.all & !found;
        if missing == 0 {
            return true;
        }
        // Writing an address costs more than all before, so it is done only where it can decide.
        missing & !self.like_addresses == 0
            && missing & !occurring(&self.words, AddressText::of(table.address(slot)).as_str()) == 0
    }
}

/// The words that occur in a text. Both are in lower case.
fn occurring(words: &[String], text: &str) -> Words {
    select(words, |word| text.contains(word))
}

fn select(words: &[String], is_meant: impl Fn(&str) -> bool) -> Words {
    words.iter().rev().fold(0, |chosen, word| (chosen << 1) | Words::from(is_meant(word)))
}

/// An address as text, without a visit to the heap.
struct AddressText {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl AddressText {
    /// Eight groups of four digits and their colons.
    const LONGEST: usize = 39;

    fn of(address: IpAddr) -> Self {
        let mut text = Self { bytes: [0; Self::LONGEST], length: 0 };
        match address {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                text.push_decimal(a);
                for octet in [b, c, d] {
                    text.push(b'.');
                    text.push_decimal(octet);
                }
            }
            IpAddr::V6(address) => {
                write!(text, "{address}").expect("no IPv6 address that is not mapped IPv4 is longer");
            }
        }
        text
    }

    /// By hand, because a search for an address writes that of every row.
    fn push_decimal(&mut self, number: u8) {
        if number >= 100 {
            self.push(b'0' + number / 100);
        }
        if number >= 10 {
            self.push(b'0' + number / 10 % 10);
        }
        self.push(b'0' + number % 10);
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl Write for AddressText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            row::Row,
            table::tests::{row, table},
        },
        *,
    };

    fn found(table: &Table, search: &str) -> Vec<u64> {
        let matcher = Matcher::new(table, &Filter { session_type: None, search: search.to_owned() });
        table.slots().filter(|slot| matcher.matches(table, *slot)).map(|slot| table.id(slot).0).collect()
    }

    fn people() -> Table {
        table([
            Row { user_agent: "Mozilla/5.0 Firefox/147.0", ..row(1, "Anna") },
            Row { session_type: SessionType::Browser, address: "2001:db8::beef".parse().unwrap(), ..row(2, "ben") },
            Row { session_type: SessionType::Other, server_name: "Zürich-2", ..row(3, "ÉMILE") },
        ])
    }

    #[test]
    fn a_word_is_looked_for_in_every_column_in_any_case() {
        let table = people();
        for (search, ids) in [
            ("anna", vec![1]),
            ("émile", vec![3]),
            ("10.20.1.", vec![1, 3]),
            ("DB8::BEEF", vec![2]),
            ("ZÜRICH", vec![3]),
            ("firefox/147", vec![1]),
            ("rest", vec![1]),
            ("api", vec![1]),
            ("Other", vec![3]),
            ("nobody", vec![]),
            ("  ", vec![1, 2, 3]),
        ] {
            assert_eq!(found(&table, search), ids, "searching {search:?}");
        }
    }

    #[test]
    fn all_words_must_occur_wherever() {
        let table = people();
        assert_eq!(found(&table, "keep anna 20 rest"), [1]);
        assert_eq!(found(&table, "anna browser"), [] as [u64; 0]);
        assert_eq!(found(&table, "ben 10.20"), [] as [u64; 0]);
    }

    #[test]
    fn a_filter_takes_type_and_search_together() {
        let table = people();
        let filter = Filter { session_type: Some(SessionType::Other), search: "10.20".to_owned() };
        let matcher = Matcher::new(&table, &filter);
        assert_eq!(table.slots().filter(|slot| matcher.matches(&table, *slot)).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn no_word_of_a_long_search_is_passed_over() {
        let table = people();
        let letters = |count: u32| {
            (0..count).map(|number| char::from_u32(0x4e00 + number).unwrap().to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found(&table, &["anna"; 200].join(" ")), [1]);
        for count in [1, 127, 128, 129, 1_000] {
            assert_eq!(found(&table, &letters(count)), [] as [u64; 0], "{count} words");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_searched_as_it_is_shown(address in any::<IpAddr>()) {
            let address = address.to_canonical();
            let text = AddressText::of(address);
            prop_assert_eq!(text.as_str(), address.to_string());
        }
    }
}
