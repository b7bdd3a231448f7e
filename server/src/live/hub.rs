//! Views that tabs share: each is read and encoded once for all tabs that show it.

use std::{
    collections::HashMap,
    hash::RandomState,
    mem,
    ops::Not,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use app::{
    live::{Snapshot, View},
    session::{SessionId, page::Revision, query::MAX_LIMIT, service::Sessions},
};
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::{sync::Notify, task::spawn_blocking};
use tokio_util::task::TaskTracker;

use super::{
    at_once::{AtOnce, head},
    frame::{KeptReading, Messages},
    heartbeat::Heartbeat,
    held_order::{HeldOrder, KeptRows},
    outlet::Outlet,
    rounds::Rounds,
    turns::Turns,
    view::{Place, Renewal, ShownView},
};
use crate::store::RedbStore;

/// The shortest time between two frames of one view that tell of more than touches: a sign-in or an end is shown within a tenth
/// of a second.
pub(super) const PACE: Duration = Duration::from_millis(65);
/// How many views are read before their tabs are told, all together, and other tasks have their turn: what reading needs, and
/// what the kernel needs to send, is at hand in the processor then.
const TOGETHER: usize = 256;
/// How many bytes tabs are to be sent before they are: as many as are still at hand then, and as are sent before the rows of the
/// last view that was read are old.
const BYTES_TOGETHER: usize = 64 * 1_024;
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
    pub(super) heartbeat: Arc<Heartbeat>,
    kept_rows: KeptRows,
    at_once: Arc<AtOnce>,
    /// What tells rows apart of views that are not read at once.
    hash_key: RandomState,
    /// An order of a million rows takes 40 MB while it is made: one at a time.
    reading_order: Turns,
    /// A pass over a million sessions takes milliseconds: views that are read in one, however many there are, are read again on
    /// half of the cores at most, and for the first time on as many. Whoever opens one waits for others who do only.
    refreshing: Turns,
    opening: Turns,
}

#[derive(Default)]
struct Views {
    shown: HashMap<Watched, Arc<ShownView>>,
    /// Whether a task goes around those that are read at once.
    is_gone_around: bool,
    /// Whether there is one of these that it does not know yet.
    has_come: bool,
}

impl LiveHub {
    /// A hub without views. What follows them are tasks of `tasks`, until no tab shows them any more.
    pub fn new(sessions: Arc<Sessions>, store: RedbStore, tasks: TaskTracker) -> Self {
        let at_once = Arc::new(AtOnce::new(sessions.clone(), store.clone()));
        Self {
            heartbeat: Arc::new(Heartbeat::new(sessions.clone())),
            sessions,
            store,
            tasks,
            views: Mutex::default(),
            left: Arc::default(),
            kept_rows: KeptRows::default(),
            at_once,
            hash_key: RandomState::new(),
            reading_order: Turns::new(1),
            refreshing: Turns::new(half_of_the_cores()),
            opening: Turns::new(half_of_the_cores()),
        }
    }

    /// Gives a tab a place at a view. What it shows from [`Place::open`] on knows of every change so far: whoever asks to see
    /// what is new must not be shown what was. The caller must have checked that the tab may see it.
    ///
    /// `None` when it cannot be read.
    pub(super) async fn watch(
        self: &Arc<Self>,
        watched: Watched,
        looks: SessionId,
        outlet: &Arc<Outlet>,
    ) -> Option<Place> {
        // Under the lock, so that it is not being forgotten.
        let before_us = self.lock().shown.get(&watched).inspect(|view| view.reserve()).cloned();
        let (view, change) = match before_us {
            Some(view) => (view, self.sessions.store().revision()),
            None => self.have_shown(watched).await?,
        };
        let place = view.seat(looks, outlet.clone());
        self.bring_up_to(&view, change).await;
        Some(place)
    }

    /// A view that nobody was shown, with a place reserved, and up to which change it has been read.
    async fn have_shown(self: &Arc<Self>, watched: Watched) -> Option<(Arc<ShownView>, Revision)> {
        // Revisions are followed from before the first read, so that no change falls between the two.
        let revisions = self.sessions.store().revisions();
        let is_read_at_once = watched.read_at_once().is_some();
        let first = if is_read_at_once {
            None
        } else {
            Some(self.read(&watched, watched.key(), Vec::new(), &self.opening).await?)
        };
        let read = first.as_ref().map(KeptReading::revision).unwrap_or_default();
        let left = if is_read_at_once { self.left.clone() } else { Arc::default() };
        let ours = ShownView::new(watched.clone(), self.store.clone(), self.at_once.clone(), first, left);
        let ours = Arc::new(ours);
        let mut views = self.lock();
        let view = views.shown.entry(watched).or_insert_with(|| ours.clone()).clone();
        view.reserve();
        if Arc::ptr_eq(&view, &ours) {
            self.have_followed(&mut views, &view, revisions);
        }
        Some((view, read))
    }

    fn have_followed(
        self: &Arc<Self>,
        views: &mut Views,
        view: &Arc<ShownView>,
        revisions: BoxStream<'static, Revision>,
    ) {
        if view.watched.read_at_once().is_none() {
            self.tasks.spawn(self.clone().follow(view.clone(), revisions));
            return;
        }
        views.has_come = true;
        if !mem::replace(&mut views.is_gone_around, true) {
            self.tasks.spawn(self.clone().go_around(revisions));
        }
    }

    /// Waits until the newest state of a view is right up to this change. One that is read at once is read when a tab takes its
    /// place.
    async fn bring_up_to(&self, view: &ShownView, change: Revision) {
        let mut read_up_to = view.read_up_to.subscribe();
        let is_there = |read: &Revision| *read >= change;
        if view.watched.read_at_once().is_some() || is_there(&read_up_to.borrow_and_update()) {
            return;
        }
        view.hurry.notify_one();
        // Late is better than never, should reading fail.
        _ = tokio::time::timeout(PATIENCE, read_up_to.wait_for(is_there)).await;
    }

    /// The order that a view holds; see [`HeldOrder::read`].
    pub(super) async fn read_order(&self, view: &View) -> Option<HeldOrder> {
        let (sessions, view, kept) = (self.sessions.clone(), view.clone(), self.kept_rows.clone());
        self.reading_order.take(move || HeldOrder::read(&sessions, &view, &kept)).await.flatten()
    }

    /// Follows all views that are read at once, one after the other: a thousand of them take some ten milliseconds, and what
    /// they all need is at hand, the processor's caches included.
    async fn go_around(self: Arc<Self>, mut revisions: BoxStream<'static, Revision>) {
        let (mut rounds, mut views) = (Rounds::default(), Vec::<Arc<ShownView>>::new());
        let mut rooms: Vec<_> = (0..TOGETHER).map(|_| Messages::default()).collect();
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
            if let Some(others) = self.views_read_at_once(!is_due) {
                views = others;
            }
            if views.is_empty() && self.stops_going_around() {
                return;
            }
            if !is_due {
                continue;
            }
            self.store.begin_round();
            let mut left = views.as_slice();
            while !left.is_empty() {
                left = renew(left, &mut rooms);
                tokio::task::yield_now().await;
            }
            self.store.end_round();
        }
    }

    /// The views that are read at once, from the top of the list to its end: what one needs is near what the next does. `None` if
    /// they are those of before, as far as known; `have_left` says whether tabs have left.
    fn views_read_at_once(&self, have_left: bool) -> Option<Vec<Arc<ShownView>>> {
        let mut known = self.lock();
        if !mem::take(&mut known.has_come) && !have_left {
            return None;
        }
        known.shown.retain(|watched, view| watched.read_at_once().is_none() || !view.is_empty());
        let mut views: Vec<_> =
            known.shown.values().filter(|view| view.watched.read_at_once().is_some()).cloned().collect();
        views.sort_by_cached_key(|view| view.watched.read_at_once().map(|list| list.query.first));
        Some(views)
    }

    /// Under the lock, so that no tab comes meanwhile and finds that somebody goes around.
    fn stops_going_around(&self) -> bool {
        let mut views = self.lock();
        let is_needed = views.shown.keys().any(|watched| watched.read_at_once().is_some());
        views.is_gone_around = is_needed;
        if !is_needed {
            self.store.forget_rows();
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
        if let Some(next) = self.read(&view.watched, view.key, view.ids(), &self.refreshing).await {
            view.show(next);
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

    async fn read(&self, watched: &Watched, key: u32, before: Vec<SessionId>, turns: &Turns) -> Option<KeptReading> {
        let is_list = matches!(watched, Watched::List(_));
        let (sessions, watched, hash_key) = (self.sessions.clone(), watched.clone(), self.hash_key.clone());
        // One pass over a million sessions takes milliseconds: not on the async threads.
        let read = move || KeptReading::new(read(&sessions, &watched, key, &before), &hash_key);
        if is_list { turns.take(read).await } else { spawn_blocking(read).await.ok() }
    }

    fn lock(&self) -> MutexGuard<'_, Views> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn half_of_the_cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2))
}

/// Reads some of these views, and then tells their tabs; the views that are left.
pub(super) fn renew<'a>(views: &'a [Arc<ShownView>], rooms: &mut [Messages]) -> &'a [Arc<ShownView>] {
    let (mut read, mut bytes, mut renewals) = (0, 0, Vec::with_capacity(rooms.len()));
    for (view, room) in views.iter().zip(rooms) {
        if bytes >= BYTES_TOGETHER {
            break;
        }
        let renewal = attempt(|| view.renew(room)).flatten();
        bytes += renewal.as_ref().map_or(0, Renewal::bytes);
        renewals.extend(renewal);
        read += 1;
    }
    for renewal in renewals {
        attempt(|| renewal.tell());
    }
    &views[read..]
}

/// Does something for one view, which is not to take all others with it.
fn attempt<T>(what: impl FnOnce() -> T) -> Option<T> {
    let failed = |_: &_| tracing::error!("a view of the session list could not be read or told");
    catch_unwind(AssertUnwindSafe(what)).inspect_err(failed).ok()
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
    /// The part of the list, if it is read at once.
    pub(super) fn read_at_once(&self) -> Option<&View> {
        match self {
            Self::List(view) => AtOnce::can_read(view).then_some(view),
            Self::Own(_) => None,
        }
    }

    /// The short name that its tabs know it by; 0 for one's own sessions. Made from its message: once for a view, not for each
    /// frame.
    pub(super) fn key(&self) -> u32 {
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
