//! Accounts in the store: durable, and one commit with the sessions that end with them.

use app::session::{
    selection::Selection,
    store::{Deletion, EndReason, SessionStore, StoreError},
};
use server::store::AccountChange;
use tempfile::TempDir;

use super::{START, open, session};

pub(super) fn account_change(key: &str, value: &str) -> AccountChange {
    AccountChange {
        key: key.to_owned(),
        value: Some(value.into()),
        ends: Vec::new(),
        but: None,
        reason: EndReason::Deleted,
        now: START,
        asker: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_an_account_ends_its_sessions_in_the_same_commit_and_only_on_a_living_word() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let admin = store.create(session(1, "root")).await.unwrap();
    let (kept, ended) =
        (store.create(session(2, "anna")).await.unwrap(), store.create(session(3, "anna")).await.unwrap());
    let change = AccountChange {
        ends: vec!["anna".into(), "nobody".into()],
        but: Some(kept.id),
        asker: Some(admin.id),
        ..account_change("anna", "1")
    };
    store.put_account(change.clone()).await.unwrap();
    assert_eq!([kept.id, ended.id, admin.id].map(|id| store.get(id).is_some()), [true, false, true]);

    store.delete(Deletion::new(Selection::Ids(vec![admin.id]), EndReason::Deleted, START)).await.unwrap();
    let late = AccountChange { but: None, value: Some(b"2".to_vec()), ..change };
    assert_eq!(store.put_account(late).await, Err(StoreError::AskerEnded));
    assert!(store.get(kept.id).is_some());
    store.close().unwrap();
    let again = open(&dir);
    assert_eq!(again.kept().unwrap().accounts, [("anna".to_owned(), b"1".to_vec())]);
    assert_eq!([kept.id, ended.id].map(|id| again.get(id).is_some()), [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_survive_a_restart() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    for (key, value) in [("ben", "1"), ("anna", "2"), ("ben", "3")] {
        store.put_account(account_change(key, value)).await.unwrap();
    }
    let expected = [("anna".to_owned(), b"2".to_vec()), ("ben".to_owned(), b"3".to_vec())];
    assert_eq!(store.kept().unwrap().accounts, expected);
    store.close().unwrap();
    assert_eq!(open(&dir).kept().unwrap().accounts, expected);
}
