//! The same sessions in redb without a table beside it: each a record under the hash of its token, so that a check finds it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, ensure};
use redb::{Builder, Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};

use crate::{conditions::Conditions, population::Population};

const SESSIONS: TableDefinition<&[u8; 32], &[u8]> = TableDefinition::new("sessions");
/// Sessions of one commit.
const SIDE_BY_SIDE: u64 = 10_000;
/// Pages kept in memory while it is filled: enough that this does not take minutes.
const CACHE_BYTES: usize = 256 << 20;

/// A file as a process leaves it that is killed.
pub(crate) struct RedbAlone {
    path: PathBuf,
    sessions: u64,
}

impl RedbAlone {
    /// Fills the file.
    pub(crate) fn fill(conditions: &Conditions) -> anyhow::Result<Self> {
        let open = conditions.path("redb-open");
        let database = Builder::new().set_cache_size(CACHE_BYTES).create(&open)?;
        let population = Population::new(conditions.sessions, conditions.now);
        for first in (0..conditions.sessions).step_by(SIDE_BY_SIDE as usize) {
            let transaction = database.begin_write()?;
            let mut sessions = transaction.open_table(SESSIONS)?;
            for index in first..conditions.sessions.min(first + SIDE_BY_SIDE) {
                let session = population.session(index);
                sessions.insert(&session.token_hash.0, &*population.rest(index))?;
            }
            drop(sessions);
            transaction.commit()?;
        }
        let path = conditions.path("redb");
        fs::copy(&open, &path)?;
        drop(database);
        fs::remove_file(open)?;
        Ok(Self { path, sessions: conditions.sessions })
    }

    /// How long redb takes to open a copy of it, in seconds: it repairs what was not closed, and checks all checksums.
    pub(crate) fn repair(&self) -> anyhow::Result<f64> {
        let copy = self.path.with_extension("copy");
        fs::copy(&self.path, &copy)?;
        let (database, seconds) = open(&copy)?;
        let sessions = database.begin_read()?.open_table(SESSIONS)?.len()?;
        ensure!(sessions == self.sessions, "{sessions} of {} sessions in redb alone", self.sessions);
        drop(database);
        fs::remove_file(copy)?;
        Ok(seconds)
    }
}

/// Opens a file that was not closed: redb repairs it and checks all its checksums. How many seconds that took.
pub(crate) fn open(path: &Path) -> anyhow::Result<(Database, f64)> {
    let start = Instant::now();
    let database = Builder::new().set_check_integrity_on_open(true).open(path).context("repairing a copy")?;
    Ok((database, start.elapsed().as_secs_f64()))
}
