//! The journal: the durable truth, in one redb file.
//!
//! Rows are keyed by the session id, so that new ones go side by side; there is no index on disk. Every commit is in
//! two phases. After a failed one redb takes no more changes, so the database is closed and opened again before the
//! next.

use std::{panic, path::Path, sync::Arc};

use redb::{
    Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageBackend, TableDefinition, TableError,
    TableHandle, WriteTransaction, backends::InMemoryBackend,
};

use super::{
    loading::{self, Loaded},
    medium::{self, Medium},
    open_error::OpenError,
    purge::Portion,
    table::Table,
    tombstone::Tombstone,
};

/// What the tables below mean. A change of meaning takes the next number: who knows only the one before is not to write here.
const SCHEMA: u64 = 2;
/// The one before, in which records were not counted. The first commit makes it the one of now.
const SCHEMA_WITHOUT_COUNTS: u64 = 1;

/// `schema`; `next_id`: the id that the next session gets; and how many [`SESSIONS`] and [`TOMBSTONES`] there are, under their
/// names.
pub(crate) const META: TableDefinition<&str, u64> = TableDefinition::new("meta");
/// [`Row`]s by session id.
pub(crate) const SESSIONS: TableDefinition<u64, &[u8]> = TableDefinition::new("sessions");
/// [`Tombstone`]s by their number.
pub(crate) const TOMBSTONES: TableDefinition<u64, &[u8]> = TableDefinition::new("tombstones");
/// Texts that rows share, by number.
pub(crate) const TEXTS: TableDefinition<u32, &[u8]> = TableDefinition::new("texts");
/// Accounts by the key of their name, in a form that is not the store's business.
const ACCOUNTS: TableDefinition<&str, &[u8]> = TableDefinition::new("accounts");

/// The durable truth. One thread owns it.
#[derive(Debug)]
pub struct Journal {
    medium: Medium,
    /// `None` from a failed commit on until it is opened again.
    database: Option<Database>,
}

/// What is kept beside the sessions, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Accounts by the key of their name.
    pub accounts: Vec<(String, Vec<u8>)>,
    /// The id that the next session gets.
    pub next_id: u64,
}

/// What one commit makes durable, all or nothing.
#[derive(Default)]
pub(crate) struct Changes {
    /// Rows of new sessions.
    pub(crate) created: Vec<(u64, Vec<u8>)>,
    /// The id that the next session gets, if that has changed.
    pub(crate) next_id: Option<u64>,
    /// Sessions that have ended, few enough to remove their rows at once.
    pub(crate) removed: Vec<u64>,
    /// Sessions that have ended, too many for that.
    pub(crate) tombstone: Option<Tombstone>,
    /// New rows of sessions that are there; one that is not there is left alone.
    pub(crate) touched: Vec<(u64, Vec<u8>)>,
    /// Texts that rows share, by number.
    pub(crate) texts: Vec<(u32, Vec<u8>)>,
    /// Texts that no row uses any more.
    pub(crate) forgotten: Vec<u32>,
    /// Accounts by key; none takes one away.
    pub(crate) accounts: Vec<(String, Option<Vec<u8>>)>,
    /// Rows of sessions that ended in an earlier commit.
    pub(crate) purged: Option<Portion>,
}

impl Changes {
    /// Whether there is nothing to commit.
    pub(crate) fn is_empty(&self) -> bool {
        self.created.is_empty()
            && self.next_id.is_none()
            && self.removed.is_empty()
            && self.tombstone.is_none()
            && self.touched.is_empty()
            && self.texts.is_empty()
            && self.forgotten.is_empty()
            && self.accounts.is_empty()
            && self.purged.is_none()
    }
}

impl Journal {
    /// Opens the journal in a data directory, both made if they are not there: the directory for its owner only
    /// (0700), the file too (0600). Every page of the file is verified; a file left by a crash is repaired.
    ///
    /// # Errors
    /// [`OpenError`]. A file that is damaged or from another version is left as it is.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        medium::make_dir(data_dir)?;
        let lock = medium::lock(data_dir)?;
        let path = medium::make_file(data_dir, make_tables)?;
        refuse_newer(&path)?;
        Self::on(Medium::File { path, _lock: lock })
    }

    /// A journal in memory, gone with the process.
    ///
    /// # Errors
    /// [`OpenError`], if memory fails.
    pub fn in_memory() -> Result<Self, OpenError> {
        Self::on_backend(Arc::new(InMemoryBackend::new()))
    }

    /// A journal on a medium of the caller's, for tests that make it fail. The medium outlives the journal: another one
    /// can be opened on it.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn on_backend(backend: Arc<dyn StorageBackend>) -> Result<Self, OpenError> {
        Self::on(Medium::Backend(backend))
    }

    fn on(medium: Medium) -> Result<Self, OpenError> {
        let database = medium.open().map_err(|error| medium.blame(error))?;
        match schema(&database).map_err(|error| medium.blame(error))? {
            Schema::Known => {}
            Schema::Empty if matches!(medium, Medium::Backend(_)) => {
                make_tables(&database).map_err(|error| medium.blame(error))?;
            }
            Schema::Newer(found) => return Err(newer(medium.name(), found)),
            Schema::Empty | Schema::Foreign => return Err(foreign(medium.name())),
        }
        Ok(Self { medium, database: Some(database) })
    }

    /// Whether the journal takes changes.
    pub(crate) fn is_open(&self) -> bool {
        self.database.is_some()
    }

    /// Opens the journal again after a failed commit.
    ///
    /// # Errors
    /// As [`Journal::open`]; also when the file is no longer there: a new one would know of no session.
    pub(crate) fn reopen(&mut self) -> Result<(), OpenError> {
        self.database = None;
        let database = self.medium.open().map_err(|error| self.medium.blame(error))?;
        match schema(&database).map_err(|error| self.medium.blame(error))? {
            Schema::Known => self.database = Some(database),
            Schema::Newer(found) => return Err(newer(self.medium.name(), found)),
            Schema::Empty | Schema::Foreign => return Err(foreign(self.medium.name())),
        }
        Ok(())
    }

    /// Makes changes durable. After an error they may be durable or not, and the journal is to be opened again.
    ///
    /// # Errors
    /// What the database says.
    pub(crate) fn commit(&mut self, changes: &Changes) -> Result<(), redb::Error> {
        let database = self.database.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        let outcome = in_one_commit(database, |transaction| write(transaction, changes));
        if outcome.is_err() {
            self.database = None;
        }
        outcome
    }

    /// Fills an empty table with the sessions. One pass.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] with the id of a row that cannot be read.
    pub(crate) fn load(&self, table: &mut Table) -> Result<Loaded, OpenError> {
        self.read(|database| loading::load(database, table)).map_err(|error| self.medium.blame(error))
    }

    /// What is kept beside the sessions.
    ///
    /// # Errors
    /// [`OpenError`], when it cannot be read.
    pub fn kept(&self) -> Result<Kept, OpenError> {
        let kept = self.read(|database| {
            let transaction = database.begin_read()?;
            let next_id = transaction.open_table(META)?.get("next_id")?.map_or(1, |next_id| next_id.value());
            let accounts = transaction.open_table(ACCOUNTS)?;
            let accounts = accounts
                .iter()?
                .map(|account| account.map(|(key, value)| (key.value().to_owned(), value.value().to_vec())))
                .collect::<Result<_, _>>()?;
            Ok(Kept { accounts, next_id })
        });
        kept.map_err(|error| self.medium.blame(error))
    }

    /// Puts this in place of what is kept, and ends all sessions, in one commit.
    ///
    /// # Errors
    /// [`OpenError`]. What was there is then there still, unless the commit itself failed.
    pub fn restore(&mut self, kept: &Kept) -> Result<(), OpenError> {
        let restored = self.read(|database| in_one_commit(database, |transaction| write_kept(transaction, kept)));
        restored.map_err(|error| self.medium.blame(error))
    }

    /// Closes the journal; it can then only be opened again.
    ///
    /// # Errors
    /// What the database says. What was committed is durable all the same.
    pub(crate) fn close(&mut self) -> Result<(), redb::Error> {
        match self.database.take() {
            Some(database) => Ok(database.close()?),
            None => Ok(()),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        read(self.database.as_ref().ok_or(redb::Error::DatabaseClosed)?)
    }
}

/// Refuses the file of a newer keepwatch before it is opened for writing, which alone would change its bytes.
///
/// Whatever else is wrong is left for that opening to find, which verifies the file: this look trusts it, and may panic
/// on a damaged one. A file left by a crash cannot be looked at; it is refused after its repair.
fn refuse_newer(path: &Path) -> Result<(), OpenError> {
    let look = || -> Result<Schema, redb::Error> {
        let database = medium::builder().open_read_only(path)?;
        let schema = schema(&database)?;
        database.close()?;
        Ok(schema)
    };
    let name = || path.display().to_string();
    match panic::catch_unwind(look) {
        Ok(Ok(Schema::Newer(found))) => Err(newer(name(), found)),
        Ok(Err(redb::Error::DatabaseAlreadyOpen)) => Err(OpenError::InUse { path: name() }),
        _ => Ok(()),
    }
}

enum Schema {
    /// Nothing is stored yet.
    Empty,
    Known,
    Newer(u64),
    /// There are tables, but not ours.
    Foreign,
}

fn schema(database: &impl ReadableDatabase) -> Result<Schema, redb::Error> {
    let transaction = database.begin_read()?;
    let found = match transaction.open_table(META) {
        Ok(meta) => meta.get("schema")?.map(|schema| schema.value()),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(match found {
        Some(SCHEMA | SCHEMA_WITHOUT_COUNTS) => Schema::Known,
        Some(newer) if newer > SCHEMA => Schema::Newer(newer),
        Some(_) => Schema::Foreign,
        None if transaction.list_tables()?.next().is_some() => Schema::Foreign,
        None => Schema::Empty,
    })
}

fn newer(path: String, found: u64) -> OpenError {
    OpenError::OtherVersion { path, found: format!("schema {found}"), known: format!("schema {SCHEMA}") }
}

fn foreign(path: String) -> OpenError {
    OpenError::Damaged { path, reason: "it is no session store".to_owned() }
}

fn make_tables(database: &Database) -> Result<(), redb::Error> {
    in_one_commit(database, |transaction| write_kept(transaction, &Kept { accounts: Vec::new(), next_id: 1 }))
}

/// Makes the tables anew, without sessions.
fn write_kept(transaction: &WriteTransaction, kept: &Kept) -> Result<(), redb::Error> {
    transaction.delete_table(SESSIONS)?;
    transaction.delete_table(TOMBSTONES)?;
    transaction.delete_table(TEXTS)?;
    transaction.delete_table(ACCOUNTS)?;
    let mut meta = transaction.open_table(META)?;
    meta.insert("schema", SCHEMA)?;
    meta.insert("next_id", kept.next_id)?;
    meta.insert(SESSIONS.name(), 0)?;
    meta.insert(TOMBSTONES.name(), 0)?;
    transaction.open_table(SESSIONS)?;
    transaction.open_table(TOMBSTONES)?;
    transaction.open_table(TEXTS)?;
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    for (key, value) in &kept.accounts {
        accounts.insert(key.as_str(), value.as_slice())?;
    }
    Ok(())
}

fn in_one_commit(
    database: &Database,
    write: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_two_phase_commit(true);
    write(&transaction)?;
    Ok(transaction.commit()?)
}

fn write(transaction: &WriteTransaction, changes: &Changes) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    if let Some(next_id) = changes.next_id {
        meta.insert("next_id", next_id)?;
    }
    let mut sessions = transaction.open_table(SESSIONS)?;
    let mut tombstones = transaction.open_table(TOMBSTONES)?;
    if meta.get("schema")?.is_none_or(|schema| schema.value() != SCHEMA) {
        meta.insert("schema", SCHEMA)?;
        meta.insert(SESSIONS.name(), sessions.len()?)?;
        meta.insert(TOMBSTONES.name(), tombstones.len()?)?;
    }
    let mut rows = Count::of(SESSIONS.name(), &meta)?;
    for (id, row) in &changes.created {
        rows.came(sessions.insert(*id, row.as_slice())?.is_none());
    }
    for id in changes.removed.iter().chain(changes.purged.iter().flat_map(|portion| &portion.ids)) {
        rows.went(sessions.remove(*id)?.is_some());
    }
    rows.store(&mut meta)?;
    for (id, row) in &changes.touched {
        let is_there = sessions.get(*id)?.is_some();
        if is_there {
            sessions.insert(*id, row.as_slice())?;
        }
    }
    if !(changes.texts.is_empty() && changes.forgotten.is_empty()) {
        let mut texts = transaction.open_table(TEXTS)?;
        for (number, record) in &changes.texts {
            texts.insert(*number, record.as_slice())?;
        }
        for number in &changes.forgotten {
            texts.remove(*number)?;
        }
    }
    let mut records = Count::of(TOMBSTONES.name(), &meta)?;
    if let Some(tombstone) = &changes.tombstone {
        records.came(tombstones.insert(tombstone.seq, tombstone.encode().as_slice())?.is_none());
    }
    if let Some(seq) = changes.purged.as_ref().and_then(|portion| portion.finished) {
        records.went(tombstones.remove(seq)?.is_some());
    }
    records.store(&mut meta)?;
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    for (key, value) in &changes.accounts {
        match value {
            Some(value) => accounts.insert(key.as_str(), value.as_slice())?,
            None => accounts.remove(key.as_str())?,
        };
    }
    Ok(())
}

/// How many records the table of this name has by what has been done to it, whatever it says itself: one that is lost is not to
/// be lost in silence. `None` in a store in which they were not counted.
pub(crate) fn stored_count(
    table: &str,
    meta: &impl ReadableTable<&'static str, u64>,
) -> Result<Option<u64>, redb::Error> {
    match meta.get(table)? {
        Some(stored) => Ok(Some(stored.value())),
        None if meta.get("schema")?.is_some_and(|schema| schema.value() == SCHEMA_WITHOUT_COUNTS) => Ok(None),
        None => Err(redb::Error::Corrupted(format!("it does not say how many {table} there are"))),
    }
}

/// The count of a table while a commit changes it.
struct Count {
    table: &'static str,
    before: u64,
    now: u64,
}

impl Count {
    fn of(table: &'static str, meta: &impl ReadableTable<&'static str, u64>) -> Result<Self, redb::Error> {
        let before = stored_count(table, meta)?.unwrap_or_default();
        Ok(Self { table, before, now: before })
    }

    /// A record has been written; whether there was none under its key.
    fn came(&mut self, is_new: bool) {
        self.now += u64::from(is_new);
    }

    /// A record has been removed; whether there was one.
    fn went(&mut self, was_there: bool) {
        self.now = self.now.saturating_sub(u64::from(was_there));
    }

    fn store(&self, meta: &mut redb::Table<'_, &'static str, u64>) -> Result<(), redb::Error> {
        if self.now != self.before {
            meta.insert(self.table, self.now)?;
        }
        Ok(())
    }
}
