//! What all figures of a run have in common.

use std::{
    fmt,
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    thread,
};

use anyhow::Context;
use app::{
    session::{selection::grouped, service::Clock},
    time::Timestamp,
};
use server::clock::SystemClock;
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

/// What all figures of a run have in common.
pub(crate) struct Conditions {
    /// How many sessions the large store holds.
    pub(crate) sessions: u64,
    /// How often each figure is taken.
    pub(crate) rounds: u32,
    /// The instant that sessions are made up for.
    pub(crate) now: Timestamp,
    /// As `keepwatch` runs on.
    pub(crate) runtime: Runtime,
    /// Of this machine.
    pub(crate) cores: usize,
    /// Gone with the run.
    folder: TempDir,
}

impl Conditions {
    pub(crate) fn new(sessions: u64, rounds: u32) -> anyhow::Result<Self> {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // Below `target`, because `/tmp` may be memory, where durability costs nothing.
        let target = env!("CARGO_TARGET_TMPDIR");
        fs::create_dir_all(target).with_context(|| format!("cannot make {target}"))?;
        Ok(Self {
            sessions,
            rounds,
            now: SystemClock::default().now(),
            runtime: runtime::Builder::new_multi_thread().worker_threads(cores.max(4)).enable_all().build()?,
            cores,
            folder: tempfile::Builder::new().prefix("figures-").tempdir_in(target)?,
        })
    }

    /// Lets programs that run as somebody else into the folder of this run.
    pub(crate) fn let_others_pass(&self) -> anyhow::Result<()> {
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// The path of something to make in the folder of this run.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new file in the folder of this run.
    pub(crate) fn file(&self, name: &str) -> anyhow::Result<File> {
        let path = self.path(name);
        File::create(&path).with_context(|| format!("cannot make {}", path.display()))
    }
}

impl fmt::Display for Conditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cores, {} sessions, {} rounds", self.cores, grouped(self.sessions), self.rounds)
    }
}
