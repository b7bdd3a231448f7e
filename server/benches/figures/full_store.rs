//! The large store: on file, and open only while something is measured on it.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::Context;
use app::session::SessionId;
use server::{store::RedbStore, user_agent};

use crate::{
    conditions::Conditions,
    population::{self, Population},
    report::{Report, Unit},
    statistics::Pair,
};

/// A store on file that was filled with all sessions and closed.
pub(crate) struct FullStore {
    /// Where it is.
    pub(crate) data_dir: PathBuf,
    /// The ids of its sessions, by their number in the population.
    pub(crate) ids: Vec<SessionId>,
}

impl FullStore {
    /// Fills a store with all sessions. Reports how fast that went and how large the file is.
    pub(crate) fn fill(conditions: &Conditions, report: &mut Report) -> anyhow::Result<Self> {
        let data_dir = conditions.path("full");
        let population = Population::new(conditions.sessions, conditions.now);
        let store = RedbStore::open(&data_dir, user_agent::in_words)?;
        let start = Instant::now();
        let ids = conditions.runtime.block_on(population::fill(&store, &population, 0..conditions.sessions))?;
        let rate = conditions.sessions as f64 / start.elapsed().as_secs_f64();
        store.close().context("closing the large store")?;

        let full = Self { data_dir, ids };
        let bytes = Pair {
            value: full.file_bytes()? as f64 / conditions.sessions as f64,
            floor: population.field_bytes(conditions.sessions),
        };
        report.state("fill, 1,000 callers", Unit::PerSecond, &[rate]);
        report.compare("file, by session", Unit::Bytes, &[bytes]);
        Ok(full)
    }

    /// Opens the store, measures something on it, and closes it.
    pub(crate) fn with<T>(&self, measure: impl FnOnce(&RedbStore) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let store = RedbStore::open(&self.data_dir, user_agent::in_words)?;
        let measured = measure(&store);
        let closed = store.close().context("closing the large store");
        let measured = measured?;
        closed?;
        Ok(measured)
    }

    fn file_bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        for entry in fs::read_dir(&self.data_dir)? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }
}
