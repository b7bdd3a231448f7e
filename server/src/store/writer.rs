//! The writer: the one thread that changes sessions.
//!
//! It drains its queue, makes one commit for all, applies it to the table and answers. A delete leaves the table before
//! the commit and a create enters after it, so that whatever happens in between denies. What a failed commit was to end
//! stays out of the table and is part of every commit until one succeeds.

mod ending;

use std::{
    iter, mem,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use app::{
    session::{
        Lifetimes, Session, SessionId,
        store::{NewSession, StoreError},
    },
    time::Timestamp,
};

use super::{
    events::Event,
    journal::{Changes, Journal},
    loading::Loaded,
    purge::Purge,
    queue::{CloseError, Command, Reply},
    row::Row,
    shared::Shared,
    stored_texts::StoredTexts,
    touches::Touches,
};

/// The most commands that share a commit.
const COMMANDS: usize = 1_024;
/// Up to this many ended sessions, their rows are removed in the commit that ends them; more get a tombstone.
const REMOVED_AT_ONCE: usize = 64;
/// Rows that leave the table under one lock: checks wait for less than a millisecond.
const ROWS_UNDER_LOCK: usize = 1_024;
/// Touched rows written beside other changes, in a commit of their own, and in each commit of a flush.
const TOUCHED_BESIDE: usize = 250;
const TOUCHED_ALONE: usize = 1_000;
const TOUCHED_IN_FLUSH: usize = 10_000;
/// The time between two tries to open the journal again.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// The thread's state.
pub(crate) struct Writer {
    commands: Receiver<Command>,
    journal: Journal,
    shared: Arc<Shared>,
    /// The id that the next session gets. Also the ids of failed creates are never used again.
    next_id: u64,
    /// The same as the journal has it.
    durable_next_id: u64,
    /// Sessions whose client is not that of their row: until it is, no text may be forgotten that the row names.
    noted: Vec<SessionId>,
    /// Sessions out of the table whose end is not known to be durable.
    undurable: Vec<u64>,
    purge: Purge,
    touches: Touches,
    texts: StoredTexts,
    reopen_at: Instant,
    /// The first deadline of any session, by these lifetimes.
    deadlines: Option<(Lifetimes, Timestamp)>,
}

/// Commands on their way to one commit.
#[derive(Default)]
struct Batch {
    created: Vec<Created>,
    ended: Vec<u64>,
    accounts: Vec<(String, Option<Vec<u8>>)>,
    flushes: Vec<Reply<()>>,
    answers: Vec<Answer>,
}

struct Created {
    id: SessionId,
    session: NewSession,
    reply: Reply<Session>,
}

impl Created {
    fn row(&self) -> Row<'_> {
        Row::of_new(self.id, &self.session)
    }
}

/// Sends an answer once the outcome of the commit is known.
type Answer = Box<dyn FnOnce(Result<(), StoreError>)>;

fn answer<T: 'static>(reply: Reply<T>, value: T) -> Answer {
    // Whoever asked may have stopped waiting.
    Box::new(move |outcome: Result<(), StoreError>| _ = reply.send(outcome.map(|()| value)))
}

impl Writer {
    pub(crate) fn new(commands: Receiver<Command>, journal: Journal, shared: Arc<Shared>, loaded: Loaded) -> Self {
        let now = Instant::now();
        Self {
            commands,
            journal,
            shared,
            next_id: loaded.next_id,
            durable_next_id: loaded.next_id,
            noted: Vec::new(),
            undurable: Vec::new(),
            purge: Purge::new(loaded.tombstones, now),
            touches: Touches::new(now),
            texts: loaded.texts,
            reopen_at: now,
            deadlines: None,
        }
    }

    /// Works until no more commands can come.
    pub(crate) fn run(mut self) -> Result<(), CloseError> {
        loop {
            match self.commands.recv_timeout(self.patience()) {
                Ok(first) => self.execute(first),
                Err(RecvTimeoutError::Timeout) => self.use_idle_moment(),
                Err(RecvTimeoutError::Disconnected) => return self.close(),
            }
        }
    }

    /// How long to wait for a command before there is something else to do.
    fn patience(&self) -> Duration {
        let now = Instant::now();
        let busy_at = if !self.journal.is_open() {
            self.reopen_at
        } else if !self.undurable.is_empty() || self.shared.table.read().is_untidy() {
            now
        } else {
            self.purge.due_at().map_or(self.touches.due_at(), |due_at| due_at.min(self.touches.due_at()))
        };
        busy_at.saturating_duration_since(now)
    }

    fn execute(&mut self, first: Command) {
        let waiting = self.commands.try_iter().take(COMMANDS - 1);
        let commands: Vec<_> = iter::once(first).chain(waiting).collect();
        if self.is_ready() {
            self.attempt(commands);
        } else {
            commands.into_iter().for_each(|command| self.refuse(command));
            self.shared.publish();
        }
    }

    /// Does all commands in one commit.
    fn attempt(&mut self, commands: Vec<Command>) {
        // Here too, because there may never be an idle moment.
        self.forget_unused_texts();
        let mut batch = Batch::default();
        commands.into_iter().for_each(|command| self.prepare(command, &mut batch));

        let now = Instant::now();
        let changes = Changes {
            created: batch.created.iter().map(|one| (one.id.0, one.row().encode(&mut self.texts))).collect(),
            touched: self.touches.take(&self.shared.table.read(), &mut self.texts, TOUCHED_BESIDE, now),
            accounts: batch.accounts,
            purged: self.purge.overdue_portion(now),
            ..Changes::default()
        };
        let outcome = self.commit(changes, batch.ended);

        let mut answers = batch.answers;
        match outcome {
            Ok(()) => answers.extend(self.admit(batch.created)),
            Err(error) => batch.created.into_iter().for_each(|created| _ = created.reply.send(Err(error))),
        }
        self.shared.publish();
        answers.into_iter().for_each(|answer| answer(outcome));
        if !batch.flushes.is_empty() {
            let outcome = outcome.and_then(|()| self.flush());
            batch.flushes.into_iter().for_each(|reply| _ = reply.send(outcome));
        }
        self.clear_up();
    }

    /// Takes a command into a batch. What it ends leaves the table here.
    fn prepare(&mut self, command: Command, batch: &mut Batch) {
        match command {
            Command::Create { session, reply } if self.has_ended(session.asker) => {
                _ = reply.send(Err(StoreError::AskerEnded));
            }
            Command::Delete { deletion, reply } if self.has_ended(deletion.asker) => {
                _ = reply.send(Err(StoreError::AskerEnded));
            }
            Command::PutAccount { change, reply } if self.has_ended(change.asker) => {
                _ = reply.send(Err(StoreError::AskerEnded));
            }
            Command::Create { session, reply } => {
                let id = SessionId(self.next_id);
                self.next_id += 1;
                batch.created.push(Created { id, session, reply });
            }
            Command::Delete { deletion, reply } => {
                let (deleted, ended) = self.delete(&deletion);
                batch.ended.extend(ended);
                batch.answers.push(answer(reply, deleted));
            }
            Command::NoteClient { id, client } => {
                let mut table = self.shared.table.write();
                if let Some(slot) = table.find(id) {
                    table.set_client(slot, &client);
                    self.noted.push(id);
                }
            }
            Command::Sweep { lifetimes, now, reply } => {
                let ended = self.sweep(&lifetimes, now);
                batch.answers.push(answer(reply, ended.len() as u64));
                batch.ended.extend(ended);
            }
            Command::Flush { reply } => batch.flushes.push(reply),
            Command::PutAccount { change, reply } => {
                batch.ended.extend(self.end_of_users(&change));
                batch.accounts.push((change.key, change.value));
                batch.answers.push(answer(reply, ()));
            }
            Command::Kept { reply } => {
                let kept = self.journal.kept().map_err(|error| {
                    tracing::error!("the accounts cannot be read: {error}");
                    StoreError::Unavailable
                });
                _ = reply.send(kept);
            }
        }
    }

    /// Answers a command while nothing can be made durable. Deletes take effect all the same.
    fn refuse(&mut self, command: Command) {
        const REFUSED: StoreError = StoreError::Unavailable;
        match command {
            Command::Create { reply, .. } => _ = reply.send(Err(REFUSED)),
            // Not worth keeping: the next note says as much.
            Command::NoteClient { .. } => {}
            Command::Delete { deletion, reply } if self.has_ended(deletion.asker) => {
                _ = reply.send(Err(StoreError::AskerEnded));
            }
            Command::Delete { deletion, reply } => {
                let (_, ended) = self.delete(&deletion);
                self.undurable.extend(ended);
                _ = reply.send(Err(StoreError::OutcomeUnknown));
            }
            Command::Sweep { lifetimes, now, reply } => {
                let ended = self.sweep(&lifetimes, now);
                self.undurable.extend(ended);
                _ = reply.send(Err(StoreError::OutcomeUnknown));
            }
            Command::Flush { reply } | Command::PutAccount { reply, .. } => _ = reply.send(Err(REFUSED)),
            Command::Kept { reply } => _ = reply.send(Err(REFUSED)),
        }
    }

    /// Whether a command comes from a session that has ended since it was let in: by a command before this one.
    fn has_ended(&self, asker: Option<SessionId>) -> bool {
        asker.is_some_and(|id| self.shared.table.read().find(id).is_none())
    }

    /// Puts new sessions, now durable, into the table.
    fn admit(&mut self, created: Vec<Created>) -> Vec<Answer> {
        if created.is_empty() {
            return Vec::new();
        }
        if let Some((lifetimes, first)) = &mut self.deadlines {
            let deadline = |one: &Created| one.session.deadline(lifetimes);
            *first = created.iter().map(deadline).min().unwrap_or(*first).min(*first);
        }
        let mut events = Vec::with_capacity(created.len());
        let mut table = self.shared.table.write();
        let admit = |created: Created| {
            let slot = table.insert(&created.row());
            let session = table.session(slot);
            self.shared.figures.count_created(session.session_type);
            events.push(Event::SignedIn(Arc::new(session.clone())));
            answer(created.reply, session)
        };
        let answers = created.into_iter().map(admit).collect();
        drop(table);
        self.shared.events.record(events);
        answers
    }

    /// Makes changes durable, together with the end of sessions that have left the table. The next id goes along until
    /// it is durable, lest a tombstone names an id that is handed out after a restart.
    fn commit(&mut self, mut changes: Changes, ended: Vec<u64>) -> Result<(), StoreError> {
        let mut leaving = mem::take(&mut self.undurable);
        leaving.extend(ended);
        leaving.sort_unstable();
        if leaving.len() > REMOVED_AT_ONCE {
            changes.tombstone = Some(self.purge.tombstone(leaving));
        } else {
            changes.removed = leaving;
        }
        {
            let table = self.shared.table.read();
            let noted = self.noted.iter().filter_map(|id| Some((id.0, table.row(table.find(*id)?))));
            changes.touched.extend(noted.map(|(id, row)| (id, row.encode(&mut self.texts))));
        }
        changes.texts = self.texts.pending().to_vec();
        changes.forgotten = self.texts.forgotten().to_vec();
        changes.next_id = (self.next_id != self.durable_next_id).then_some(self.next_id);
        if changes.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        match self.journal.commit(&changes) {
            Ok(()) => {
                self.shared.figures.commits.observe(begun.elapsed().as_secs_f64());
                self.durable_next_id = self.next_id;
                self.noted.clear();
                self.texts.settle();
                self.purge.note(changes.tombstone, changes.purged, Instant::now());
                Ok(())
            }
            Err(error) => {
                tracing::error!("a commit failed, the journal is going to be opened again: {error}");
                self.shared.figures.failed_commits.inc();
                self.shared.set_writable(false);
                self.keep_for_later(changes);
                Err(StoreError::OutcomeUnknown)
            }
        }
    }

    /// Keeps what a failed commit was to make durable, except creates: those are to end, should they have happened.
    fn keep_for_later(&mut self, changes: Changes) {
        self.undurable = changes.tombstone.map_or(changes.removed, |tombstone| tombstone.ids);
        self.undurable.extend(changes.created.iter().map(|(id, _)| *id));
        let table = self.shared.table.read();
        let touched = changes.touched.iter().filter_map(|(id, _)| table.find(SessionId(*id)));
        touched.for_each(|slot| table.mark_touched(slot));
    }

    /// Whether the journal takes changes, opening it again if that is due.
    fn is_ready(&mut self) -> bool {
        if self.journal.is_open() {
            return true;
        }
        if Instant::now() < self.reopen_at {
            return false;
        }
        match self.journal.reopen() {
            Ok(()) => tracing::info!("the journal is open again"),
            Err(error) => tracing::error!("the journal cannot be opened again: {error}"),
        }
        // Also after success: commits that fail one after another must not have it opened all the time.
        self.reopen_at = Instant::now() + REOPEN_EVERY;
        self.shared.set_writable(self.journal.is_open());
        self.journal.is_open()
    }

    /// Does a portion of what can wait.
    fn use_idle_moment(&mut self) {
        if !self.is_ready() {
            return;
        }
        self.clear_up();
        self.forget_unused_texts();
        let now = Instant::now();
        let touched = self.touches.take(&self.shared.table.read(), &mut self.texts, TOUCHED_ALONE, now);
        let purged = self.purge.portion(now);
        let is_purge = purged.is_some();
        // A failure is logged, and all this comes again.
        _ = self.commit(Changes { touched, purged, ..Changes::default() }, Vec::new());
        if is_purge && self.shared.was_checked() {
            self.purge.pause(now.elapsed(), Instant::now());
        }
    }

    /// Makes a portion of the slots vacant that sessions have left.
    fn clear_up(&self) {
        if self.shared.table.read().is_untidy() {
            self.shared.table.write().clear_up(ROWS_UNDER_LOCK);
            thread::yield_now();
        }
    }

    fn forget_unused_texts(&mut self) {
        // Rows of these are still on the disk, with texts that nothing in the table uses any more.
        if !self.undurable.is_empty() || !self.noted.is_empty() {
            return;
        }
        let table = self.shared.table.read();
        let used = table.server_names.len() + table.user_agents.len();
        let is_used = |text: &str| table.server_names.count(text) + table.user_agents.count(text) > 0;
        self.texts.forget_unused(used, is_used);
    }

    /// Makes all touches so far durable, and whatever else waits for a commit.
    fn flush(&mut self) -> Result<(), StoreError> {
        let mut next = Some(0);
        while let Some(position) = next {
            let touched = self.shared.table.read().take_touched(position, TOUCHED_IN_FLUSH, &mut self.texts);
            next = touched.next;
            self.commit(Changes { touched: touched.rows, ..Changes::default() }, Vec::new())?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), CloseError> {
        self.reopen_at = Instant::now();
        if !self.is_ready() || self.flush().is_err() {
            return Err(CloseError::NotDurable);
        }
        self.journal.close().map_err(|error| CloseError::Journal(error.to_string()))
    }
}

/// However the thread ends, no more changes are taken. A panic ends the process: a server that cannot end a session must
/// not go on to let it in.
impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.set_writable(false);
        if thread::panicking() {
            tracing::error!("the writer has panicked: nothing could be deleted any more, so the process ends");
            std::process::abort();
        }
    }
}
