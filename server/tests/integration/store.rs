//! The session store: the suite of the port, what survives a restart, and races.

mod accounts;
mod failing_disk;
mod opening;

use std::{
    cell::RefCell,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use app::{
    session::{
        Client, Lifetimes, Session, SessionId, SessionType, Standing, TokenHash, conformance,
        query::{Filter, SessionQuery},
        selection::{Deleted, Selection},
        store::{Activity, Deletion, EndReason, NewSession, SessionStore, StoreError},
    },
    time::Timestamp,
};
use futures_util::{StreamExt, future::join_all};
use redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use server::{store::RedbStore, user_agent};
use tempfile::TempDir;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
const SESSIONS: TableDefinition<u64, &[u8]> = TableDefinition::new("sessions");
const TOMBSTONES: TableDefinition<u64, &[u8]> = TableDefinition::new("tombstones");

/// A test of each sentence of the suite, on a store in memory and on one in a file.
macro_rules! conformance {
    ($($sentence:ident)*) => {
        mod in_memory {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $sentence() {
                    app::session::conformance::$sentence(&super::memory).await;
                }
            )*
        }
        mod on_file {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $sentence() {
                    let files = super::Files::default();
                    app::session::conformance::$sentence(&|| files.store()).await;
                }
            )*
        }
    };
}

conformance! {
    a_session_is_found_by_its_token_once_it_is_acknowledged
    a_deleted_session_is_out
    a_delete_can_be_repeated
    the_spared_user_is_spared
    whoever_has_been_signed_out_changes_nothing
    a_touch_never_brings_a_session_back
    only_activity_moves_the_last_active_instant
    a_delete_by_filter_takes_nothing_newer_and_no_exception
    an_expired_session_is_refused_before_the_sweep_and_gone_after_it
    ids_increase_and_are_never_used_again
    pages_partition_the_list_in_every_order
    counts_equal_the_list
    a_search_finds_by_each_column
    each_type_has_deadlines_of_its_own
    what_is_made_to_be_kept_ends_when_it_expires_used_or_not
    where_a_session_is_used_is_noted
    a_search_takes_terms_apart
    other_reads_agree_with_the_list
    every_change_is_followed_by_a_revision
}

#[test]
fn any_history_agrees_with_a_model() {
    conformance::any_history_agrees_with_a_model(&memory);
}

#[test]
fn any_history_of_a_crowd_agrees_with_a_model() {
    conformance::any_history_of_a_crowd_agrees_with_a_model(&memory);
}

#[test]
fn any_history_on_a_file_agrees_with_a_model() {
    let files = Files::default();
    conformance::any_history_agrees_with_a_model(&|| files.store());
}

fn memory() -> Arc<dyn SessionStore> {
    Arc::new(RedbStore::in_memory(user_agent::in_words).unwrap())
}

/// Stores in data directories that vanish with the value.
#[derive(Default)]
struct Files(RefCell<Vec<TempDir>>);

impl Files {
    fn store(&self) -> Arc<dyn SessionStore> {
        let dir = TempDir::new().unwrap();
        let store = open(&dir);
        self.0.borrow_mut().push(dir);
        Arc::new(store)
    }
}

fn open(dir: &TempDir) -> RedbStore {
    RedbStore::open(dir.path(), user_agent::in_words).unwrap()
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("keepwatch.redb")
}

fn token(number: u64) -> TokenHash {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    TokenHash(bytes)
}

fn session(number: u64, username: &str) -> NewSession {
    NewSession {
        token_hash: token(number),
        username: username.into(),
        session_type: SessionType::RestApi,
        client: Client::new([10, 20, 1, 4].into(), "curl/8.14"),
        server_name: "keep-01".into(),
        created_at: START,
        asker: None,
        standing: None,
    }
}

fn is_live(store: &RedbStore, number: u64) -> bool {
    store.check(&token(number), &Lifetimes::default(), START, Activity::User).is_some()
}

async fn delete(store: &RedbStore, selection: Selection) -> Result<Deleted, StoreError> {
    store.delete(Deletion::new(selection, EndReason::Deleted, START)).await
}

fn everything() -> Selection {
    Selection::Matching { filter: Filter::default(), as_of: SessionId(u64::MAX), at: None, except: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_sessions_and_their_activity_and_keeps_deleted_ones_deleted() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let kept = store.create(session(1, "anna")).await.unwrap();
    let ended = store.create(session(2, "ben")).await.unwrap();
    let later = START.plus(Duration::from_secs(70));
    store.touch(kept.id, later);
    store.touch(ended.id, later);
    delete(&store, Selection::Ids(vec![ended.id])).await.unwrap();
    store.close().unwrap();

    let store = open(&dir);
    assert_eq!(store.get(kept.id), Some(Session { last_active_at: later, ..kept.clone() }));
    assert!(is_live(&store, 1) && !is_live(&store, 2));
    assert_eq!(store.list(&SessionQuery::default(), &Lifetimes::default(), START).as_of, ended.id);
    assert!(store.create(session(3, "carl")).await.unwrap().id > ended.id, "an id was used again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_answers_reads_and_refuses_changes() {
    let store = RedbStore::in_memory(user_agent::in_words).unwrap();
    let id = store.create(session(1, "anna")).await.unwrap().id;
    store.close().unwrap();
    assert_eq!(store.close(), Ok(()), "closing again");
    assert!(is_live(&store, 1) && !store.is_writable());
    assert_eq!(delete(&store, Selection::Ids(vec![id])).await, Err(StoreError::Unavailable));
    assert_eq!(store.create(session(2, "ben")).await.unwrap_err(), StoreError::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_delete_survives_a_restart_before_its_rows_are_removed_which_they_are_by_and_by() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    create_many(&store).await;
    let outcome = delete(&store, everything()).await.unwrap();
    store.close().unwrap();
    assert_eq!((outcome.deleted, store.len()), (10_000, 0));
    assert!(rows_on_disk(&dir) > 0, "the rows are gone already: nothing is tested");

    let store = open(&dir);
    assert_eq!(store.list(&SessionQuery::default(), &Lifetimes::default(), START).total, 0);
    assert!((0..10_000).all(|number| !is_live(&store, number)));
    assert_eq!(store.create(session(10_000, "anna")).await.unwrap().id, SessionId(10_001));
    store.close().unwrap();
    drop(store);
    // The file can only be looked at while it is not open; each opening goes on with the removal.
    for _ in 0..600 {
        let store = open(&dir);
        tokio::time::sleep(Duration::from_millis(100)).await;
        store.close().unwrap();
        drop(store);
        if tombstones_on_disk(&dir) == 0 {
            break;
        }
    }
    assert_eq!((tombstones_on_disk(&dir), rows_on_disk(&dir)), (0, 1), "all of them are removed, and no more");
    let store = open(&dir);
    assert!(store.len() == 1 && is_live(&store, 10_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_to_be_kept_is_read_again_with_the_client_that_was_noted_even_after_a_crash() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let with_agent = |number: u64, agent: &str| NewSession {
        client: Client::new([10, 20, 1, 4].into(), agent),
        ..session(number, "anna")
    };
    let standing = Some(Arc::new(Standing {
        name: "Calendar".to_owned(),
        expires_at: START.plus(Duration::from_secs(90)),
        scopes: None,
    }));
    let kept = store.create(NewSession { standing, ..with_agent(0, "old/1") }).await.unwrap();
    let others = (1..=1_032).map(|number| store.create(with_agent(number, &format!("agent/{number}"))));
    let mut others: Vec<_> = join_all(others).await.into_iter().map(|session| session.unwrap().id).collect();
    delete(&store, Selection::Ids(others.split_off(14))).await.unwrap();
    // The text of its row is one that is about to be forgotten, and no other commit has the row written.
    assert!(store.note_client(kept.id, Client::new([10, 20, 1, 5].into(), "new/1")));
    for id in others {
        delete(&store, Selection::Ids(vec![id])).await.unwrap();
    }
    let crashed = TempDir::new().unwrap();
    std::fs::copy(file(&dir), file(&crashed)).unwrap();
    let read_again = open(&crashed).get(kept.id).unwrap();
    assert_eq!((&*read_again.user_agent, read_again.address), ("new/1", [10, 20, 1, 5].into()));
    assert_eq!(read_again.standing, kept.standing);
}

/// Ten thousand sessions: so many that their rows are not gone before a store is closed in which they have ended.
async fn create_many(store: &RedbStore) -> Vec<SessionId> {
    let mut ids = Vec::new();
    for thousand in 0..10 {
        let sessions = (0..1_000).map(|number| store.create(session(thousand * 1_000 + number, "anna")));
        ids.extend(join_all(sessions).await.into_iter().map(|session| session.unwrap().id));
    }
    ids
}

fn tombstones_on_disk(dir: &TempDir) -> u64 {
    let database = Database::open(file(dir)).unwrap();
    database.begin_read().unwrap().open_table(TOMBSTONES).unwrap().len().unwrap()
}

fn rows_on_disk(dir: &TempDir) -> u64 {
    let database = Database::open(file(dir)).unwrap();
    database.begin_read().unwrap().open_table(SESSIONS).unwrap().len().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_nobody_uses_any_more_are_forgotten_and_the_others_are_read_again() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let with_agent = |number: u64, agent: &str| NewSession {
        client: Client::new([10, 20, 1, 4].into(), agent),
        ..session(number, "anna")
    };
    let kept = store.create(with_agent(0, "kept/1")).await.unwrap();
    let others = (1..=1_500).map(|number| store.create(with_agent(number, &format!("agent/{number}"))));
    let others = join_all(others).await.into_iter().map(|session| session.unwrap().id).collect();
    delete(&store, Selection::Ids(others)).await.unwrap();
    for number in 2_000..2_003 {
        store.create(with_agent(number, "kept/1")).await.unwrap();
    }
    store.close().unwrap();

    let database = Database::open(file(&dir)).unwrap();
    let texts = TableDefinition::<u32, &[u8]>::new("texts");
    let stored = database.begin_read().unwrap().open_table(texts).unwrap().len().unwrap();
    assert_eq!(stored, 2, "the agent and the server that are in use");
    database.close().unwrap();
    assert_eq!(open(&dir).get(kept.id), Some(kept));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_deletes_of_a_row_one_ends_it() {
    let store = RedbStore::in_memory(user_agent::in_words).unwrap();
    let created = join_all((0..100).map(|number| store.create(session(number, "anna")))).await;
    let ids: Vec<_> = created.into_iter().map(|session| session.unwrap().id).collect();
    let tasks = (0..20).map(|_| {
        let (store, ids) = (store.clone(), ids.clone());
        tokio::spawn(async move {
            let mut ended = 0;
            for id in ids {
                ended += delete(&store, Selection::Ids(vec![id])).await.unwrap().deleted;
            }
            ended
        })
    });
    let ended = join_all(tasks).await.into_iter().map(Result::unwrap).sum::<u64>();
    assert_eq!(ended, 100);
}

#[test]
fn no_check_succeeds_after_a_delete_is_acknowledged() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = RedbStore::in_memory(user_agent::in_words).unwrap();
    for number in 0..300 {
        let id = runtime.block_on(store.create(session(number, "anna"))).unwrap().id;
        let is_acknowledged = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut was_acknowledged = false;
                    while !was_acknowledged {
                        was_acknowledged = is_acknowledged.load(Ordering::SeqCst);
                        let found = is_live(&store, number);
                        assert!(!(was_acknowledged && found), "session {id} was found after its end");
                    }
                });
            }
            let outcome = runtime.block_on(delete(&store, Selection::Ids(vec![id])));
            is_acknowledged.store(true, Ordering::SeqCst);
            assert_eq!(outcome.unwrap().deleted, 1);
        });
        assert_eq!(store.get(id), None, "a check has brought the session back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_session_is_told_why_it_ended() {
    let store = RedbStore::in_memory(user_agent::in_words).unwrap();
    let id = store.create(session(1, "anna")).await.unwrap().id;
    let watched = store.watch_end(id);
    assert_eq!(store.end_reason(&token(1)), None);
    store.delete(Deletion::new(Selection::Ids(vec![id]), EndReason::SignedOut, START)).await.unwrap();
    assert_eq!(watched.await, Ok(EndReason::SignedOut));
    assert_eq!(store.watch_end(id).await, Ok(EndReason::SignedOut), "asked too late");
    assert_eq!(store.end_reason(&token(1)), Some(EndReason::SignedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn touches_are_announced_together() {
    let store = RedbStore::in_memory(user_agent::in_words).unwrap();
    let id = store.create(session(1, "anna")).await.unwrap().id;
    let mut revisions = store.revisions();
    let before = store.list(&SessionQuery::default(), &Lifetimes::default(), START).revision;
    for second in 1..=3 {
        store.touch(id, START.plus(Duration::from_secs(second)));
    }
    store.announce_touches();
    store.announce_touches();
    let announced = revisions.next().await.unwrap();
    assert_eq!(announced.0, before.0 + 1);
    assert_eq!(store.list(&SessionQuery::default(), &Lifetimes::default(), START).revision, announced);
}
