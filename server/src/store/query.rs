//! Reads of the table: part of the list, one user's sessions, some sessions, newer sessions.

use std::{
    array,
    cmp::{Ordering, Reverse},
    net::IpAddr,
};

use app::{
    session::{
        Lifetimes, Session, SessionId, SessionType,
        column::Column,
        page::Page,
        query::{Filter, SessionQuery},
    },
    time::Timestamp,
};

use super::{
    bits,
    dictionary::{Dictionary, MOST_RANKED},
    matcher::Matcher,
    table::{Slot, Table},
    window::Window,
};

/// Part of the list at `now`. By last activity without a search: as [`Table::page`]. Else one pass.
pub(crate) fn list(table: &Table, query: &SessionQuery, lifetimes: &Lifetimes, now: Timestamp) -> Page {
    let (page, slots) = page(table, query, lifetimes, now);
    Page { sessions: slots.into_iter().map(|slot| table.session(slot)).collect(), ..page }
}

/// The same, the sessions as slots.
pub(crate) fn page(table: &Table, query: &SessionQuery, lifetimes: &Lifetimes, now: Timestamp) -> (Page, Vec<Slot>) {
    let revision = table.revision();
    let matcher = || Matcher::new(table, &query.filter, now);
    let found = match query.sort.column {
        Column::LastActive if query.is_in_kept_order() => in_default_order(table, query),
        Column::Username => by_text(&matcher(), table, query, &table.usernames, |slot| table.user(slot)),
        Column::ServerName => by_text(&matcher(), table, query, &table.server_names, |slot| table.server(slot)),
        Column::UserAgent => by_text(&matcher(), table, query, &table.user_agents, |slot| table.agent(slot)),
        Column::SessionType => {
            let places = type_places();
            find_ranked(&matcher(), table, query, |slot| places[table.type_index(slot)])
        }
        Column::Address => {
            find(&matcher(), table, query, |slot| table.address_place(slot), |slot| table.address_key(slot))
        }
        Column::LastActive => find(&matcher(), table, query, |slot| table.last_active_at(slot).as_millis(), |_| ()),
        Column::IdleTimeout => find(&matcher(), table, query, table.idle_places(lifetimes), |_| ()),
        Column::AbsoluteLifetime => find(&matcher(), table, query, table.lifetime_places(lifetimes), |_| ()),
    };
    (Page { revision, total: found.total, ..head(table, None) }, found.slots)
}

/// What a page says of the sessions of a type, or of all, but the sessions.
pub(crate) fn head(table: &Table, of_type: Option<SessionType>) -> Page {
    let (revision, counts) = (table.revision(), table.counts());
    Page { revision, counts, total: counts.of(of_type), as_of: table.newest_id(), sessions: Vec::new() }
}

/// All sessions of one user, newest activity first. One pass over one column.
pub(crate) fn of_user(table: &Table, username: &str) -> Vec<Session> {
    let Some(user) = table.usernames.find(username) else { return Vec::new() };
    let slots = table.slots().filter(|slot| table.user(*slot) == user);
    let mut sessions: Vec<_> = slots.map(|slot| table.session(slot)).collect();
    sessions.sort_unstable_by_key(|session| Reverse((session.last_active_at, session.id)));
    sessions
}

/// How many sessions are looked at for an address that they share.
const SAMPLE: usize = 4_096;
/// Fewer sessions than this share nothing worth telling.
const FEW: usize = 10;

/// The address that nine of ten sessions have, as far as a sample tells.
pub(crate) fn shared_address(table: &Table) -> Option<IpAddr> {
    let sample: Vec<_> = table.slots().take(SAMPLE).map(|slot| table.address(slot)).collect();
    // Whoever has more than half is the one that is left (Boyer and Moore).
    let (mut most, mut ahead) = (*sample.first()?, 0_usize);
    for address in &sample {
        match (*address == most, ahead) {
            (true, _) => ahead += 1,
            (false, 0) => (most, ahead) = (*address, 1),
            (false, _) => ahead -= 1,
        }
    }
    let count = sample.iter().filter(|address| **address == most).count();
    (sample.len() >= FEW && count * 10 >= sample.len() * 9).then_some(most)
}

/// The sessions among `ids` that are there, in the order of `ids`.
pub(crate) fn get_many(table: &Table, ids: &[SessionId]) -> Vec<Session> {
    ids.iter().filter_map(|id| table.find(*id)).map(|slot| table.session(slot)).collect()
}

/// How many sessions newer than `as_of` match at `now`. Without a search: as [`Table::count_above`]. Else a look-up for each
/// newer id, at most one pass.
pub(crate) fn count_newer(table: &Table, filter: &Filter, as_of: SessionId, now: Timestamp) -> u64 {
    if as_of >= table.newest_id() {
        return 0;
    }
    let of_type = filter.session_type.map(SessionType::index);
    if !filter.has_search() {
        return table.count_above(as_of, of_type);
    }
    let matcher = Matcher::new(table, filter, now);
    let newest = table.newest_id().0;
    // A session is looked at with the 64 of its word.
    let count = if newest.saturating_sub(as_of.0) <= table.words() as u64 {
        let newer = as_of.0.saturating_add(1)..=newest;
        newer.filter_map(|id| table.find(SessionId(id))).filter(|slot| matcher.matches(*slot)).count()
    } else {
        matcher.slots().filter(|slot| table.id(*slot) > as_of).count()
    };
    count as u64
}

/// From so many rows before a page on, what they are ordered by is not kept: for the end of a million it would take 80 MB.
const DEEP: u64 = if cfg!(test) { 100 } else { 10_000 };

/// From so many of 64 slots on all of them are looked at.
const MANY_OF_A_WORD: u32 = 32;

struct Found {
    /// All that match.
    total: u64,
    /// Those asked for, in order.
    slots: Vec<Slot>,
}

/// The rows that a query asks for, from the order that is kept up.
fn in_default_order(table: &Table, query: &SessionQuery) -> Found {
    let of_type = query.filter.session_type.map(SessionType::index);
    let slots = table.page(of_type, query.sort.descending, query.first, query.limit);
    Found { total: table.counts().of(query.filter.session_type), slots }
}

fn by_text(
    matcher: &Matcher<'_>,
    table: &Table,
    query: &SessionQuery,
    texts: &Dictionary,
    number: impl Fn(Slot) -> u32,
) -> Found {
    match texts.ranks(table.len()) {
        Some(ranks) => find_ranked(matcher, table, query, |slot| ranks[number(slot) as usize].into()),
        None => find(matcher, table, query, |slot| texts.prefix(number(slot)), |slot| texts.key(number(slot))),
    }
}

/// The rows that a query asks for, by a rank that many may share, and then by id.
fn find_ranked(matcher: &Matcher<'_>, table: &Table, query: &SessionQuery, rank: impl Fn(Slot) -> u64) -> Found {
    const { assert!(MOST_RANKED <= 1 << 16, "ranks have 16 bits") };
    // Sessions of one rank are told apart by their place, too: else each of them would be looked at closely. Ids that do not fit
    // share one.
    find(matcher, table, query, |slot| rank(slot) << 48 | table.id(slot).0.min((1 << 48) - 1), |_| ())
}

/// The rows that a query asks for, by their place, by a key among those of one place, and then by id.
fn find<K: Ord + Copy>(
    matcher: &Matcher<'_>,
    table: &Table,
    query: &SessionQuery,
    place: impl Fn(Slot) -> u64,
    key: impl Fn(Slot) -> K,
) -> Found {
    if query.sort.descending {
        find_near_or_deep(matcher, query, |slot| !place(slot), |slot| Reverse((key(slot), table.id(slot))))
    } else {
        find_near_or_deep(matcher, query, place, |slot| (key(slot), table.id(slot)))
    }
}

fn find_near_or_deep<K: Ord + Copy>(
    matcher: &Matcher<'_>,
    query: &SessionQuery,
    place: impl Fn(Slot) -> u64,
    order: impl Fn(Slot) -> K,
) -> Found {
    if query.first > DEEP {
        find_in_order(matcher, query, place, |slot| Ordered { slot, order: &order })
    } else {
        find_in_order(matcher, query, place, |slot| (order(slot), slot))
    }
}

/// A row that is ordered by what its slot tells whenever it is compared: a third of the memory.
struct Ordered<'a, Order> {
    slot: Slot,
    order: &'a Order,
}

impl<Order> Clone for Ordered<'_, Order> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Order> Copy for Ordered<'_, Order> {}

impl<Order: Fn(Slot) -> K, K: Ord> Ord for Ordered<'_, Order> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.order)(self.slot).cmp(&(self.order)(other.slot))
    }
}

impl<Order: Fn(Slot) -> K, K: Ord> PartialOrd for Ordered<'_, Order> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<Order: Fn(Slot) -> K, K: Ord> PartialEq for Ordered<'_, Order> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<Order: Fn(Slot) -> K, K: Ord> Eq for Ordered<'_, Order> {}

/// What a row is put in a window as.
trait InWindow: Ord + Copy {
    fn slot(&self) -> Slot;
}

impl<K: Ord + Copy> InWindow for (K, Slot) {
    fn slot(&self) -> Slot {
        self.1
    }
}

impl<Order: Fn(Slot) -> K, K: Ord> InWindow for Ordered<'_, Order> {
    fn slot(&self) -> Slot {
        self.slot
    }
}

fn find_in_order<R: InWindow>(
    matcher: &Matcher<'_>,
    query: &SessionQuery,
    place: impl Fn(Slot) -> u64,
    row: impl Fn(Slot) -> R,
) -> Found {
    let mut window = Window::new(query.first, query.limit);
    let mut total = 0;
    for word in 0..matcher.words() {
        let mut found = matcher.found(word);
        total += u64::from(found.count_ones());
        // Of many the few that may be in the window are told without a branch for each.
        if found.count_ones() >= MANY_OF_A_WORD
            && let Some(last) = window.last_place()
        {
            let places: [u64; 64] = array::from_fn(|bit| place(word as Slot * 64 + bit as Slot));
            found &= bits::which(&places, |place| place <= last);
        }
        for slot in bits::slots(word, found) {
            window.push(place(slot), || row(slot));
        }
    }
    Found { total, slots: window.into_rows().iter().map(InWindow::slot).collect() }
}

/// The place of each type in the alphabet, as lists show it.
pub(crate) fn type_places() -> [u64; 3] {
    SessionType::ALL.map(|one| SessionType::ALL.iter().filter(|other| other.label() < one.label()).count() as u64)
}

#[cfg(test)]
mod tests {
    use app::session::query::Sort;

    use super::{
        super::{
            row::Row,
            table::tests::{row, table},
        },
        *,
    };

    fn ids(sessions: &[Session]) -> Vec<u64> {
        sessions.iter().map(|session| session.id.0).collect()
    }

    fn sorted(table: &Table, column: Column, descending: bool) -> Vec<u64> {
        let query = SessionQuery { sort: Sort { column, descending }, ..SessionQuery::default() };
        ids(&list(table, &query, &Lifetimes::default(), Timestamp::default()).sessions)
    }

    #[test]
    fn every_column_sorts_with_ties_by_id_in_the_same_direction() {
        let at = Timestamp::from_millis;
        let table = table([
            Row { last_active_at: at(3), server_name: "b", user_agent: "x", ..row(1, "Ben") },
            Row { last_active_at: at(2), server_name: "a", user_agent: "X", ..row(2, "anna") },
            Row {
                last_active_at: at(2),
                session_type: SessionType::Browser,
                address: "::1".parse().unwrap(),
                server_name: "a",
                user_agent: "y",
                ..row(3, "anna")
            },
            Row {
                last_active_at: at(1),
                session_type: SessionType::Other,
                address: [9, 0, 0, 1].into(),
                server_name: "C",
                user_agent: "a",
                ..row(4, "carl")
            },
        ]);
        for (column, expected) in [
            (Column::Username, [2, 3, 1, 4]),
            (Column::SessionType, [3, 4, 1, 2]),
            (Column::Address, [4, 1, 2, 3]),
            (Column::LastActive, [4, 2, 3, 1]),
            (Column::ServerName, [2, 3, 1, 4]),
            (Column::UserAgent, [4, 2, 1, 3]),
        ] {
            assert_eq!(sorted(&table, column, false), expected, "{column:?}");
            let mut backwards = expected;
            backwards.reverse();
            assert_eq!(sorted(&table, column, true), backwards, "{column:?} descending");
        }
    }

    #[test]
    fn texts_sort_alike_whether_they_are_few_or_many_and_begin_alike() {
        for names in [MOST_RANKED, MOST_RANKED + 1] {
            let name = |id: u64| format!("Mozilla/5.0 {}", (id * 5) as usize % names);
            let table: Table = {
                let agents: Vec<_> = (1..=400).map(name).collect();
                table((1..).zip(&agents).map(|(id, agent)| Row { user_agent: agent.as_str(), ..row(id, "anna") }))
            };
            let mut expected: Vec<_> = (1..=400).collect();
            expected.sort_by_key(|id| (name(*id), *id));
            let page = |descending, first, limit| {
                let sort = Sort { column: Column::UserAgent, descending };
                let query = SessionQuery { sort, first, limit, ..SessionQuery::default() };
                ids(&list(&table, &query, &Lifetimes::default(), Timestamp::default()).sessions)
            };
            assert_eq!(page(false, 0, 400), expected);
            assert_eq!(page(false, 130, 20), expected[130..150]);
            expected.reverse();
            assert_eq!(page(true, 0, 400), expected);
            assert_eq!(page(true, 130, 20), expected[130..150]);
        }
    }

    #[test]
    fn a_page_has_the_exact_total_whatever_its_size() {
        let table = table((1..=500_u64).map(|id| row(id, if id.is_multiple_of(5) { "anna" } else { "ben" })));
        let filter = Filter { session_type: None, search: "anna".to_owned() };
        let page = list(
            &table,
            &SessionQuery { filter, first: 90, limit: 20, ..SessionQuery::default() },
            &Lifetimes::default(),
            Timestamp::default(),
        );
        assert_eq!((page.total, page.as_of, page.counts.active_users), (100, SessionId(500), 2));
        assert_eq!(ids(&page.sessions), [50, 45, 40, 35, 30, 25, 20, 15, 10, 5]);
    }

    #[test]
    fn newer_sessions_are_counted_the_same_whichever_way() {
        let mut table = table((1..=100).map(|id| row(id, "anna")));
        for id in (1..=100_u64).filter(|id| !id.is_multiple_of(4)) {
            table.remove(table.find(SessionId(id)).unwrap());
        }
        for as_of in 0..=101_u64 {
            for search in ["", "anna"] {
                let filter = Filter { session_type: None, search: search.to_owned() };
                let newer = count_newer(&table, &filter, SessionId(as_of), Timestamp::default());
                let expected = (as_of + 1..=100).filter(|id| id.is_multiple_of(4)).count() as u64;
                assert_eq!(newer, expected, "newer than {as_of}, {search}");
            }
        }
        assert_eq!(count_newer(&table, &Filter::default(), SessionId(u64::MAX), Timestamp::default()), 0);
    }

    #[test]
    fn an_address_is_shared_when_nine_of_ten_have_it() {
        let of = |shared: u64, others: u64| {
            let shared = (1..=shared).map(|id| row(id, "anna"));
            let others = (1..=others).map(|id| Row { address: [10, 9, 9, id as u8].into(), ..row(1_000 + id, "ben") });
            shared_address(&table(others.chain(shared)))
        };
        assert_eq!([of(9, 1), of(10, 0), of(90, 10)], [Some([10, 20, 1, 4].into()); 3]);
        assert_eq!([of(9, 0), of(8, 2), of(89, 11), of(0, 0)], [None; 4]);
    }

    #[test]
    fn some_sessions_come_in_the_order_asked_for() {
        let table = table([row(1, "anna"), row(2, "ben"), row(3, "anna")]);
        assert_eq!(ids(&get_many(&table, &[3, 9, 1].map(SessionId))), [3, 1]);
        assert_eq!(ids(&of_user(&table, "anna")), [3, 1]);
        assert!(of_user(&table, "Anna").is_empty());
    }
}
