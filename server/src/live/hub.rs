//! Views that tabs share: each is read and encoded once for all tabs that show it.

use std::{
    collections::HashMap,
    ops::Not,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use app::{
    live::{BorrowedMessage, Patch, Snapshot, View},
    session::{Session, SessionId, page::Revision, query::MAX_LIMIT, service::Sessions},
    wire,
};
use axum::body::Bytes;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::task::TaskTracker;

use super::held_order::{HeldOrder, KeptRows};

/// The shortest time between two frames of one view: a sign-in or an end is shown within a tenth of a second.
const PACE: Duration = Duration::from_millis(75);
/// How often a view is read that changes while time passes.
const SECOND: Duration = Duration::from_secs(1);
/// How long a tab waits for a frame that knows of every change before it was asked for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a tab shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Watched {
    /// Part of the list: for administrators.
    List(View),
    /// The sessions of the user of this name: for themselves.
    Own(Arc<str>),
}

/// The newest state of a view, and the way to it from the one before.
pub struct Frame {
    /// Counts the frames of this view.
    pub number: u64,
    state: Arc<Snapshot>,
    change: Patch,
    encoded_state: OnceLock<Bytes>,
    encoded_change: OnceLock<Bytes>,
}

impl Frame {
    fn new(number: u64, state: Arc<Snapshot>, change: Patch) -> Self {
        Self { number, state, change, encoded_state: OnceLock::new(), encoded_change: OnceLock::new() }
    }

    /// The state from scratch.
    pub fn snapshot(&self) -> Bytes {
        self.encoded_state.get_or_init(|| wire::encode(&BorrowedMessage::Snapshot(&self.state)).into()).clone()
    }

    /// The way from frame `number - 1`.
    pub fn patch(&self) -> Bytes {
        self.encoded_change.get_or_init(|| wire::encode(&BorrowedMessage::Patch(&self.change)).into()).clone()
    }
}

/// The views that are shown somewhere.
pub struct LiveHub {
    sessions: Arc<Sessions>,
    tasks: TaskTracker,
    views: Mutex<HashMap<Watched, Followed>>,
    kept_rows: KeptRows,
    /// An order of a million rows takes 40 MB while it is made: one at a time.
    reading_order: Semaphore,
}

/// A view that a task follows.
#[derive(Clone)]
struct Followed {
    frames: watch::Sender<Arc<Frame>>,
    /// Up to which change the newest frame is right.
    read_up_to: watch::Sender<Revision>,
    /// Ends the pause before the next frame.
    hurry: Arc<Notify>,
}

impl Followed {
    /// A tab's end of it. The newest frame is then right up to this change.
    async fn join(&self, change: Revision) -> watch::Receiver<Arc<Frame>> {
        let frames = self.frames.subscribe();
        let mut read_up_to = self.read_up_to.subscribe();
        if *read_up_to.borrow_and_update() < change {
            self.hurry.notify_one();
            // Late is better than never, should reading fail.
            _ = tokio::time::timeout(PATIENCE, read_up_to.wait_for(|read| *read >= change)).await;
        }
        frames
    }
}

impl LiveHub {
    /// A hub without views. Each view is a task of `tasks` until no tab shows it any more.
    pub fn new(sessions: Arc<Sessions>, tasks: TaskTracker) -> Self {
        Self {
            sessions,
            tasks,
            views: Mutex::default(),
            kept_rows: KeptRows::default(),
            reading_order: Semaphore::new(1),
        }
    }

    /// Follows a view. The first frame is there at once and knows of every change so far: whoever asks to see what is
    /// new must not be shown what was. The caller must have checked that the tab may see it.
    ///
    /// `None` when it cannot be read.
    pub async fn watch(self: &Arc<Self>, view: Watched) -> Option<watch::Receiver<Arc<Frame>>> {
        let store = self.sessions.store();
        if let Some((followed, _kept)) = self.followed(&view) {
            return Some(followed.join(store.revision()).await);
        }
        // Revisions are followed from before the first read, so that no change falls between the two.
        let revisions = store.revisions();
        let first = Arc::new(self.read(&view, view.key(), &[]).await?);
        let (frames, receiver) = watch::channel(Arc::new(Frame::new(0, first.clone(), Patch::default())));
        let followed = Followed { frames, read_up_to: watch::Sender::new(first.revision), hurry: Arc::default() };
        let before_us = {
            let mut views = self.lock();
            let before_us = views.get(&view).cloned();
            if before_us.is_none() {
                views.insert(view.clone(), followed.clone());
            }
            before_us.map(|followed| (followed.frames.subscribe(), followed))
        };
        if let Some((_kept, followed)) = before_us {
            return Some(followed.join(first.revision).await);
        }
        self.tasks.spawn(self.clone().follow(view, first, followed, revisions));
        Some(receiver)
    }

    /// The order that a view holds; see [`HeldOrder::read`].
    pub(super) async fn read_order(&self, view: &View) -> Option<HeldOrder> {
        let (sessions, view, kept) = (self.sessions.clone(), view.clone(), self.kept_rows.clone());
        let _turn = self.reading_order.acquire().await.ok()?;
        tokio::task::spawn_blocking(move || HeldOrder::read(&sessions, &view, &kept)).await.ok().flatten()
    }

    /// A view that is followed already, and what keeps it from being forgotten.
    fn followed(&self, view: &Watched) -> Option<(Followed, watch::Receiver<Arc<Frame>>)> {
        let views = self.lock();
        let followed = views.get(view)?;
        Some((followed.clone(), followed.frames.subscribe()))
    }

    async fn follow(
        self: Arc<Self>,
        view: Watched,
        mut state: Arc<Snapshot>,
        followed: Followed,
        mut revisions: BoxStream<'static, Revision>,
    ) {
        let Followed { frames, read_up_to, hurry } = followed;
        let depends_on_time = view.depends_on_time();
        let mut number = 0;
        loop {
            tokio::select! {
                () = frames.closed() => {
                    if self.forget_if_unwatched(&view) {
                        return;
                    }
                    continue;
                }
                due = next_due(&mut revisions, depends_on_time) => if !due { return },
            }
            // What cannot be read is shown as it was; the log says why.
            if let Some(next) = self.read(&view, state.view, &state.sessions).await {
                let read = next.revision;
                if let Some(change) = state.patch_to(&next) {
                    number += 1;
                    state = Arc::new(next);
                    frames.send_replace(Arc::new(Frame::new(number, state.clone(), change)));
                }
                read_up_to.send_replace(read);
            }
            _ = tokio::time::timeout(PACE, hurry.notified()).await;
        }
    }

    /// Under the lock, so that no tab can begin to watch a view that is being forgotten.
    fn forget_if_unwatched(&self, view: &Watched) -> bool {
        let mut views = self.lock();
        let unwatched = views.get(view).is_none_or(|followed| followed.frames.is_closed());
        if unwatched {
            views.remove(view);
        }
        unwatched
    }

    async fn read(&self, view: &Watched, key: u32, before: &[Session]) -> Option<Snapshot> {
        let before: Vec<_> = before.iter().map(|session| session.id).collect();
        if view.is_read_at_once() {
            return Some(read(&self.sessions, view, key, &before));
        }
        let (sessions, view) = (self.sessions.clone(), view.clone());
        // One pass over a million sessions takes milliseconds: not on the async threads.
        tokio::task::spawn_blocking(move || read(&sessions, &view, key, &before)).await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Watched, Followed>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a view has to be read again; false when it never will.
async fn next_due(revisions: &mut BoxStream<'static, Revision>, depends_on_time: bool) -> bool {
    let revision = revisions.next();
    if depends_on_time {
        tokio::time::timeout(SECOND, revision).await.is_ok_and(|revision| revision.is_none()).not()
    } else {
        revision.await.is_some()
    }
}

impl Watched {
    /// Whether reading takes microseconds: less than to have another thread do it. While the order holds, newer sessions
    /// are counted, which may take a pass.
    fn is_read_at_once(&self) -> bool {
        matches!(self, Self::List(View { query, held: None }) if query.is_in_kept_order())
    }

    /// The short name that its tabs know it by; 0 for one's own sessions. Made from its JSON: once for a view, not for each
    /// frame.
    fn key(&self) -> u32 {
        match self {
            Self::List(view) => view.key(),
            Self::Own(_) => 0,
        }
    }

    fn depends_on_time(&self) -> bool {
        match self {
            Self::List(view) => view.query.filter.understood().is_ok_and(|search| search.depends_on_time()),
            Self::Own(_) => false,
        }
    }
}

fn read(sessions: &Sessions, view: &Watched, key: u32, before: &[SessionId]) -> Snapshot {
    match view {
        Watched::List(view) => read_list(sessions, view, key),
        Watched::Own(username) => read_own(sessions, username, before),
    }
}

/// Looks for the user's sessions only when they are not those of before.
fn read_own(sessions: &Sessions, username: &str, before: &[SessionId]) -> Snapshot {
    let (store, now) = (sessions.store(), sessions.now());
    let revision = store.revision();
    let mut own = store.get_many(before);
    if own.len() != before.len() || store.count_of_user(username) != own.len() as u64 {
        own = store.of_user(username);
        own.truncate(MAX_LIMIT as usize);
    }
    Snapshot { now, revision, sessions: own, ..Snapshot::default() }
}

fn read_list(sessions: &Sessions, view: &View, key: u32) -> Snapshot {
    let (store, now) = (sessions.store(), sessions.now());
    let page = store.list(&view.query, sessions.lifetimes(), now);
    let (newer, rows) = match &view.held {
        None => (0, page.sessions),
        Some(held) => (store.count_newer(&view.query.filter, held.as_of, now), store.get_many(&held.ids)),
    };
    Snapshot {
        view: key,
        now,
        revision: page.revision,
        counts: page.counts,
        total: page.total,
        as_of: page.as_of,
        newer,
        sessions: rows,
    }
}
