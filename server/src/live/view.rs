//! A view that is shown somewhere, and the tabs that it is shown to.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use app::session::{SessionId, page::Revision};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    frame::{Frame, Reading},
    hub::Watched,
    outlet::Outlet,
};
use crate::store::RedbStore;

/// See the module.
pub(super) struct ShownView {
    pub(super) watched: Watched,
    /// The short name that its tabs know it by.
    pub(super) key: u32,
    store: RedbStore,
    shown: Mutex<Shown>,
    /// Up to which change the newest frame is right.
    pub(super) read_up_to: watch::Sender<Revision>,
    /// Ends the pause before the next frame.
    pub(super) hurry: Notify,
    /// The last tab has left.
    left: Arc<Notify>,
    /// How many tabs have a place, or are about to.
    tabs: AtomicUsize,
}

struct Shown {
    frame: Frame,
    seats: Vec<Seat>,
    /// How many tabs have ever come.
    came: u64,
    /// When it was read last.
    read_at: Instant,
}

/// Where a tab is told of a view.
struct Seat {
    number: u64,
    /// The session that looks.
    session: SessionId,
    outlet: Arc<Outlet>,
    /// Whether it is told yet.
    is_open: bool,
    /// The number of the last frame that it was sent.
    sent: Option<u64>,
}

/// A tab's place at a view. It leaves when this is dropped.
pub(super) struct Place {
    view: Arc<ShownView>,
    seat: u64,
}

impl ShownView {
    /// A view that has been read.
    pub(super) fn new(watched: Watched, store: RedbStore, first: Reading, left: Arc<Notify>) -> Self {
        let read_up_to = watch::Sender::new(first.head.revision);
        let key = first.head.view;
        let shown = Shown { frame: Frame::first(first), seats: Vec::new(), came: 0, read_at: Instant::now() };
        let shown = Mutex::new(shown);
        Self { watched, key, store, shown, read_up_to, hurry: Notify::new(), left, tabs: AtomicUsize::new(0) }
    }

    /// Keeps a view from being forgotten until its tab has taken its place.
    pub(super) fn reserve(&self) {
        self.tabs.fetch_add(1, Ordering::SeqCst);
    }

    /// Gives a tab the place that was reserved, at which nothing is told before [`Place::open`].
    pub(super) fn seat(self: &Arc<Self>, session: SessionId, outlet: Arc<Outlet>) -> Place {
        let mut shown = self.lock();
        shown.came += 1;
        let number = shown.came;
        shown.seats.push(Seat { number, session, outlet, is_open: false, sent: None });
        Place { view: self.clone(), seat: number }
    }

    /// The sessions that it shows.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.lock().frame.state.rows.ids().to_vec()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tabs.load(Ordering::SeqCst) == 0
    }

    /// Waits until nobody looks.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// When it was read last.
    pub(super) fn read_at(&self) -> Instant {
        self.lock().read_at
    }

    /// Reads the view, unless it is right up to this change, and tells the tabs if they could see a difference. `read` says
    /// whether they could, as [`Frame::advance`] does.
    pub(super) fn renew(&self, change: Revision, read: impl FnOnce(&mut Frame) -> bool) {
        let mut shown = self.lock();
        if *self.read_up_to.borrow() < change {
            self.show_in(&mut shown, read);
        }
    }

    /// Makes this the newest state, unless a newer one has been read meanwhile, and tells the tabs.
    pub(super) fn show(&self, Reading { head, mut rows }: Reading) {
        let mut shown = self.lock();
        if head.revision >= shown.frame.state.head.revision {
            self.show_in(&mut shown, |frame| frame.advance(head, &mut rows));
        }
    }

    fn show_in(&self, Shown { frame, seats, read_at, .. }: &mut Shown, read: impl FnOnce(&mut Frame) -> bool) {
        *read_at = Instant::now();
        if read(frame) {
            seats.iter_mut().for_each(|seat| seat.tell(frame, &self.store));
        }
        let read_up_to = frame.state.head.revision;
        self.read_up_to.send_if_modified(|up_to| std::mem::replace(up_to, read_up_to.max(*up_to)) < read_up_to);
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Sends the newest frame: as a patch to a tab that has the one before, else from scratch. Whoever has not read the last
    /// one gets it when they have: never a backlog. The session may have ended since the frame was read, and is told no more.
    fn tell(&mut self, frame: &mut Frame, store: &RedbStore) {
        if !self.is_open || self.sent == Some(frame.number) || !store.has(self.session) {
            return;
        }
        let is_next = self.sent.is_some_and(|sent| sent + 1 == frame.number);
        if self.outlet.offer(if is_next { frame.patch() } else { frame.snapshot() }) {
            self.sent = Some(frame.number);
        }
    }
}

impl Place {
    /// Shows the view from now on, from its newest state.
    pub(super) fn open(&self) {
        self.with_seat(|seat| seat.is_open = true);
    }

    /// Sends the newest frame to a tab that has read the last one, unless that was it.
    pub(super) fn catch_up(&self) {
        self.with_seat(|_| ());
    }

    fn with_seat(&self, change: impl FnOnce(&mut Seat)) {
        let Shown { frame, seats, .. } = &mut *self.view.lock();
        if let Some(seat) = seats.iter_mut().find(|seat| seat.number == self.seat) {
            change(seat);
            seat.tell(frame, &self.view.store);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.view.lock().seats.retain(|seat| seat.number != self.seat);
        if self.view.tabs.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.view.left.notify_one();
        }
    }
}
