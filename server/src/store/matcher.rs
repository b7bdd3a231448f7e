//! Which sessions a filter means: 64 slots at a time, by their bits.

use std::net::IpAddr;

use app::{
    session::{
        SessionType,
        query::Filter,
        search::{Condition, Network, Search, Span, fold},
    },
    time::{Timestamp, millis},
};

use super::{
    address_text::AddressText,
    bits,
    table::{Slot, Table},
};

/// A filter prepared for a pass over a table.
pub(crate) struct Matcher<'t> {
    table: &'t Table,
    /// All must hold. `None`: nothing is meant.
    clauses: Option<Vec<Clause<'t>>>,
}

/// One of the tests must hold; or, excluded, none.
struct Clause<'t> {
    excluded: bool,
    tests: Vec<Test<'t>>,
}

enum Test<'t> {
    /// A 1 for each number that is meant.
    Numbers {
        column: &'t [u32],
        meant: Vec<u8>,
    },
    /// A 1 for each type that is meant.
    Types(Box<[u8; 256]>),
    AddressText(AddressText),
    /// The bits of IPv4 addresses that count, and what they are.
    NetworkV4 {
        mask: u32,
        bits: u32,
    },
    NetworkV6(Network),
    LastActive(Range),
    CreatedAt(Range),
}

/// Instants in milliseconds that are longer ago than a time, or not as long.
#[derive(Clone, Copy)]
struct Range {
    now: u64,
    span: u64,
    is_longer: bool,
}

impl<'t> Matcher<'t> {
    /// Prepares a filter at `now`: one pass over the dictionaries, so that rows are decided by looking up numbers. A
    /// search that cannot be understood means nothing, lest something be deleted that nobody asked for.
    pub(crate) fn new(table: &'t Table, filter: &Filter, now: Timestamp) -> Self {
        let Ok(search) = filter.understood() else { return Self { table, clauses: None } };
        let mut clauses = Vec::new();
        if let Some(session_type) = filter.session_type {
            clauses.push(Clause { excluded: false, tests: vec![types(|one| one == session_type)] });
        }
        clauses.extend(of_search(table, &search, now));
        let is_void = clauses.iter().any(|clause| !clause.excluded && clause.tests.is_empty());
        Self { table, clauses: (!is_void).then_some(clauses) }
    }

    /// Which of the 64 slots from `64 * word` on are meant.
    pub(crate) fn found(&self, word: usize) -> u64 {
        let Some(clauses) = &self.clauses else { return 0 };
        let mut found = self.table.occupied(word);
        for clause in clauses {
            if found == 0 {
                break;
            }
            let among = found;
            let held = clause.tests.iter().fold(0, |held, test| held | test.holding(self.table, word, among & !held));
            found &= if clause.excluded { !held } else { held };
        }
        found
    }

    /// How many words there are.
    pub(crate) fn words(&self) -> usize {
        self.table.words()
    }

    /// Whether the session in a slot is meant.
    pub(crate) fn matches(&self, slot: Slot) -> bool {
        self.found(slot as usize / 64) & (1 << (slot % 64)) != 0
    }

    /// Every slot that is meant.
    #[inline]
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        (0..self.words()).flat_map(|word| bits::slots(word, self.found(word)))
    }
}

fn of_search<'t>(table: &'t Table, search: &Search, now: Timestamp) -> Vec<Clause<'t>> {
    let clause = |term: &app::session::search::Term| {
        let tests = match &term.condition {
            Condition::Anywhere(text) => anywhere(table, &fold(text)),
            Condition::User(text) => table.users_containing(&fold(text)).map(numbers).into_iter().collect(),
            Condition::UserIs(name) => table.user_named(&fold(name)).map(numbers).into_iter().collect(),
            Condition::Server(text) => table.servers_containing(&fold(text)).map(numbers).into_iter().collect(),
            Condition::Agent(text) => table.agents_containing(&fold(text)).map(numbers).into_iter().collect(),
            Condition::Type(session_type) => vec![types(|one| one == *session_type)],
            Condition::Address(network) => vec![Test::of_network(*network)],
            Condition::Idle(span) => vec![Test::LastActive(Range::new(*span, now))],
            Condition::Age(span) => vec![Test::CreatedAt(Range::new(*span, now))],
        };
        Clause { excluded: term.excluded, tests }
    };
    search.0.iter().map(clause).collect()
}

/// A test for each column that has the text at all.
fn anywhere<'t>(table: &'t Table, text: &str) -> Vec<Test<'t>> {
    let is_named = |one: SessionType| fold(&format!("{}\0{}", one.as_str(), one.label())).contains(text);
    let columns =
        [table.users_containing(text), table.servers_containing(text), table.agents_containing(text)].into_iter();
    let mut tests: Vec<_> = columns.flatten().map(numbers).collect();
    tests.extend(SessionType::ALL.into_iter().any(is_named).then(|| types(is_named)));
    tests.extend(AddressText::new(text).map(Test::AddressText));
    tests
}

fn numbers((column, meant): (&[u32], Vec<u8>)) -> Test<'_> {
    Test::Numbers { column, meant }
}

fn types<'t>(is_meant: impl Fn(SessionType) -> bool) -> Test<'t> {
    let mut meant = Box::new([0; 256]);
    for one in SessionType::ALL {
        meant[one.index()] = u8::from(is_meant(one));
    }
    Test::Types(meant)
}

impl Range {
    fn new(span: Span, now: Timestamp) -> Self {
        let (time, is_longer) = match span {
            Span::Longer(time) => (time, true),
            Span::Shorter(time) => (time, false),
        };
        Self { now: now.as_millis(), span: millis(time), is_longer }
    }

    fn holds(self, at: Timestamp) -> bool {
        let ago = self.now.saturating_sub(at.as_millis());
        if self.is_longer { ago > self.span } else { ago < self.span }
    }
}

impl Test<'_> {
    fn of_network(network: Network) -> Self {
        match network.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(network.prefix.min(32))).unwrap_or(0);
                Self::NetworkV4 { mask, bits: address.to_bits() & mask }
            }
            IpAddr::V6(_) => Self::NetworkV6(network),
        }
    }

    /// Of which slots it holds. Only those that are `among` the asked ones have to be told.
    fn holding(&self, table: &Table, word: usize, among: u64) -> u64 {
        match self {
            Self::Numbers { column, meant } => {
                bits::which(&column[word * 64..][..64], |number| meant[number as usize] != 0)
            }
            Self::Types(meant) => bits::which(table.types_of(word), |one| meant[usize::from(one)] != 0),
            Self::AddressText(part) => part.in_slots(table.addresses(), word, among),
            Self::NetworkV4 { mask, bits } => table.addresses().matching_v4(word, |address| address & mask == *bits),
            Self::NetworkV6(network) => {
                table.addresses().matching_v6(word, among, |address| network.contains(address.into()))
            }
            Self::LastActive(range) => (0..64)
                .fold(0, |held, bit| held | (u64::from(range.holds(table.last_active_at(slot(word, bit)))) << bit)),
            Self::CreatedAt(range) => {
                (0..64).fold(0, |held, bit| held | (u64::from(range.holds(table.created_at(slot(word, bit)))) << bit))
            }
        }
    }
}

fn slot(word: usize, bit: u32) -> Slot {
    word as Slot * 64 + bit
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            row::Row,
            table::tests::{row, table},
        },
        *,
    };

    fn found(table: &Table, search: &str) -> Vec<u64> {
        let filter = Filter { session_type: None, search: search.to_owned() };
        Matcher::new(table, &filter, Timestamp::from_millis(4_000_000)).slots().map(|slot| table.id(slot).0).collect()
    }

    fn people() -> Table {
        let at = Timestamp::from_millis;
        table([
            Row { user_agent: "Mozilla/5.0 Firefox/147.0", last_active_at: at(3_990_000), ..row(1, "Anna") },
            Row { session_type: SessionType::Browser, address: "2001:db8::beef".parse().unwrap(), ..row(2, "ben") },
            Row {
                session_type: SessionType::Other,
                server_name: "Zürich-2",
                created_at: at(3_000_000),
                ..row(3, "ÉMILE")
            },
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
    fn all_terms_must_hold_wherever() {
        let table = people();
        assert_eq!(found(&table, "keep anna 20 rest"), [1]);
        assert_eq!(found(&table, "anna browser"), [] as [u64; 0]);
        assert_eq!(found(&table, "ben 10.20"), [] as [u64; 0]);
    }

    #[test]
    fn a_term_can_name_its_column_and_exclude() {
        let table = people();
        for (search, ids) in [
            ("user:e", vec![2, 3]),
            ("agent:firefox", vec![1]),
            ("user:firefox", vec![]),
            ("user=émile", vec![3]),
            ("user=Anna -user=ben", vec![1]),
            ("user=ann", vec![]),
            ("-user=ann", vec![1, 2, 3]),
            ("server:keep", vec![1, 2]),
            ("type:browser", vec![2]),
            ("ip:10.20.0.0/16", vec![1, 3]),
            ("ip:2001:db8::/32", vec![2]),
            ("ip:10.20.1.4", vec![1, 3]),
            ("ip:0.0.0.0/0", vec![1, 3]),
            ("-ip:0.0.0.0/0", vec![2]),
            ("ip:::ffff:10.0.0.0/104", vec![1, 3]),
            ("ip:::/0", vec![2]),
            ("-type:browser", vec![1, 3]),
            ("-anna", vec![2, 3]),
            ("-nobody", vec![1, 2, 3]),
            ("-user:nobody ip:10.20.1.4 -type:other", vec![1]),
            ("idle<1m", vec![1]),
            ("idle>1m", vec![2, 3]),
            ("age>1h", vec![1, 2]),
            ("age<1h -idle<1m", vec![3]),
            ("ip:nonsense", vec![]),
        ] {
            assert_eq!(found(&table, search), ids, "searching {search:?}");
        }
    }

    #[test]
    fn a_filter_takes_type_and_search_together() {
        let table = people();
        let filter = Filter { session_type: Some(SessionType::Other), search: "10.20".to_owned() };
        let matcher = Matcher::new(&table, &filter, Timestamp::default());
        assert_eq!(matcher.slots().collect::<Vec<_>>(), [2]);
        assert!(matcher.matches(2) && !matcher.matches(0));
    }

    #[test]
    fn vacant_slots_are_never_found() {
        let mut table = people();
        table.remove(1);
        assert_eq!(found(&table, "-anna"), [3]);
        assert_eq!(found(&table, ""), [1, 3]);
    }
}
