//! Where the journal's bytes are: a file in the data directory, or memory.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use redb::{Builder, Database, StorageBackend};

use super::open_error::OpenError;

/// The journal's file in the data directory.
pub const FILE: &str = "keepwatch.redb";
/// Its name until it is whole.
const UNFINISHED: &str = "keepwatch.redb.new";
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

impl Medium {
    /// Opens the database, verifying every page of it. A file must be one already: a new one would know of no session.
    pub(crate) fn open(&self) -> Result<Database, redb::Error> {
        Ok(match self {
            Self::File { path, .. } => builder().open(path)?,
            Self::Backend(backend) => builder().create_with_backend(Reopenable(backend.clone()))?,
        })
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

/// Makes the data directory where it is not there, durably.
pub(crate) fn make_dir(data_dir: &Path) -> Result<(), OpenError> {
    let missing: Vec<_> = data_dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(data_dir);
    let durable = made.and_then(|()| missing.iter().filter_map(|dir| dir.parent()).try_for_each(sync_dir));
    durable.map_err(|error| unusable(data_dir, error))
}

/// Makes a database in the data directory where there is none, durably, and has it filled. It has its name once it is whole: an
/// empty file of that name is damage, whatever has come in between.
pub(crate) fn make_file(
    data_dir: &Path,
    fill: impl FnOnce(&Database) -> Result<(), redb::Error>,
) -> Result<PathBuf, OpenError> {
    let path = data_dir.join(FILE);
    let make = || -> Result<(), redb::Error> {
        if path.try_exists()? {
            if fs::metadata(&path)?.len() == 0 {
                return Err(redb::Error::Corrupted("it is empty".to_owned()));
            }
        } else {
            let unfinished = data_dir.join(UNFINISHED);
            match fs::remove_file(&unfinished) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
            let database = builder().create(&unfinished)?;
            fill(&database)?;
            database.close()?;
            fs::rename(unfinished, &path)?;
        }
        // Also where it is there: whoever made it may have come no further.
        Ok(sync_dir(data_dir)?)
    };
    make().map_err(|error| OpenError::of_database(path.display().to_string(), error))?;
    Ok(path)
}

fn unusable(path: &Path, error: io::Error) -> OpenError {
    OpenError::Unusable { path: path.display().to_string(), reason: error.to_string() }
}

/// Takes the data directory for this process; the system gives it back when the process ends, however that comes.
pub(crate) fn lock(data_dir: &Path) -> Result<File, OpenError> {
    let lock_path = data_dir.join(LOCK);
    let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
    let lock = lock.map_err(|error| unusable(&lock_path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: data_dir.join(FILE).display().to_string() }),
        Err(TryLockError::Error(error)) => Err(unusable(&lock_path, error)),
    }
}

fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}
