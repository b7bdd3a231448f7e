//! The session store on a disk that fails or hangs.

use std::{
    io,
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use app::session::{
    Lifetimes,
    query::SessionQuery,
    selection::{Deleted, Selection, SkipReason, Skipped},
    store::{SessionStore, StoreError},
};
use futures_util::future::join_all;
use redb::{StorageBackend, backends::InMemoryBackend};
use server::{
    store::{Journal, RedbStore},
    user_agent,
};

use super::{START, delete, everything, is_live, session};

/// A medium in memory that can be made to fail or to hang.
#[derive(Debug, Default)]
struct Medium {
    bytes: InMemoryBackend,
    fails: AtomicBool,
    hangs: Mutex<bool>,
    released: Condvar,
}

impl Medium {
    fn store(self: &Arc<Self>) -> RedbStore {
        RedbStore::from_journal(Journal::on_backend(self.clone()).unwrap(), user_agent::in_words).unwrap()
    }

    fn set_fails(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    fn set_hangs(&self, hangs: bool) {
        *self.hangs.lock().unwrap() = hangs;
        self.released.notify_all();
    }

    fn gate(&self) -> io::Result<()> {
        drop(self.released.wait_while(self.hangs.lock().unwrap(), |hangs| *hangs).unwrap());
        if self.fails.load(Ordering::SeqCst) { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }
}

impl StorageBackend for Medium {
    fn len(&self) -> io::Result<u64> {
        StorageBackend::len(&self.bytes)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        StorageBackend::read(&self.bytes, offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.gate()?;
        StorageBackend::set_len(&self.bytes, len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.gate()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.gate()?;
        StorageBackend::write(&self.bytes, offset, data)
    }
}

/// Tries until the store takes changes again.
async fn eventually<T, F: Future<Output = Result<T, StoreError>>>(attempt: impl Fn() -> F) -> T {
    let give_up_at = Instant::now() + Duration::from_secs(20);
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(error) => assert!(Instant::now() < give_up_at, "the store does not recover: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_whose_commit_fails_is_denied_at_once_and_gone_after_a_retry() {
    let medium = Arc::new(Medium::default());
    let store = medium.store();
    let id = store.create(session(1, "anna")).await.unwrap().id;

    medium.set_fails(true);
    assert_eq!(delete(&store, Selection::Ids(vec![id])).await, Err(StoreError::OutcomeUnknown));
    assert!(!is_live(&store, 1) && !store.is_writable());
    assert_eq!(store.list(&SessionQuery::default(), &Lifetimes::default(), START).total, 0);
    assert_eq!(store.flush().await, Err(StoreError::Unavailable));

    medium.set_fails(false);
    let again = eventually(|| delete(&store, Selection::Ids(vec![id]))).await;
    let skipped = vec![Skipped { id, reason: SkipReason::AlreadyEnded }];
    assert_eq!(again, Deleted { deleted: 0, skipped });
    assert!(store.is_writable());
    drop(store);
    assert_eq!(medium.store().get(id), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_while_the_disk_is_gone_takes_effect_and_is_made_durable_when_it_is_back() {
    let medium = Arc::new(Medium::default());
    let store = medium.store();
    let ids = join_all((0..100).map(|number| store.create(session(number, "anna")))).await;
    medium.set_fails(true);
    delete(&store, Selection::Ids(vec![ids[0].as_ref().unwrap().id])).await.unwrap_err();
    assert_eq!(delete(&store, everything()).await, Err(StoreError::OutcomeUnknown));
    assert!((0..100).all(|number| !is_live(&store, number)));
    medium.set_fails(false);
    store.close().unwrap();
    assert!(medium.store().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_session_is_out_of_the_list_while_the_disk_is_gone() {
    let medium = Arc::new(Medium::default());
    let store = medium.store();
    let id = store.create(session(1, "anna")).await.unwrap().id;
    medium.set_fails(true);
    let later = START.plus(Duration::from_secs(24 * 60 * 60));
    for _ in 0..2 {
        assert!(store.sweep(Lifetimes::default(), later).await.is_err());
        assert_eq!(
            (store.get(id), store.list(&SessionQuery::default(), &Lifetimes::default(), later).total),
            (None, 0)
        );
    }
    medium.set_fails(false);
    store.close().unwrap();
    assert!(medium.store().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_commit_fails_never_comes_to_be() {
    let medium = Arc::new(Medium::default());
    let store = medium.store();
    let first = store.create(session(1, "anna")).await.unwrap().id;
    medium.set_fails(true);
    assert_eq!(store.create(session(2, "ben")).await, Err(StoreError::OutcomeUnknown));
    assert_eq!(store.create(session(3, "ben")).await, Err(StoreError::Unavailable));
    medium.set_fails(false);
    let next = eventually(|| store.create(session(4, "carl"))).await.id;
    assert!(next.0 > first.0 + 1, "the id of a session that may be on disk was used again");
    store.close().unwrap();

    let store = medium.store();
    assert_eq!([1, 2, 3, 4].map(|number| is_live(&store, number)), [true, false, false, true]);
    assert_eq!(store.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once() {
    let medium = Arc::new(Medium::default());
    let store = medium.store();
    medium.set_hangs(true);
    let ask = || async {
        let outcome = delete(&store, Selection::Ids(Vec::new())).await;
        if outcome == Err(StoreError::Unavailable) {
            medium.set_hangs(false);
        }
        outcome
    };
    let first = store.create(session(1, "anna"));
    let (first, others) = tokio::join!(first, join_all((0..6_000).map(|_| ask())));
    assert!(first.is_ok());
    assert!(others.contains(&Err(StoreError::Unavailable)));
    assert!(others.contains(&Ok(Deleted::default())));
    assert!(!others.contains(&Err(StoreError::OutcomeUnknown)));
}
