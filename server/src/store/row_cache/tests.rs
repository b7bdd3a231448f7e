use std::iter;

use app::{
    session::{Client, Session, Standing},
    time::Timestamp,
};
use proptest::{collection::vec, prelude::*, sample::Index};

use super::{
    super::{row::Row, table::tests::row, written::WrittenRows},
    *,
};

/// What happens to the sessions of a table, or who looks at them.
#[derive(Clone, Debug)]
enum Step {
    Touch(Index, u64),
    /// Leaves, and another session, as old, comes into the slot.
    Replace(Index, String),
    /// Comes from another address, with another User-Agent.
    Move(Index, std::net::IpAddr, String),
    Read(Vec<Index>),
    /// By their ids, some of which may be gone.
    ReadSessions(Vec<u64>),
    BeginRound,
    EndRound,
    Empty,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (any::<Index>(), 0_u64..3).prop_map(|(which, later)| Step::Touch(which, later)),
        2 => (any::<Index>(), ".{0,9}").prop_map(|(which, name)| Step::Replace(which, name)),
        2 => (any::<Index>(), any::<std::net::IpAddr>(), "[ab]").prop_map(|(which, ip, agent)| Step::Move(which, ip, agent)),
        4 => vec(any::<Index>(), 0..12).prop_map(Step::Read),
        4 => proptest::collection::btree_set(0_u64..16, 0..12).prop_map(|ids| Step::ReadSessions(ids.into_iter().rev().collect())),
        1 => Just(Step::BeginRound),
        1 => Just(Step::EndRound),
        1 => Just(Step::Empty),
    ]
}

proptest! {
    /// Whatever is kept, rows are as if they were written now.
    #[test]
    fn rows_are_as_messages_have_them_whatever_is_kept(
        sessions in vec((any::<std::net::IpAddr>(), ".{0,9}", any::<bool>()), 1..12),
        steps in vec(step(), 0..30),
    ) {
        let mut table = Table::new(|agent| format!("in words: {agent}"));
        for (id, (address, name, is_kept)) in (1..).zip(&sessions) {
            let expires_at = Timestamp::from_millis(9);
            let standing = Standing { name: name.clone(), expires_at, scopes: None };
            let standing = is_kept.then_some(std::borrow::Cow::Owned(standing));
            table.insert(&Row { address: *address, standing, user_agent: name, ..row(id, name) });
        }
        let slot = |which: Index| which.index(sessions.len()) as Slot;
        let mut cache = RowCache::default();
        let mut newest = sessions.len() as u64;
        let mut named = Vec::<(RowRun, Vec<SessionId>, Vec<Vec<u8>>)>::new();
        for step in steps {
            match step {
                Step::Replace(which, name) => {
                    let (slot, last_active_at) = (slot(which), table.last_active_at(slot(which)));
                    table.leave(slot);
                    table.clear_up(usize::MAX);
                    newest += 1;
                    prop_assert_eq!(table.insert(&Row { last_active_at, ..row(newest, &name) }), slot);
                }
                Step::Touch(which, later) => _ = table.touch(slot(which), Timestamp::from_millis(1_000 + later)),
                Step::Move(which, address, user_agent) => table.set_client(slot(which), &Client { address, user_agent }),
                // So few rows are let go of only by force.
                Step::BeginRound => {
                    cache.begin_round();
                    let emptied = cache.kept.emptied();
                    cache.before = mem::replace(&mut cache.kept, emptied);
                }
                Step::EndRound => cache.end_round(),
                Step::Read(which) => {
                    let mut slots: Vec<_> = which.into_iter().map(slot).collect();
                    let mut seen = std::collections::HashSet::new();
                    slots.retain(|slot| seen.insert(*slot));
                    let fresh: Vec<Session> = slots.iter().map(|slot| table.session(*slot)).collect();
                    let fresh = WrittenRows::of(&fresh, &cache.hash_key);
                    let rows = cache.read(&table, &slots);
                    let (run, read) = (rows.run(), all(rows));
                    prop_assert_eq!(&read, &all(fresh.rows()));
                    named.extend(run.map(|run| (run, read.0.iter().map(|mark| mark.id).collect(), read.1)));
                }
                Step::Empty => cache = cache.emptied(),
                Step::ReadSessions(ids) => {
                    let ids: Vec<_> = ids.into_iter().map(SessionId).collect();
                    let there = ids.iter().filter_map(|id| table.find(*id));
                    let fresh: Vec<_> = there.map(|slot| table.session(slot)).collect();
                    let fresh = WrittenRows::of(&fresh, &cache.hash_key);
                    let rows = cache.read_sessions(&table, &ids);
                    let (run, read) = (rows.run(), all(rows));
                    prop_assert_eq!(&read, &all(fresh.rows()));
                    named.extend(run.map(|run| (run, ids, read.1)));
                }
            }
            for (run, ids, written) in &named {
                if cache.are_still(&table, *run) {
                    let there: Vec<_> = ids.iter().filter_map(|id| table.find(*id)).collect();
                    let fresh: Vec<_> = there.into_iter().map(|slot| table.session(slot)).collect();
                    prop_assert_eq!(written, &all(WrittenRows::of(&fresh, &cache.hash_key).rows()).1);
                }
            }
        }
    }
}

#[test]
fn rows_that_stay_are_told_from_those_that_change() {
    let (table, slots) = (table_of(200), Vec::from_iter(0..200));
    for (slot, which) in [(49, 0), (50, 1), (127, 2), (199, 3)] {
        let mut cache = RowCache::default();
        cache.begin_round();
        let runs: Vec<_> = slots.chunks(50).map(|slots| cache.read(&table, slots).run().unwrap()).collect();
        let are_still = |cache: &mut RowCache| runs.iter().map(|run| cache.are_still(&table, *run)).collect::<Vec<_>>();
        let shown = cache.shown.unwrap();
        assert_eq!((are_still(&mut cache), cache.shown), (vec![true; 4], Some(2 * shown)));
        table.touch(slot, Timestamp::from_millis(9_000));
        assert_eq!(are_still(&mut cache), (0..4).map(|run| run != which).collect::<Vec<_>>());
        assert_eq!(are_still(&mut cache.emptied()), [false; 4]);
    }
    let mut cache = RowCache::default();
    cache.read(&table, &slots);
    assert_eq!(cache.read(&table, &[0, 2]).run(), None);
}

fn all(rows: Rows<'_>) -> (Vec<RowMark>, Vec<Vec<u8>>) {
    let row = |place| {
        let mut row = Vec::new();
        rows.append(iter::once(place), &mut row);
        row
    };
    let (places, mut together) = (0..rows.marks().len(), Vec::new());
    rows.append(places.clone(), &mut together);
    let each: Vec<_> = places.map(row).collect();
    assert_eq!(together, each.concat());
    (rows.marks().to_vec(), each)
}

fn bytes(rows: Rows<'_>) -> usize {
    all(rows).1.concat().len()
}

fn table_of(sessions: u64) -> Table {
    let mut table = Table::new(str::to_owned);
    for id in 1..=sessions {
        table.insert(&row(id, &format!("user {id}")));
    }
    table
}

#[test]
fn what_is_read_between_rounds_does_not_pile_up() {
    let table = table_of(10_000);
    let mut cache = RowCache::default();
    for first in 0..10 {
        let slots: Vec<_> = (first * 1_000..first * 1_000 + 1_000).collect();
        let shown = bytes(cache.read(&table, &slots));
        assert!(cache.kept.bytes.len() <= BETWEEN_ROUNDS + shown);
    }
}

#[test]
fn what_is_shown_is_kept_whatever_is_read_between_rounds() {
    let table = table_of(10_000);
    let mut cache = RowCache::default();
    let shown: Vec<_> = (0..8_000).collect();
    for round in 0..5 {
        cache.begin_round();
        let bytes = bytes(cache.read(&table, &shown));
        assert!(bytes > 4 * SLACK);
        cache.end_round();
        let written = cache.kept.rows.len();
        let between: Vec<_> = (8_000 + round * 40..8_040 + round * 40).collect();
        cache.read(&table, &between);
        assert_eq!(cache.kept.rows.len(), written + between.len(), "what is shown has been dropped");
    }
}

#[test]
fn what_nobody_shows_any_more_is_let_go_of() {
    let table = table_of(4_000);
    let mut cache = RowCache::default();
    for round in 0..100 {
        cache.begin_round();
        let slots: Vec<_> = (round * 40..round * 40 + 40).collect();
        let shown = bytes(cache.read(&table, &slots));
        cache.end_round();
        assert!(cache.kept.bytes.len() <= shown * 3 + SLACK);
    }
    assert!(cache.kept.rows.len() < 2_000);
    assert!(cache.before.rows.is_empty());
}

#[test]
fn what_tabs_read_when_they_came_is_not_read_again_in_the_next_round() {
    let table = table_of(1_600);
    let views: Vec<_> = (1..=1_600).map(SessionId).collect();
    let mut cache = RowCache::default();
    let came: Vec<_> = views.chunks(40).map(|ids| all(cache.read_sessions(&table, ids))).collect();
    assert!(cache.kept.bytes.len() > SLACK, "so few are kept anyway");
    let nothing = table_of(0);
    cache.begin_round();
    assert!(cache.before.rows.is_empty(), "what has just come is copied");
    for are_copied in [false, true] {
        if are_copied {
            let emptied = cache.kept.emptied();
            cache.before = mem::replace(&mut cache.kept, emptied);
        }
        (cache.next, cache.next_before) = (0, 0);
        for (ids, rows) in views.chunks(40).zip(&came) {
            assert_eq!(&all(cache.read_sessions(&nothing, ids)), rows);
        }
    }
}
