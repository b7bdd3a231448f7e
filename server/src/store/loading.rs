//! Reading the journal at the start.
//!
//! One thread reads rows from the disk while another makes sessions of them: each is about as much work as the other.

use std::{collections::HashSet, sync::mpsc, thread};

use app::session::SessionId;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableError, TableHandle,
};

use super::{
    journal::{META, SESSIONS, TEXTS, TOMBSTONES, stored_count},
    row::Row,
    sealed::RecordError,
    stored_texts::{ReadTexts, StoredTexts},
    table::{SharedTexts, Table},
    tombstone::Tombstone,
};

/// Rows that are handed over at once, and how many portions may wait.
const PORTION: usize = 2_048;
const WAITING: usize = 4;

/// What is read at the start beside the sessions.
pub(crate) struct Loaded {
    /// The id that the next session gets.
    pub(crate) next_id: u64,
    /// Sessions whose rows are still to be removed.
    pub(crate) tombstones: Vec<Tombstone>,
    /// Texts that rows share.
    pub(crate) texts: StoredTexts,
}

/// Fills an empty table with the sessions. One pass.
///
/// # Errors
/// What the database says; [`redb::Error::Corrupted`] with the id of a record that cannot be read.
pub(crate) fn load(database: &Database, table: &mut Table) -> Result<Loaded, redb::Error> {
    let transaction = database.begin_read()?;
    let tombstones = tombstones(&transaction)?;
    let ended: HashSet<u64> = tombstones.iter().flat_map(|tombstone| tombstone.ids.iter().copied()).collect();
    let texts = texts(&transaction)?;

    let sessions = usize::try_from(transaction.open_table(SESSIONS)?.len()?).unwrap_or(0);
    table.reserve(sessions.saturating_sub(ended.len()));
    let (newest, read) = thread::scope(|scope| {
        let (sender, portions) = mpsc::sync_channel(WAITING);
        let reader = scope.spawn(|| read_rows(&transaction, sender));
        let made = make_sessions(portions, table, &texts, &ended);
        // Whoever stopped first knows why: the reader what the disk says, else the maker what a row lacks.
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        read.and(made)
    })?;
    if read != sessions {
        return Err(redb::Error::Corrupted(format!("{read} sessions can be read of {sessions} that are there")));
    }
    let meta = transaction.open_table(META)?;
    for (table, found) in [(SESSIONS.name(), read), (TOMBSTONES.name(), tombstones.len())] {
        if let Some(stored) = stored_count(table, &meta)?
            && stored != found as u64
        {
            return Err(redb::Error::Corrupted(format!("{found} {table} are there of {stored} that were stored")));
        }
    }

    let next_id = meta.get("next_id")?.map_or(1, |next_id| next_id.value());
    let newest = newest.max(ended.iter().copied().max().unwrap_or(0));
    let next_id = next_id.max(newest.saturating_add(1));
    table.begin(SessionId(next_id - 1));
    Ok(Loaded { next_id, tombstones, texts: texts.into() })
}

/// Rows one after the other, as stored.
#[derive(Default)]
struct Portion {
    /// The id of each, and where its bytes end.
    rows: Vec<(u64, usize)>,
    bytes: Vec<u8>,
}

fn read_rows(transaction: &ReadTransaction, portions: mpsc::SyncSender<Portion>) -> Result<(), redb::Error> {
    let sessions = transaction.open_table(SESSIONS)?;
    let mut portion = Portion::default();
    for entry in sessions.iter()? {
        let (id, record) = entry?;
        portion.bytes.extend_from_slice(record.value());
        portion.rows.push((id.value(), portion.bytes.len()));
        if portion.rows.len() == PORTION && portions.send(std::mem::take(&mut portion)).is_err() {
            return Ok(());
        }
    }
    // Nobody to take it: the maker has stopped and says why.
    _ = portions.send(portion);
    Ok(())
}

/// The newest id among the rows, and how many there are.
fn make_sessions(
    portions: mpsc::Receiver<Portion>,
    table: &mut Table,
    texts: &ReadTexts,
    ended: &HashSet<u64>,
) -> Result<(u64, usize), redb::Error> {
    let (mut newest, mut read) = (0, 0);
    let mut shared = SharedTexts::new(texts);
    for Portion { rows, bytes } in portions {
        let mut begin = 0;
        read += rows.len();
        let mut stored = Vec::with_capacity(rows.len());
        for (id, end) in rows {
            newest = newest.max(id);
            if !ended.contains(&id) {
                let row = Row::decode(SessionId(id), &bytes[begin..end]);
                stored.push(row.map_err(|error| damaged("session", id, error))?);
            }
            begin = end;
        }
        table.load(&stored, &mut shared).map_err(|id| damaged("session", id.0, RecordError::Content))?;
    }
    Ok((newest, read))
}

fn tombstones(transaction: &ReadTransaction) -> Result<Vec<Tombstone>, redb::Error> {
    let mut tombstones = Vec::new();
    for entry in transaction.open_table(TOMBSTONES)?.iter()? {
        let (seq, record) = entry?;
        let seq = seq.value();
        tombstones.push(Tombstone::decode(seq, record.value()).map_err(|error| damaged("tombstone", seq, error))?);
    }
    Ok(tombstones)
}

fn texts(transaction: &ReadTransaction) -> Result<ReadTexts, redb::Error> {
    let mut texts = ReadTexts::default();
    let stored = match transaction.open_table(TEXTS) {
        Ok(stored) => stored,
        // A store of before there were any; the first commit makes it.
        Err(TableError::TableDoesNotExist(_)) => return Ok(texts),
        Err(error) => return Err(error.into()),
    };
    for entry in stored.iter()? {
        let (number, record) = entry?;
        let number = number.value();
        texts.read(number, record.value()).map_err(|error| damaged("text", u64::from(number), error))?;
    }
    Ok(texts)
}

fn damaged(what: &str, key: u64, error: RecordError) -> redb::Error {
    redb::Error::Corrupted(format!("{what} {key} cannot be read: {error}"))
}
