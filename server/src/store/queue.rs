//! The way to the writer: a bounded queue of commands, each answered once.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use app::{
    session::{
        Client, Lifetimes, Session, SessionId,
        selection::Deleted,
        store::{Deletion, EndReason, NewSession, StoreError},
    },
    time::Timestamp,
};
use thiserror::Error;
use tokio::sync::oneshot;

use super::{journal::Kept, writer::Writer};

/// Commands that may wait. Beyond it, a command is refused at once instead of waiting longer than its sender would.
const CAPACITY: usize = 4_096;

/// Where the answer to a command goes. Dropped without one, it tells that the outcome is unknown.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// A change of an account, and the sessions that end with it.
#[derive(Clone, Debug)]
pub struct AccountChange {
    /// The key of its name.
    pub key: String,
    /// It as it is stored, which is not the store's business; none takes it away.
    pub value: Option<Vec<u8>>,
    /// Whose sessions end with it, by username.
    pub ends: Vec<Arc<str>>,
    /// But not this one.
    pub but: Option<SessionId>,
    /// Why they end.
    pub reason: EndReason,
    /// When.
    pub now: Timestamp,
    /// The session on whose word it is. When that one has ended by then, nothing is done.
    pub asker: Option<SessionId>,
}

/// What the writer is asked to do.
pub(crate) enum Command {
    Create { session: NewSession, reply: Reply<Session> },
    Delete { deletion: Deletion, reply: Reply<Deleted> },
    NoteClient { id: SessionId, client: Client },
    Sweep { lifetimes: Lifetimes, now: Timestamp, reply: Reply<u64> },
    Flush { reply: Reply<()> },
    PutAccount { change: AccountChange, reply: Reply<()> },
    Kept { reply: SyncSender<Result<Kept, StoreError>> },
}

/// Why a store could not be closed as it should.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CloseError {
    /// The last touches, or deletes that were answered with "outcome unknown", may not be durable.
    #[error("the last changes could not be made durable")]
    NotDurable,
    /// The file was not closed cleanly; the next start verifies and repairs it.
    #[error("the journal could not be closed cleanly: {0}")]
    Journal(String),
    /// The writer thread had panicked.
    #[error("the writer had died; the log says why")]
    WriterDied,
}

/// The writer's thread and the queue that leads to it. Dropping it stops the writer and waits for its end.
pub(crate) struct Queue {
    commands: Mutex<Option<SyncSender<Command>>>,
    writer: Mutex<Option<JoinHandle<Result<(), CloseError>>>>,
}

impl Queue {
    /// Starts a writer.
    pub(crate) fn start(writer: impl FnOnce(Receiver<Command>) -> Writer) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(CAPACITY);
        let writer = writer(receiver);
        let thread = thread::Builder::new().name("writer".to_owned()).spawn(|| writer.run())?;
        Ok(Self { commands: Mutex::new(Some(sender)), writer: Mutex::new(Some(thread)) })
    }

    /// Sends a command and waits for the answer. A caller that stops waiting does not take the command back.
    pub(crate) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(command(reply))?;
        answer.await.unwrap_or(Err(StoreError::OutcomeUnknown))
    }

    /// Sends a command without waiting.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the queue is full or the writer has stopped.
    pub(crate) fn send(&self, command: Command) -> Result<(), StoreError> {
        let commands = self.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let commands = commands.as_ref().ok_or(StoreError::Unavailable)?;
        commands.try_send(command).map_err(|_| StoreError::Unavailable)
    }

    /// Lets the writer finish what is queued, and waits for its end. Whoever calls later waits too, and is told nothing
    /// of errors.
    pub(crate) fn stop(&self) -> Result<(), CloseError> {
        drop(self.commands.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match writer.take() {
            Some(thread) => thread.join().unwrap_or(Err(CloseError::WriterDied)),
            None => Ok(()),
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            tracing::error!("the session store was dropped: {error}");
        }
    }
}
