//! Views that tabs share: each is read and encoded once for all tabs that show it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use app::{
    live::{Patch, ServerMessage, Snapshot, View},
    session::service::Sessions,
};
use axum::extract::ws::Utf8Bytes;
use futures_util::StreamExt;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// The shortest time between two frames of one view.
const PACE: Duration = Duration::from_millis(200);

/// The newest state of a view, and the way to it from the one before.
pub struct Frame {
    /// Counts the frames of this view.
    pub number: u64,
    state: Snapshot,
    change: Patch,
    encoded_state: OnceLock<Utf8Bytes>,
    encoded_change: OnceLock<Utf8Bytes>,
}

impl Frame {
    fn new(number: u64, state: Snapshot, change: Patch) -> Self {
        Self { number, state, change, encoded_state: OnceLock::new(), encoded_change: OnceLock::new() }
    }

    /// The state from scratch.
    pub fn snapshot(&self) -> Utf8Bytes {
        self.encoded_state.get_or_init(|| encoded(&ServerMessage::Snapshot(self.state.clone()))).clone()
    }

    /// The way from frame `number - 1`.
    pub fn patch(&self) -> Utf8Bytes {
        self.encoded_change.get_or_init(|| encoded(&ServerMessage::Patch(self.change.clone()))).clone()
    }
}

fn encoded(message: &ServerMessage) -> Utf8Bytes {
    serde_json::to_string(message).unwrap_or_default().into()
}

/// The views that are shown somewhere.
pub struct LiveHub {
    sessions: Arc<Sessions>,
    tasks: TaskTracker,
    views: Mutex<HashMap<View, watch::Sender<Arc<Frame>>>>,
}

impl LiveHub {
    /// A hub without views. Each view is a task of `tasks` until no tab shows it any more.
    pub fn new(sessions: Arc<Sessions>, tasks: TaskTracker) -> Self {
        Self { sessions, tasks, views: Mutex::default() }
    }

    /// Follows a view; the first frame is there at once. The caller must have checked that the tab may see it.
    pub async fn watch(self: &Arc<Self>, view: View) -> watch::Receiver<Arc<Frame>> {
        if let Some(frames) = self.lock().get(&view) {
            return frames.subscribe();
        }
        // Revisions are followed from before the first read, so that no change falls between the two.
        let revisions = self.sessions.store().revisions();
        let first = self.read(&view).await;
        let (sender, receiver) = watch::channel(Arc::new(Frame::new(0, first.clone(), Patch::default())));
        {
            let mut views = self.lock();
            if let Some(frames) = views.get(&view) {
                return frames.subscribe();
            }
            views.insert(view.clone(), sender.clone());
        }
        self.tasks.spawn(self.clone().follow(view, first, sender, revisions));
        receiver
    }

    async fn follow(
        self: Arc<Self>,
        view: View,
        mut state: Snapshot,
        frames: watch::Sender<Arc<Frame>>,
        mut revisions: futures_core::stream::BoxStream<'static, app::session::page::Revision>,
    ) {
        let mut number = 0;
        loop {
            tokio::select! {
                () = frames.closed() => if self.forget_if_unwatched(&view) { return },
                revision = revisions.next() => {
                    if revision.is_none() { return }
                    let next = self.read(&view).await;
                    if let Some(change) = state.patch_to(&next) {
                        number += 1;
                        frames.send_replace(Arc::new(Frame::new(number, next.clone(), change)));
                        state = next;
                    }
                    tokio::time::sleep(PACE).await;
                }
            }
        }
    }

    /// Under the lock, so that no tab can begin to watch a view that is being forgotten.
    fn forget_if_unwatched(&self, view: &View) -> bool {
        let mut views = self.lock();
        let unwatched = views.get(view).is_none_or(watch::Sender::is_closed);
        if unwatched {
            views.remove(view);
        }
        unwatched
    }

    async fn read(&self, view: &View) -> Snapshot {
        let (sessions, view) = (self.sessions.clone(), view.clone());
        // One pass over a million sessions takes milliseconds: not on the async threads.
        tokio::task::spawn_blocking(move || read(&sessions, &view)).await.unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<View, watch::Sender<Arc<Frame>>>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(sessions: &Sessions, view: &View) -> Snapshot {
    let store = sessions.store();
    let page = store.list(&view.query);
    let (newer, rows) = match &view.held {
        None => (0, page.sessions),
        Some(held) => (store.count_newer(&view.query.filter, held.as_of), store.get_many(&held.ids)),
    };
    Snapshot {
        view: view.key(),
        now: sessions.now(),
        revision: page.revision,
        counts: page.counts,
        total: page.total,
        as_of: page.as_of,
        newer,
        sessions: rows,
    }
}
