//! What a store finds when it is opened: who may, what is refused, and that no damage is silent.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use app::session::{
    Lifetimes, Session, Standing,
    query::SessionQuery,
    selection::Selection,
    store::{NewSession, SessionStore},
};
use futures_util::future::join_all;
use redb::{Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, WriteTransaction};
use server::{
    store::{Kept, OpenError, RedbStore},
    user_agent,
};
use tempfile::TempDir;

use super::{META, SESSIONS, START, TOMBSTONES, accounts, create_many, delete, file, is_live, open, session};

fn refusal(dir: &TempDir) -> OpenError {
    RedbStore::open(dir.path(), user_agent::in_words).unwrap_err()
}

#[test]
fn only_the_owner_may_look_into_the_data_directory() {
    let dir = TempDir::new().unwrap();
    let data_dir = dir.path().join("var/keepwatch");
    RedbStore::open(&data_dir, user_agent::in_words).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(data_dir.clone()), 0o700);
    assert_eq!(mode(data_dir.join("keepwatch.redb")), 0o600);
}

#[test]
fn a_data_directory_in_use_is_refused_in_one_line() {
    let dir = TempDir::new().unwrap();
    let _store = open(&dir);
    let expected =
        format!("{} is in use by another keepwatch; stop it first or choose another --data-dir", file(&dir).display());
    assert_eq!(refusal(&dir).to_string(), expected);
}

#[test]
fn a_data_directory_stays_in_use_whatever_becomes_of_the_file_in_it() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    // As while the database is opened again after a failed commit.
    fs::rename(file(&dir), dir.path().join("elsewhere")).unwrap();
    assert!(matches!(refusal(&dir), OpenError::InUse { .. }));
    drop(store);
    open(&dir);
}

#[test]
fn a_path_that_is_no_directory_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("file");
    fs::write(&path, "").unwrap();
    let error = RedbStore::open(&path, user_agent::in_words).unwrap_err();
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_newer_keepwatch_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.create(session(1, "anna")).await.unwrap();
    store.close().unwrap();
    let database = Database::open(file(&dir)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("schema", 3_u64).unwrap();
    transaction.commit().unwrap();
    database.close().unwrap();
    let before = fs::read(file(&dir)).unwrap();

    let error = refusal(&dir);

    assert!(matches!(error, OpenError::OtherVersion { .. }), "{error}");
    assert!(error.to_string().contains("(schema 3, this one knows schema 2)"), "{error}");
    assert!(fs::read(file(&dir)).unwrap() == before, "the file has changed");
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let content = "not a database, but somebody's only copy of something".repeat(100);
    fs::write(file(&dir), &content).unwrap();
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert_eq!(fs::read_to_string(file(&dir)).unwrap(), content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_is_refused_by_its_id_and_not_overwritten() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.create(session(1, "anna")).await.unwrap();
    store.create(session(2, "ben")).await.unwrap();
    store.close().unwrap();
    let read = || {
        let database = Database::open(file(&dir)).unwrap();
        let sessions = database.begin_read().unwrap().open_table(SESSIONS).unwrap();
        sessions.get(2_u64).unwrap().unwrap().value().to_vec()
    };
    let mut row = read();
    row[20] ^= 1;
    let database = Database::open(file(&dir)).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(SESSIONS).unwrap().insert(2_u64, row.as_slice()).unwrap();
    transaction.commit().unwrap();
    database.close().unwrap();

    let error = refusal(&dir);

    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("session 2 cannot be read: its checksum is wrong"), "{error}");
    assert_eq!(read(), row);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_missing_from_a_file_that_is_sound_is_missed() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let ids = create_many(&store).await;
    delete(&store, Selection::Ids(ids[1..].to_vec())).await.unwrap();
    store.close().unwrap();
    drop(store);
    let lost = |lose: fn(&WriteTransaction)| {
        let copy = TempDir::new().unwrap();
        fs::copy(file(&dir), file(&copy)).unwrap();
        let database = Database::open(file(&copy)).unwrap();
        let transaction = database.begin_write().unwrap();
        lose(&transaction);
        transaction.commit().unwrap();
        database.close().unwrap();
        refusal(&copy).to_string()
    };
    let row = lost(|transaction| _ = transaction.open_table(SESSIONS).unwrap().pop_first().unwrap().unwrap());
    assert!(row.contains("sessions are there of"), "{row}");
    // Without it, sessions that were deleted would come back.
    let tombstone = lost(|transaction| _ = transaction.open_table(TOMBSTONES).unwrap().pop_first().unwrap().unwrap());
    assert!(tombstone.contains("0 tombstones are there of 1 that were stored"), "{tombstone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_before_records_were_counted_is_read_and_counts_from_then_on() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    for number in 0..3 {
        store.create(session(number, "anna")).await.unwrap();
    }
    store.close().unwrap();
    drop(store);
    let meta = |change: fn(&mut Table<'_, &'static str, u64>)| {
        let database = Database::open(file(&dir)).unwrap();
        let transaction = database.begin_write().unwrap();
        change(&mut transaction.open_table(META).unwrap());
        transaction.commit().unwrap();
        database.close().unwrap();
    };
    meta(|meta| {
        meta.insert("schema", 1).unwrap();
        meta.remove("sessions").unwrap();
        meta.remove("tombstones").unwrap();
    });
    let store = open(&dir);
    assert_eq!(store.len(), 3);
    store.create(session(3, "ben")).await.unwrap();
    store.close().unwrap();
    drop(store);
    meta(|meta| {
        let found = ["schema", "sessions", "tombstones"].map(|key| meta.get(key).unwrap().unwrap().value());
        assert_eq!(found, [2, 4, 0]);
        meta.remove("sessions").unwrap();
    });
    assert!(refusal(&dir).to_string().contains("it does not say how many sessions there are"));
}

#[test]
fn an_empty_file_is_no_first_start() {
    let dir = TempDir::new().unwrap();
    open(&dir).close().unwrap();
    fs::write(file(&dir), "").unwrap();
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("keepwatch.redb is damaged: it is empty"), "{error}");
}

#[test]
fn a_database_without_tables_is_no_first_start() {
    let dir = TempDir::new().unwrap();
    Database::create(file(&dir)).unwrap().close().unwrap();
    let error = refusal(&dir);
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn what_an_interrupted_first_start_has_left_is_in_nobodys_way() {
    let dir = TempDir::new().unwrap();
    let unfinished = dir.path().join("keepwatch.redb.new");
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "somebody's").unwrap();
    std::os::unix::fs::symlink(&elsewhere, &unfinished).unwrap();
    open(&dir).close().unwrap();
    assert!(!unfinished.try_exists().unwrap());
    assert_eq!(fs::metadata(file(&dir)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_to_string(elsewhere).unwrap(), "somebody's");
    open(&dir);
}

/// What a store of these bytes knows: its sessions, which of 2,300 tokens are good, and what is kept beside. Or why it is refused.
fn opened(bytes: &[u8]) -> Result<(Vec<Session>, Vec<bool>, Kept), OpenError> {
    let dir = TempDir::new().unwrap();
    fs::write(file(&dir), bytes).unwrap();
    let store = RedbStore::open(dir.path(), user_agent::in_words)?;
    let query = SessionQuery { limit: 1_000, ..SessionQuery::default() };
    let sessions = store.list(&query, &Lifetimes::default(), START).sessions;
    Ok((sessions, (0..2_300).map(|number| is_live(&store, number)).collect(), store.kept().unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_damage_to_the_file_is_silent() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let standing = Standing { name: "dav".to_owned(), expires_at: START.plus(Duration::from_secs(60)), scopes: None };
    let session = |number| NewSession {
        standing: (number == 9).then(|| Arc::new(standing.clone())),
        ..session(number, &format!("user {number}"))
    };
    let created = join_all((0..2_300).map(|number| store.create(session(number)))).await;
    store.put_account(accounts::account_change("anna", "1")).await.unwrap();
    let ended = created.into_iter().skip(300).map(|session| session.unwrap().id).collect();
    assert_eq!(delete(&store, Selection::Ids(ended)).await.unwrap().deleted, 2_000);
    store.close().unwrap();
    let database = Database::open(file(&dir)).unwrap();
    let rows = database.begin_read().unwrap().open_table(SESSIONS).unwrap().len().unwrap();
    assert!(rows > 300, "the rows of those that have ended are gone already");
    database.close().unwrap();
    let whole = fs::read(file(&dir)).unwrap();
    let expected = opened(&whole).unwrap();
    assert_eq!((expected.0.len(), expected.1.iter().filter(|is_live| **is_live).count()), (300, 300));

    let mut refused = 0;
    let mut judge = |bytes: &[u8], what: &str| match opened(bytes) {
        Ok(found) => assert!(found == expected, "{what}: something else, and no word of it"),
        Err(OpenError::Damaged { .. } | OpenError::OtherVersion { .. }) => refused += 1,
        Err(error) => panic!("{what}: {error}"),
    };
    // An odd number of bytes apart, so that all fields of pages and rows are met.
    for at in (0..whole.len()).step_by((whole.len() / 1_000) | 1) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        judge(&bytes, &format!("a flipped bit in byte {at}"));
    }
    for kept in (0..16).map(|part| whole.len() / 16 * part) {
        judge(&whole[..kept], &format!("cut to {kept} bytes"));
        let mut bytes = whole.clone();
        bytes[kept..].fill(0);
        judge(&bytes, &format!("zeros from byte {kept} on"));
    }
    assert!(refused > 300, "only {refused} were met");
}
