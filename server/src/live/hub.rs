//! Views that tabs share: each is read and encoded once for all tabs that show it.

use std::{
    collections::HashMap,
    ops::Not,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use app::{
    live::{Snapshot, View},
    session::{
        SessionId,
        page::{Page, Revision},
        query::MAX_LIMIT,
        service::Sessions,
    },
    time::Timestamp,
};
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::TaskTracker;

use super::{
    frame::{Frame, Reading},
    held_order::{HeldOrder, KeptRows},
    outlet::Outlet,
    rounds::Rounds,
    view::{Place, ShownView},
};
use crate::store::{RedbStore, row_cache::RowCache, written::WrittenRows};

/// The shortest time between two frames of one view that tell of more than touches: a sign-in or an end is shown within a tenth
/// of a second.
pub(super) const PACE: Duration = Duration::from_millis(75);
/// The shortest time between two times that a view is read for tabs that come to it.
const LEAST_PACE: Duration = Duration::from_millis(10);
/// How many views are read before other tasks have their turn.
const AT_A_TIME: usize = 16;
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

/// The views that are shown somewhere.
pub struct LiveHub {
    sessions: Arc<Sessions>,
    store: RedbStore,
    tasks: TaskTracker,
    views: Mutex<Views>,
    /// Nobody looks any more at one of the views that are read at once.
    left: Arc<Notify>,
    kept_rows: KeptRows,
    reader: Mutex<Reader>,
    /// An order of a million rows takes 40 MB while it is made: one at a time.
    reading_order: Semaphore,
}

/// What views are read with that are read at once.
#[derive(Default)]
struct Reader {
    cache: RowCache,
    /// Rows that are no view's: room for those of the next.
    rows: WrittenRows,
}

#[derive(Default)]
struct Views {
    shown: HashMap<Watched, Arc<ShownView>>,
    /// Whether a task goes around those that are read at once.
    is_gone_around: bool,
}

impl LiveHub {
    /// A hub without views. What follows them are tasks of `tasks`, until no tab shows them any more.
    pub fn new(sessions: Arc<Sessions>, store: RedbStore, tasks: TaskTracker) -> Self {
        Self {
            sessions,
            store,
            tasks,
            views: Mutex::default(),
            left: Arc::default(),
            kept_rows: KeptRows::default(),
            reader: Mutex::default(),
            reading_order: Semaphore::new(1),
        }
    }

    /// Gives a tab a place at a view. Its newest state then knows of every change so far: whoever asks to see what is new
    /// must not be shown what was. The caller must have checked that the tab may see it.
    ///
    /// `None` when it cannot be read.
    pub(super) async fn watch(
        self: &Arc<Self>,
        watched: Watched,
        looks: SessionId,
        outlet: &Arc<Outlet>,
    ) -> Option<Place> {
        let store = self.sessions.store();
        let seat = |view: &Arc<ShownView>| view.seat(looks, outlet.clone());
        // Under the lock, so that it is not being forgotten.
        let before_us = self.lock().shown.get(&watched).inspect(|view| view.reserve()).cloned();
        if let Some(view) = before_us {
            let place = seat(&view);
            self.bring_up_to(&view, store.revision()).await;
            return Some(place);
        }
        // Revisions are followed from before the first read, so that no change falls between the two.
        let revisions = store.revisions();
        let first = match watched.read_at_once() {
            Some(view) => {
                let mut rows = WrittenRows::default();
                let head = self.read_at_once(view, watched.key(), &mut self.reader().cache, &mut rows);
                Reading { head, rows }
            }
            None => self.read(&watched, watched.key(), Vec::new()).await?,
        };
        let read = first.head.revision;
        let is_read_at_once = watched.read_at_once().is_some();
        let left = if is_read_at_once { self.left.clone() } else { Arc::default() };
        let ours = Arc::new(ShownView::new(watched.clone(), self.store.clone(), first, left));
        let view = {
            let mut views = self.lock();
            let view = views.shown.entry(watched).or_insert_with(|| ours.clone()).clone();
            view.reserve();
            if Arc::ptr_eq(&view, &ours) {
                self.have_followed(&mut views, &view, revisions);
            }
            view
        };
        let place = seat(&view);
        // Whoever goes around may have taken up a change that is later than what we have read, before the view was there.
        self.bring_up_to(&view, if is_read_at_once { store.revision() } else { read }).await;
        Some(place)
    }

    fn have_followed(
        self: &Arc<Self>,
        views: &mut Views,
        view: &Arc<ShownView>,
        revisions: BoxStream<'static, Revision>,
    ) {
        if view.watched.read_at_once().is_none() {
            self.tasks.spawn(self.clone().follow(view.clone(), revisions));
        } else if !std::mem::replace(&mut views.is_gone_around, true) {
            self.tasks.spawn(self.clone().go_around(revisions));
        }
    }

    /// Waits until the newest state of a view is right up to this change.
    async fn bring_up_to(&self, view: &ShownView, change: Revision) {
        let mut read_up_to = view.read_up_to.subscribe();
        let is_there = |read: &Revision| *read >= change;
        if is_there(&read_up_to.borrow_and_update()) {
            return;
        }
        // Late is better than never, should reading fail.
        let Some(list) = view.watched.read_at_once() else {
            view.hurry.notify_one();
            _ = tokio::time::timeout(PATIENCE, read_up_to.wait_for(is_there)).await;
            return;
        };
        // A thousand tabs that come back at once wait for one that reads for all.
        let due = view.read_at() + LEAST_PACE;
        if tokio::time::timeout_at(due, read_up_to.wait_for(is_there)).await.is_err() {
            self.renew(view, list, change);
        }
    }

    /// The order that a view holds; see [`HeldOrder::read`].
    pub(super) async fn read_order(&self, view: &View) -> Option<HeldOrder> {
        let (sessions, view, kept) = (self.sessions.clone(), view.clone(), self.kept_rows.clone());
        let _turn = self.reading_order.acquire().await.ok()?;
        tokio::task::spawn_blocking(move || HeldOrder::read(&sessions, &view, &kept)).await.ok().flatten()
    }

    /// Follows all views that are read at once, one after the other: a thousand of them take some ten milliseconds, and what
    /// they all need is at hand, the processor's caches included.
    async fn go_around(self: Arc<Self>, mut revisions: BoxStream<'static, Revision>) {
        let mut rounds = Rounds::default();
        loop {
            let is_due = tokio::select! {
                is_due = rounds.next(|| self.store.changed_up_to(), &mut revisions) => match is_due {
                    Some(()) => true,
                    None => return,
                },
                () = self.left.notified() => false,
            };
            if is_due {
                // Before the views are looked up: one that comes meanwhile is not told of what comes after.
                rounds.begin(self.store.changed_up_to());
            }
            let mut views: Vec<_> = {
                let mut views = self.lock();
                views.shown.retain(|watched, view| watched.read_at_once().is_none() || !view.is_empty());
                views.shown.values().filter(|view| view.watched.read_at_once().is_some()).cloned().collect()
            };
            if views.is_empty() && self.stops_going_around() {
                return;
            }
            if !is_due {
                continue;
            }
            // From the top of the list to its end: what one needs is near what the next does.
            views.sort_by_cached_key(|view| view.watched.read_at_once().map(|list| list.query.first));
            self.reader().cache.begin_round();
            for some in views.chunks(AT_A_TIME) {
                for view in some {
                    if let Some(list) = view.watched.read_at_once() {
                        self.renew(view, list, Revision(u64::MAX));
                    }
                }
                tokio::task::yield_now().await;
            }
            self.reader().cache.end_round();
        }
    }

    /// Under the lock, so that no tab comes meanwhile and finds that somebody goes around.
    fn stops_going_around(&self) -> bool {
        let mut views = self.lock();
        let is_needed = views.shown.keys().any(|watched| watched.read_at_once().is_some());
        views.is_gone_around = is_needed;
        if !is_needed {
            *self.reader() = Reader::default();
        }
        !is_needed
    }

    /// Follows one view whose reading takes longer.
    async fn follow(self: Arc<Self>, view: Arc<ShownView>, mut revisions: BoxStream<'static, Revision>) {
        let depends_on_time = view.watched.depends_on_time();
        loop {
            tokio::select! {
                () = view.left() => {
                    if self.forget_if_empty(&view) {
                        return;
                    }
                    continue;
                }
                due = next_due(&mut revisions, depends_on_time) => if !due { return },
            }
            self.refresh(&view).await;
            _ = tokio::time::timeout(PACE, view.hurry.notified()).await;
        }
    }

    /// Reads a view anew. What cannot be read is shown as it was; the log says why.
    async fn refresh(&self, view: &ShownView) {
        if let Some(next) = self.read(&view.watched, view.key, view.ids()).await {
            view.show(next);
        }
    }

    /// Reads a view anew here and now, unless it is right up to this change.
    fn renew(&self, view: &ShownView, list: &View, change: Revision) {
        let read = |frame: &mut Frame| {
            let Reader { cache, rows } = &mut *self.reader();
            let head = self.read_at_once(list, view.key, cache, rows);
            frame.advance(head, rows)
        };
        // One view is not to take all others with it.
        if catch_unwind(AssertUnwindSafe(|| view.renew(change, read))).is_err() {
            tracing::error!("a view of the session list could not be read");
        }
    }

    /// Under the lock, so that no tab takes a place at a view that is being forgotten.
    fn forget_if_empty(&self, view: &ShownView) -> bool {
        let mut views = self.lock();
        let is_empty = view.is_empty();
        if is_empty {
            views.shown.remove(&view.watched);
        }
        is_empty
    }

    async fn read(&self, watched: &Watched, key: u32, before: Vec<SessionId>) -> Option<Reading> {
        let (sessions, watched) = (self.sessions.clone(), watched.clone());
        // One pass over a million sessions takes milliseconds: not on the async threads.
        tokio::task::spawn_blocking(move || Reading::of(read(&sessions, &watched, key, &before))).await.ok()
    }

    fn read_at_once(&self, view: &View, key: u32, cache: &mut RowCache, rows: &mut WrittenRows) -> Snapshot {
        let now = self.sessions.now();
        head(key, now, self.store.written_page(&view.query, self.sessions.lifetimes(), now, cache, rows), 0)
    }

    fn lock(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new one if whoever had the last did not come to an end: nobody knows what it holds.
    fn reader(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(|broken| {
            let mut reader = broken.into_inner();
            *reader = Reader::default();
            self.reader.clear_poison();
            reader
        })
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
    /// The part of the list, if reading it takes microseconds: less than to have another thread do it. While the order holds,
    /// newer sessions are counted, which may take a pass.
    fn read_at_once(&self) -> Option<&View> {
        match self {
            Self::List(view) if view.held.is_none() && view.query.is_in_kept_order() => Some(view),
            Self::List(_) | Self::Own(_) => None,
        }
    }

    /// The short name that its tabs know it by; 0 for one's own sessions. Made from its message: once for a view, not for each
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
    let mut page = store.list(&view.query, sessions.lifetimes(), now);
    let (newer, rows) = match &view.held {
        None => (0, std::mem::take(&mut page.sessions)),
        Some(held) => (store.count_newer(&view.query.filter, held.as_of, now), store.get_many(&held.ids)),
    };
    Snapshot { sessions: rows, ..head(key, now, page, newer) }
}

/// What a page says of the list.
fn head(view: u32, now: Timestamp, page: Page, newer: u64) -> Snapshot {
    let Page { revision, counts, total, as_of, .. } = page;
    Snapshot { view, now, revision, counts, total, as_of, newer, sessions: Vec::new() }
}
