//! The session store: a table in memory that answers every read, a journal on disk that makes every change durable, and
//! one writer between them.
//!
//! ```text
//! create, delete, sweep -> queue -> writer -> journal (commit) -> table -> feed -> answer
//! check, list, preview  -> table
//! touch                 -> table (one atomic store; its row is written seconds later)
//! ```
//!
//! The table is the truth, not a cache: it is read from the journal once, at the start, and there is no other copy that
//! a session could come back from.

mod address_text;
mod addresses;
mod bits;
mod column;
mod dictionary;
mod ends;
mod events;
mod feed;
mod figures;
mod journal;
mod loading;
mod matcher;
mod medium;
mod newcomers;
mod open_error;
mod order;
mod purge;
mod query;
mod queue;
mod row;
mod row_cache;
mod sealed;
mod selection;
mod shared;
mod slot_index;
mod sorted_ids;
mod stored_texts;
mod table;
mod texts;
mod tombstone;
mod touches;
mod window;
mod writer;
pub(crate) mod written;

use std::{
    error::Error,
    fmt,
    net::IpAddr,
    path::Path,
    sync::{Arc, MutexGuard, mpsc},
};

use app::{
    session::{
        Client, Lifetimes, Session, SessionId, TokenHash,
        page::{Page, Revision},
        query::{Filter, SessionQuery, Sort},
        selection::{DeletePreview, Deleted, SelectedCounts, Selection},
        store::{Activity, Checked, Deletion, EndReason, NewSession, SessionStore, StoreError},
    },
    time::Timestamp,
};
use async_trait::async_trait;
use futures_core::stream::BoxStream;
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::oneshot,
};

pub use self::{
    dictionary::DescribeAgent,
    events::{Event, Events, Forgotten},
    figures::Figures,
    journal::{Journal, Kept},
    medium::FILE,
    open_error::OpenError,
    queue::{AccountChange, CloseError},
};
use self::{
    queue::{Command, Queue},
    row_cache::RowCache,
    shared::Shared,
    sorted_ids::{Found, sort_texts},
    table::{Slot, Table},
    writer::Writer,
    written::{RowRun, Rows},
};

/// From here on a pass over all sessions takes longer than handing this thread's other tasks to another.
const MANY_SESSIONS: usize = 10_000;

/// The session store of one server. A handle: clones share the store, and the last one to be dropped closes it.
#[derive(Clone)]
pub struct RedbStore {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
}

impl RedbStore {
    /// Opens the store in a data directory, or makes one there. Verifies the whole file and reads all sessions: seconds
    /// for a million.
    ///
    /// # Errors
    /// [`OpenError`], one line that says what to do. Nothing stored is then changed.
    pub fn open(data_dir: &Path, describe_agent: DescribeAgent) -> Result<Self, OpenError> {
        Self::from_journal(Journal::open(data_dir)?, describe_agent)
    }

    /// A store that is gone with its last handle.
    ///
    /// # Errors
    /// [`OpenError`], if memory fails.
    pub fn in_memory(describe_agent: DescribeAgent) -> Result<Self, OpenError> {
        Self::from_journal(Journal::in_memory()?, describe_agent)
    }

    /// Part of the list, its sessions as messages have them.
    pub(crate) fn written_page<T>(
        &self,
        query: &SessionQuery,
        lifetimes: &Lifetimes,
        now: Timestamp,
        then: impl FnOnce(Page, Rows<'_>) -> T,
    ) -> T {
        let mut cache = self.row_cache();
        let table = self.shared.table.read();
        let (page, slots) = query::page(&table, query, lifetimes, now);
        let rows = cache.read(&table, &slots);
        // What is done with them may take a while.
        drop(table);
        then(page, rows)
    }

    /// What a page of this filter, which has no search, says; but in the place of its sessions those of `ids` that are there, as
    /// messages have them; none of them if they are still those that were read as `before`. And how many sessions newer than
    /// `as_of` it has.
    pub(crate) fn written_sessions<T>(
        &self,
        ids: &[SessionId],
        before: Option<RowRun>,
        filter: &Filter,
        as_of: SessionId,
        now: Timestamp,
        then: impl FnOnce(Page, u64, Option<Rows<'_>>) -> T,
    ) -> T {
        let mut cache = self.row_cache();
        let table = self.shared.table.read();
        let (head, newer) = (query::head(&table, filter.session_type), query::count_newer(&table, filter, as_of, now));
        let are_still = before.is_some_and(|before| cache.are_still(&table, before));
        let rows = (!are_still).then(|| cache.read_sessions(&table, ids));
        drop(table);
        then(head, newer, rows)
    }

    /// Begins a round of reading all views whose rows are written here; see [`RowCache`].
    pub(crate) fn begin_round(&self) {
        self.row_cache().begin_round();
    }

    /// Ends it.
    pub(crate) fn end_round(&self) {
        self.row_cache().end_round();
    }

    /// Lets go of all rows that are written.
    pub(crate) fn forget_rows(&self) {
        let mut cache = self.row_cache();
        *cache = cache.emptied();
    }

    /// A new one if whoever had the last did not come to an end: nobody knows what it holds.
    fn row_cache(&self) -> MutexGuard<'_, RowCache> {
        self.shared.row_cache.lock().unwrap_or_else(|broken| {
            let mut cache = broken.into_inner();
            *cache = cache.emptied();
            self.shared.row_cache.clear_poison();
            cache
        })
    }

    /// The newest revision that more than touches has led to.
    pub(crate) fn changed_up_to(&self) -> Revision {
        self.shared.feed.changed_up_to()
    }

    /// Whether a session is there.
    pub(crate) fn has(&self, id: SessionId) -> bool {
        self.shared.table.read().find(id).is_some()
    }

    /// A store on a journal.
    ///
    /// # Errors
    /// [`OpenError`] when what is stored cannot be read.
    pub fn from_journal(journal: Journal, describe_agent: DescribeAgent) -> Result<Self, OpenError> {
        let unusable =
            |what: &str, error: &dyn Error| OpenError::Unusable { path: what.to_owned(), reason: error.to_string() };
        let mut table = Table::new(describe_agent);
        let loaded = journal.load(&mut table)?;
        let shared = Arc::new(Shared::new(table).map_err(|error| unusable("the metrics", &error))?);
        let queue = Queue::start(|commands| Writer::new(commands, journal, shared.clone(), loaded))
            .map_err(|error| unusable("the writer thread", &error))?;
        Ok(Self { shared, queue: Arc::new(queue) })
    }

    /// Finishes what was asked so far, makes all touches durable and closes the store for all handles: changes are then
    /// refused, reads go on. Blocks until it is done.
    ///
    /// # Errors
    /// [`CloseError`], told to the first caller.
    pub fn close(&self) -> Result<(), CloseError> {
        self.queue.stop()
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.shared.table.read().len()
    }

    /// Whether there is no session.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether changes can be made durable, as far as is known without trying.
    pub fn is_writable(&self) -> bool {
        self.shared.is_writable()
    }

    /// Resolves when the session ends, with the reason; at once if it is not there.
    pub fn watch_end(&self, id: SessionId) -> oneshot::Receiver<EndReason> {
        let table = self.shared.table.read();
        if table.find(id).is_some() {
            return self.shared.ends.watch(id);
        }
        let (sender, receiver) = oneshot::channel();
        // The receiver is here. A reason that is no longer known was most likely this one.
        _ = sender.send(self.shared.ends.reason_of(id).unwrap_or(EndReason::Expired));
        receiver
    }

    /// What has been counted since the store was opened.
    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// What has happened to sessions lately.
    pub fn events(&self) -> &Events {
        &self.shared.events
    }

    /// Why the session of a token ended, if it is one of the 10,000 that ended last since the start.
    pub fn end_reason(&self, token: &TokenHash) -> Option<EndReason> {
        self.shared.ends.reason_of_token(token)
    }

    /// Announces the touches since the last call as one change. To be called a few times a second, because a touch
    /// itself tells nobody.
    pub fn announce_touches(&self) {
        if self.shared.feed.take_touched() {
            let revision = {
                let table = self.shared.table.read();
                table.settle();
                table.count_touches()
            };
            self.shared.feed.publish(revision, Revision::default());
        }
    }

    /// What is kept beside the sessions. Asks the writer and blocks until it answers: not for requests.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn kept(&self) -> Result<Kept, StoreError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.queue.send(Command::Kept { reply })?;
        answer.recv().unwrap_or(Err(StoreError::Unavailable))
    }

    /// Adds or replaces an account, or takes it away, and ends sessions with it: all or nothing.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`]: it may be durable or not; the sessions are denied. [`StoreError::Unavailable`] and
    /// [`StoreError::AskerEnded`]: nothing has happened.
    pub async fn put_account(&self, change: AccountChange) -> Result<(), StoreError> {
        self.queue.ask(|reply| Command::PutAccount { change, reply }).await
    }

    /// A read that passes over many sessions. While it takes, other tasks of this thread go on elsewhere.
    fn pass<T>(&self, read: impl FnOnce(&Table) -> T) -> T {
        let read = || read(&self.shared.table.read());
        let can_hand_over =
            Handle::try_current().is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        if can_hand_over && self.len() >= MANY_SESSIONS { tokio::task::block_in_place(read) } else { read() }
    }

    fn touch_slot(&self, table: &Table, slot: Slot, now: Timestamp) {
        if table.touch(slot, now) {
            self.shared.feed.note_touch();
        }
    }
}

#[async_trait]
impl SessionStore for RedbStore {
    fn check(&self, token: &TokenHash, lifetimes: &Lifetimes, now: Timestamp, activity: Activity) -> Option<Checked> {
        self.shared.note_check();
        let table = self.shared.table.read();
        let slot = table.find_token(token)?;
        if now >= table.deadline(slot, lifetimes) {
            return None;
        }
        match activity {
            Activity::User => self.touch_slot(&table, slot, now),
            Activity::Background => {}
        }
        let username = table.usernames.text(table.user(slot)).clone();
        Some(Checked {
            id: table.id(slot),
            username,
            session_type: table.session_type(slot),
            purpose: table.purpose(slot),
            created_at: table.created_at(slot),
            last_active_at: table.last_active_at(slot),
            // Later than before, if this was activity.
            deadline: table.deadline(slot, lifetimes),
        })
    }

    fn touch(&self, id: SessionId, now: Timestamp) {
        let table = self.shared.table.read();
        if let Some(slot) = table.find(id) {
            self.touch_slot(&table, slot, now);
        }
    }

    fn note_client(&self, id: SessionId, client: Client) -> bool {
        self.queue.send(Command::NoteClient { id, client }).is_ok()
    }

    fn get(&self, id: SessionId) -> Option<Session> {
        let table = self.shared.table.read();
        table.find(id).map(|slot| table.session(slot))
    }

    fn list(&self, query: &SessionQuery, lifetimes: &Lifetimes, now: Timestamp) -> Page {
        if query.is_in_kept_order() {
            return query::list(&self.shared.table.read(), query, lifetimes, now);
        }
        self.pass(|table| query::list(table, query, lifetimes, now))
    }

    fn ids(&self, filter: &Filter, sort: Sort, lifetimes: &Lifetimes, now: Timestamp) -> Vec<SessionId> {
        let mut found = self.pass(|table| Found::new(table, filter, sort.column, lifetimes, now));
        // A million sessions take a while to sort: nobody waits for the table meanwhile.
        let mut alike = found.sort();
        for texts in alike.of_each_place() {
            self.pass(|table| sort_texts(table, sort.column, texts));
        }
        found.into_ids(alike, sort.descending)
    }

    fn shared_address(&self) -> Option<IpAddr> {
        query::shared_address(&self.shared.table.read())
    }

    fn of_user(&self, username: &str) -> Vec<Session> {
        self.pass(|table| query::of_user(table, username))
    }

    fn count_of_user(&self, username: &str) -> u64 {
        self.shared.table.read().usernames.count(username)
    }

    fn get_many(&self, ids: &[SessionId]) -> Vec<Session> {
        query::get_many(&self.shared.table.read(), ids)
    }

    fn count_newer(&self, filter: &Filter, as_of: SessionId, now: Timestamp) -> u64 {
        self.pass(|table| query::count_newer(table, filter, as_of, now))
    }

    fn preview(&self, selection: &Selection, spare: Option<&str>, now: Timestamp) -> DeletePreview {
        self.pass(|table| selection::preview(table, selection, spare, now))
    }

    fn count_selected(
        &self,
        selection: &Selection,
        spare: Option<&str>,
        view: &Filter,
        now: Timestamp,
    ) -> SelectedCounts {
        self.pass(|table| selection::count(table, selection, spare, view, now))
    }

    async fn create(&self, session: NewSession) -> Result<Session, StoreError> {
        self.queue.ask(|reply| Command::Create { session, reply }).await
    }

    async fn delete(&self, deletion: Deletion) -> Result<Deleted, StoreError> {
        self.queue.ask(|reply| Command::Delete { deletion, reply }).await
    }

    async fn sweep(&self, lifetimes: Lifetimes, now: Timestamp) -> Result<u64, StoreError> {
        self.queue.ask(|reply| Command::Sweep { lifetimes, now, reply }).await
    }

    async fn flush(&self) -> Result<(), StoreError> {
        self.queue.ask(|reply| Command::Flush { reply }).await
    }

    fn revision(&self) -> Revision {
        self.shared.table.read().revision()
    }

    fn revisions(&self) -> BoxStream<'static, Revision> {
        self.shared.feed.follow()
    }
}

impl fmt::Debug for RedbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStore").field("sessions", &self.len()).finish_non_exhaustive()
    }
}
