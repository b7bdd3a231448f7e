//! The table, and the sessions that other tests of the store put into one.

use app::{session::SessionType, time::Timestamp};

use super::{
    super::stored_texts::{ReadTexts, StoredText, StoredTexts},
    *,
};

/// A session with its own token, for tests.
pub(crate) fn row(id: u64, username: &str) -> Row<'_> {
    let mut token_hash = [0; 32];
    token_hash[..8].copy_from_slice(&hash_of_id(id).to_le_bytes());
    Row {
        id: SessionId(id),
        token_hash: TokenHash(token_hash),
        session_type: SessionType::RestApi,
        address: [10, 20, 1, 4].into(),
        created_at: Timestamp::from_millis(1_000),
        last_active_at: Timestamp::from_millis(1_000),
        username,
        server_name: "keep-01",
        user_agent: "curl/8.14",
        standing: None,
    }
}

/// A table of these sessions; User-Agents are described by themselves.
pub(crate) fn table<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> Table {
    let mut table = Table::new(str::to_owned);
    for row in rows {
        table.insert(&row);
    }
    table
}

impl Table {
    /// Takes a session out and clears up.
    pub(crate) fn remove(&mut self, slot: Slot) -> Ended {
        let ended = self.leave(slot);
        self.clear_up(usize::MAX);
        ended
    }
}

#[test]
fn a_session_that_has_left_is_not_found_before_or_after_clearing_up() {
    let mut table = table([row(1, "anna"), row(2, "ben"), row(3, "anna")]);
    let ended = table.leave(0);
    for is_untidy in [true, false] {
        assert_eq!(table.is_untidy(), is_untidy);
        assert_eq!((table.find(SessionId(1)), table.find_token(&ended.token_hash)), (None, None));
        assert_eq!(table.page(None, false, 0, 9), [1, 2]);
        assert_eq!((table.len(), table.counts().active_users), (2, 2));
        table.clear_up(1);
    }
    assert_eq!(table.insert(&row(4, "carl")), 0, "the slot is used again");
    assert_eq!(table.page(None, false, 0, 9), [1, 2, 0]);
}

#[test]
fn a_session_is_found_by_token_and_by_id_until_it_is_removed() {
    let mut table = table([row(1, "anna"), row(2, "ben")]);
    let slot = table.find_token(&row(1, "").token_hash).unwrap();
    assert_eq!(table.find(SessionId(1)), Some(slot));
    assert_eq!(&*table.session(slot).username, "anna");

    let ended = table.remove(slot);
    assert_eq!(ended.id, SessionId(1));
    assert_eq!(table.find_token(&ended.token_hash), None);
    assert_eq!(table.find(SessionId(1)), None);
    assert_eq!(table.slots().map(|slot| table.id(slot)).collect::<Vec<_>>(), [SessionId(2)]);
}

#[test]
fn a_vacant_slot_is_used_again_with_nothing_left_of_the_one_before() {
    let mut table = table([row(1, "anna")]);
    table.touch(0, Timestamp::from_millis(2_000));
    table.remove(0);
    let other = Row { address: "2001:db8::1".parse().unwrap(), session_type: SessionType::Other, ..row(2, "ben") };
    assert_eq!(table.insert(&other), 0);
    assert_eq!(table.row(0), other);
    assert!(table.take_touched(0, usize::MAX, &mut StoredTexts::default()).rows.is_empty());
}

#[test]
fn counts_follow_every_change() {
    let mut table =
        table([row(1, "anna"), row(2, "anna"), Row { session_type: SessionType::Browser, ..row(3, "ben") }]);
    assert_eq!(table.counts(), Counts { active_users: 2, by_type: [2, 1, 0] });
    table.remove(table.find(SessionId(3)).unwrap());
    assert_eq!(table.counts(), Counts { active_users: 1, by_type: [2, 0, 0] });
    assert_eq!((table.len(), table.newest_id(), table.revision()), (2, SessionId(3), Revision(4)));
}

#[test]
fn a_touch_moves_the_instant_forward_only() {
    let table = table([row(1, "anna")]);
    assert!(table.touch(0, Timestamp::from_millis(5_000)));
    assert!(!table.touch(0, Timestamp::from_millis(5_000)));
    assert!(!table.touch(0, Timestamp::from_millis(4_000)));
    assert_eq!(table.last_active_at(0), Timestamp::from_millis(5_000));
}

#[test]
fn touched_rows_are_taken_once_and_in_portions() {
    let table = table((1..=200).map(|id| row(id, "anna")));
    for slot in [3, 64, 150, 199] {
        table.touch(slot, Timestamp::from_millis(9_000));
    }
    let mut texts = StoredTexts::default();
    let first = table.take_touched(0, 2, &mut texts);
    assert_eq!(first.rows.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [4, 65]);
    let rest = table.take_touched(first.next.unwrap(), 100, &mut texts);
    assert_eq!(rest.rows.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [151, 200]);
    assert_eq!(rest.next, None);
    let (id, record) = &rest.rows[0];
    assert_eq!(Row::decode(SessionId(*id), record).unwrap().last_active_at, Timestamp::from_millis(9_000));
    assert!(table.take_touched(0, 100, &mut texts).rows.is_empty());
}

#[test]
fn stored_rows_are_loaded_with_their_texts_and_not_without() {
    let mut texts = StoredTexts::default();
    let records: Vec<_> = (1..=3).map(|id| (SessionId(id), row(id, "anna").encode(&mut texts))).collect();
    let rows: Vec<_> = records.iter().map(|(id, record)| Row::decode(*id, record).unwrap()).collect();

    let mut read = ReadTexts::default();
    texts.pending().iter().for_each(|(number, record)| read.read(*number, record).unwrap());
    let mut table = Table::new(str::to_owned);
    table.load(&rows, &mut SharedTexts::new(&read)).unwrap();
    assert!(table.find(SessionId(1)).is_none(), "found before the table begins");
    table.begin(SessionId(3));
    let slot = table.find(SessionId(3)).unwrap();
    assert_eq!(table.row(slot), row(3, "anna"));
    for slot in 0..3 {
        table.leave(slot);
    }
    assert_eq!(table.server_names.len() + table.user_agents.len(), 0, "each row has counted as a use of its texts");

    // In the order in which they were stored: the server's name, then the User-Agent.
    for known in 0..texts.pending().len() {
        let mut some = ReadTexts::default();
        texts.pending()[..known].iter().for_each(|(number, record)| some.read(*number, record).unwrap());
        assert_eq!(Table::new(str::to_owned).load(&rows[1..], &mut SharedTexts::new(&some)), Err(SessionId(2)));
    }
}

#[test]
fn rows_with_texts_of_their_own_share_them_with_the_others() {
    let mut texts = StoredTexts::default();
    let record = row(1, "anna").encode(&mut texts);
    let numbered = Row::decode(SessionId(1), &record).unwrap();
    let own = Row {
        id: SessionId(2),
        token_hash: TokenHash([9; 32]),
        server_name: StoredText::Here("keep-01"),
        user_agent: StoredText::Here("curl/8.14"),
        ..numbered.clone()
    };
    let mut read = ReadTexts::default();
    texts.pending().iter().for_each(|(number, record)| read.read(*number, record).unwrap());
    let mut table = Table::new(str::to_owned);
    table.load(&[numbered, own], &mut SharedTexts::new(&read)).unwrap();
    table.begin(SessionId(2));
    assert_eq!((table.server(0), table.agent(0)), (table.server(1), table.agent(1)));
    assert_eq!((table.server_names.count("keep-01"), table.user_agents.count("curl/8.14")), (2, 2));
}

#[test]
fn addresses_are_in_order_of_their_numbers_with_ipv4_first() {
    let addresses = ["9.0.0.1", "10.0.0.1", "::1", "2001:db8::", "ffff::"];
    let table =
        table((1..).zip(addresses).map(|(id, address)| Row { address: address.parse().unwrap(), ..row(id, "a") }));
    assert!(table.slots().map(|slot| table.address_key(slot)).is_sorted());
    assert_eq!(table.slots().map(|slot| table.address(slot).to_string()).collect::<Vec<_>>(), addresses);
}

#[test]
fn touches_are_no_changes() {
    let mut table = table([row(1, "anna"), row(2, "ben")]);
    let slot = table.insert(&row(3, "carla"));
    let created = table.revision();
    assert_eq!(table.changed_up_to(), created);
    table.touch(slot, Timestamp::from_millis(9_000));
    assert_eq!((table.count_touches(), table.changed_up_to()), (Revision(created.0 + 1), created));
    table.leave(slot);
    assert_eq!((table.revision(), table.changed_up_to()), (Revision(created.0 + 2), Revision(created.0 + 2)));
}
