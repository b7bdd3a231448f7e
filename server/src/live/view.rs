//! A view that is shown somewhere, and the tabs that it is shown to.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use app::session::{SessionId, page::Revision};
use tokio::sync::{Notify, watch};

use super::{
    at_once::AtOnce,
    frame::{Frame, KeptReading, Reading},
    hub::Watched,
    outlet::Outlet,
};
use crate::store::RedbStore;

/// See the module.
pub(super) struct ShownView {
    pub(super) watched: Watched,
    /// The short name that its tabs know it by.
    pub(super) key: u32,
    at_once: Arc<AtOnce>,
    store: RedbStore,
    shown: Mutex<Shown>,
    /// Up to which change the newest frame is right, if it is not read at once.
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
    /// As it was read last, if it is not read at once.
    kept: KeptReading,
    seats: Vec<Seat>,
    /// How many tabs have ever come.
    came: u64,
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
    /// A view as it was read, unless it is read at once.
    pub(super) fn new(
        watched: Watched,
        store: RedbStore,
        at_once: Arc<AtOnce>,
        kept: Option<KeptReading>,
        left: Arc<Notify>,
    ) -> Self {
        let (mut frame, mut kept) = (Frame::default(), kept.unwrap_or_default());
        frame.advance(&kept.reading());
        let (key, read_up_to) = (watched.key(), watch::Sender::new(kept.revision()));
        let shown = Mutex::new(Shown { frame, kept, seats: Vec::new(), came: 0 });
        Self { watched, key, at_once, store, shown, read_up_to, hurry: Notify::new(), left, tabs: AtomicUsize::new(0) }
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
        self.lock().frame.ids()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tabs.load(Ordering::SeqCst) == 0
    }

    /// Waits until nobody looks.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// Reads it, if that is done at once, and tells the tabs if they could see a difference.
    pub(super) fn renew(&self) {
        let Some(view) = self.watched.read_at_once() else { return };
        let Shown { frame, seats, .. } = &mut *self.lock();
        self.at_once.read(view, self.key, |reading| {
            if frame.advance(reading) {
                seats.iter_mut().for_each(|seat| seat.tell(frame, reading, &self.store));
            }
        });
    }

    /// Makes this the newest state, unless a newer one has been read meanwhile, and tells the tabs.
    pub(super) fn show(&self, next: KeptReading) {
        let Shown { frame, kept, seats, .. } = &mut *self.lock();
        let read_up_to = next.revision();
        if read_up_to < kept.revision() {
            return;
        }
        *kept = next;
        let mut reading = kept.reading();
        if frame.advance(&reading) {
            seats.iter_mut().for_each(|seat| seat.tell(frame, &mut reading, &self.store));
        }
        self.read_up_to.send_if_modified(|up_to| std::mem::replace(up_to, read_up_to.max(*up_to)) < read_up_to);
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Sends the newest frame, which is this state: as a patch to a tab that has the one before, else from scratch. Whoever has
    /// not read the last one gets it when they have: never a backlog. The session may have ended since the frame was read, and is
    /// told no more.
    fn tell(&mut self, frame: &Frame, reading: &mut Reading<'_>, store: &RedbStore) {
        if !self.is_open || self.sent == Some(frame.number) || !store.has(self.session) {
            return;
        }
        let is_next = self.sent.is_some_and(|sent| sent + 1 == frame.number);
        if self.outlet.offer(if is_next { reading.patch(frame) } else { reading.snapshot() }) {
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
        let Shown { frame, kept, seats, .. } = &mut *self.view.lock();
        let Some(place) = seats.iter().position(|seat| seat.number == self.seat) else { return };
        change(&mut seats[place]);
        if seats[place].sent == Some(frame.number) {
            return;
        }
        let store = &self.view.store;
        let Some(view) = self.view.watched.read_at_once() else {
            seats[place].tell(frame, &mut kept.reading(), store);
            return;
        };
        self.view.at_once.read(view, self.view.key, |reading| {
            // Were it made the next frame, of a thousand tabs that come at once each would have all others told.
            if !seats.iter().any(|seat| seat.sent == Some(frame.number)) {
                frame.advance(reading);
            }
            let seat = &mut seats[place];
            seat.sent = None;
            seat.tell(frame, reading, store);
            // Else the next frame cannot be told as the way from this state.
            seat.sent = seat.sent.filter(|_| frame.shows(reading));
        });
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
