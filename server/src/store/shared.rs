//! What the writer and the readers share.

use std::{
    sync::{
        Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{ends::Ends, events::Events, feed::Feed, figures::Figures, row_cache::RowCache, table::Table};

/// How long the writer lets readers pass before it has them wait.
const PATIENCE: Duration = Duration::from_millis(20);
/// The time between two tries of the writer.
const TRY_EVERY: Duration = Duration::from_micros(50);

/// The table and what is told about it.
pub(crate) struct Shared {
    pub(crate) table: TableLock,
    /// Its lock is taken around the table's, never inside it.
    pub(crate) row_cache: Mutex<RowCache>,
    pub(crate) feed: Feed,
    pub(crate) ends: Ends,
    pub(crate) events: Events,
    pub(crate) figures: Figures,
    writable: AtomicBool,
    /// Whether a token has been checked since the writer last wanted to know.
    checked: AtomicBool,
}

impl Shared {
    pub(crate) fn new(table: Table) -> prometheus::Result<Self> {
        Ok(Self {
            table: TableLock(RwLock::new(table)),
            row_cache: Mutex::default(),
            feed: Feed::new(),
            ends: Ends::default(),
            events: Events::new(),
            figures: Figures::new()?,
            writable: AtomicBool::new(true),
            checked: AtomicBool::new(false),
        })
    }

    /// Announces all changes so far.
    pub(crate) fn publish(&self) {
        let (revision, changed_up_to) = {
            let table = self.table.read();
            (table.revision(), table.changed_up_to())
        };
        self.feed.publish(revision, changed_up_to);
    }

    /// Whether changes can be made durable, as far as known.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Notes that a token is checked.
    pub(crate) fn note_check(&self) {
        // Most checks only read it: it is written again when the writer has taken it.
        if !self.checked.load(Ordering::Relaxed) {
            self.checked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a token has been checked since this was asked last.
    pub(crate) fn was_checked(&self) -> bool {
        self.checked.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn set_writable(&self, writable: bool) {
        self.writable.store(writable, Ordering::Relaxed);
    }
}

/// The table behind its lock, with one writer.
///
/// A panic under the lock does not take the table away: whoever comes next gets it as it is. A change broken off
/// halfway can only deny (see [`Table`]), and to answer no request at all would be worse.
pub(crate) struct TableLock(RwLock<Table>);

impl TableLock {
    /// Shared access: for reads and touches.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sole access: for the writer.
    ///
    /// A writer that waits holds up every new reader. While a long read goes on, the writer therefore tries now and
    /// then instead of waiting, so that checks pass; it waits only when that has not helped for [`PATIENCE`].
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Table> {
        let give_up_at = Instant::now() + PATIENCE;
        while Instant::now() < give_up_at {
            match self.0.try_write() {
                Ok(table) => return table,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => thread::sleep(TRY_EVERY),
            }
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
