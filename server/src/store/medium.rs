//! Where the journal's bytes are: a file in the data directory, or memory.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Builder, Database, StorageBackend};

use super::open_error::OpenError;

/// The journal's file in the data directory.
pub const FILE: &str = "keepwatch.redb";
/// What a process locks that uses the data directory.
const LOCK: &str = "keepwatch.lock";
/// Pages kept in memory: commits touch few, and reads are answered by the table.
const CACHE_BYTES: usize = 16 << 20;

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Medium {
    File {
        path: PathBuf,
        /// Held as long as the store: the database lets go of its own file while it is opened again.
        _lock: File,
    },
    Backend(Arc<dyn StorageBackend>),
}

/// What to do where nothing is stored yet.
#[derive(Clone, Copy)]
pub(crate) enum Absent {
    Make,
    Fail,
}

impl Medium {
    /// Opens the database, verifying every page of it.
    pub(crate) fn open(&self, absent: Absent) -> Result<Database, redb::Error> {
        let builder = builder();
        let database = match (self, absent) {
            (Self::File { path, .. }, Absent::Make) => builder.create(path),
            (Self::File { path, .. }, Absent::Fail) => builder.open(path),
            (Self::Backend(backend), _) => builder.create_with_backend(Reopenable(backend.clone())),
        };
        Ok(database?)
    }

    /// What messages call it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File { path, .. } => path.display().to_string(),
            Self::Backend(_) => "the session store in memory".to_owned(),
        }
    }

    /// What an error of its database means.
    pub(crate) fn blame(&self, error: redb::Error) -> OpenError {
        OpenError::of_database(self.name(), error)
    }
}

/// A backend that outlives the database on it: closing the database leaves it as it is.
#[derive(Debug)]
struct Reopenable(Arc<dyn StorageBackend>);

impl StorageBackend for Reopenable {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// The settings of every opening.
pub(crate) fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    // redb trusts a file that was closed cleanly; a damaged one would lose sessions in silence.
    builder.set_check_integrity_on_open(true);
    builder
}

/// Makes the data directory and an empty file in it where they are not there, durably.
pub(crate) fn make_file(data_dir: &Path) -> Result<PathBuf, OpenError> {
    let unusable = |path: &Path, error: io::Error| OpenError::Unusable {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let missing: Vec<_> = data_dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(|error| unusable(data_dir, error))?;
    let path = data_dir.join(FILE);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(_) => {
            sync_dir(data_dir).map_err(|error| unusable(data_dir, error))?;
            for parent in missing.iter().filter_map(|dir| dir.parent()) {
                sync_dir(parent).map_err(|error| unusable(parent, error))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unusable(&path, error)),
    }
    Ok(path)
}

/// Takes the data directory for this process; the system gives it back when the process ends, however that comes.
pub(crate) fn lock(data_dir: &Path, path: &Path) -> Result<File, OpenError> {
    let lock_path = data_dir.join(LOCK);
    let unusable =
        |error: io::Error| OpenError::Unusable { path: lock_path.display().to_string(), reason: error.to_string() };
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
    let lock = lock.map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.display().to_string() }),
        Err(TryLockError::Error(error)) => Err(unusable(error)),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}
