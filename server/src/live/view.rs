//! A view that is shown somewhere, and the tabs that it is shown to.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use app::session::{SessionId, page::Revision};
use tokio::sync::{Notify, watch};

use super::{
    at_once::AtOnce,
    frame::{Frame, KeptReading, Message, Messages, Reading},
    hub::Watched,
    outlet::Outlet,
};
use crate::store::{RedbStore, written::RowRun};

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
    /// The name of the rows of the newest frame, if it is read at once and they have one.
    run: Option<RowRun>,
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
    sent: Sent,
    /// Whether it had read what it was sent, when that was looked at last.
    is_free: bool,
    /// What it is about to be sent.
    wanted: Option<Message>,
}

/// What a tab was sent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Nothing,
    /// The frame of this number.
    Frame(u64),
    /// When this was the number of the newest frame, a state that is newer than it.
    Apart(u64),
}

/// A tab's place at a view. It leaves when this is dropped.
pub(super) struct Place {
    view: Arc<ShownView>,
    seat: u64,
}

/// A view that has been read, and what its tabs are to be told.
pub(super) struct Renewal<'a> {
    shown: MutexGuard<'a, Shown>,
    messages: &'a mut Messages,
    store: &'a RedbStore,
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
        let shown = Mutex::new(Shown { frame, kept, run: None, seats: Vec::new(), came: 0 });
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
        shown.seats.push(Seat {
            number,
            session,
            outlet,
            is_open: false,
            sent: Sent::Nothing,
            is_free: true,
            wanted: None,
        });
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

    /// Reads it, if that is done at once, and writes what those tabs are to be told that could see a difference. `None` if there is
    /// none. Nobody else tells them anything until [`Renewal::tell`].
    pub(super) fn renew<'a>(&'a self, messages: &'a mut Messages) -> Option<Renewal<'a>> {
        let view = self.watched.read_at_once()?;
        let mut shown = self.lock();
        let Shown { frame, run, seats, .. } = &mut *shown;
        seats.iter_mut().for_each(Seat::look);
        // Whoever has not been told of the newest frame is told all rows, whether they are others or not.
        let before = run.take().filter(|_| seats.iter().all(|seat| !seat.is_told_all(frame)));
        self.at_once.read(view, self.key, before, messages, |reading| {
            frame.advance(reading);
            *run = reading.run(before);
            seats.iter_mut().for_each(|seat| seat.have_written(frame, reading));
        });
        let is_wanted = seats.iter().any(|seat| seat.wanted.is_some());
        is_wanted.then_some(Renewal { shown, messages, store: &self.store })
    }

    /// Makes this the newest state, unless a newer one has been read meanwhile, and tells the tabs that could see a difference.
    pub(super) fn show(&self, next: KeptReading) {
        let Shown { frame, kept, seats, .. } = &mut *self.lock();
        let read_up_to = next.revision();
        if read_up_to < kept.revision() {
            return;
        }
        *kept = next;
        seats.iter_mut().for_each(Seat::look);
        let mut reading = kept.reading();
        frame.advance(&reading);
        seats.iter_mut().for_each(|seat| seat.have_written(frame, &mut reading));
        seats.iter_mut().for_each(|seat| seat.tell(frame, kept.messages(), &self.store));
        self.read_up_to.send_if_modified(|up_to| std::mem::replace(up_to, read_up_to.max(*up_to)) < read_up_to);
    }

    /// Before the row cache, the table and an outlet. Only who goes around locks several.
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Renewal<'_> {
    /// How many bytes are to be sent.
    pub(super) fn bytes(&self) -> usize {
        self.shown.seats.iter().filter_map(|seat| seat.wanted).map(|message| self.messages.get(message).len()).sum()
    }

    /// Tells the tabs.
    pub(super) fn tell(mut self) {
        let Shown { frame, seats, .. } = &mut *self.shown;
        seats.iter_mut().for_each(|seat| seat.tell(frame, self.messages, self.store));
        self.messages.clear();
    }
}

impl Seat {
    /// Looks whether the tab has read what it was sent. Before a view is read: a socket that is being written to is not to keep
    /// all others waiting.
    fn look(&mut self) {
        self.is_free = self.outlet.is_free();
    }

    /// Whether it is told the next frame from scratch.
    fn is_told_all(&self, frame: &Frame) -> bool {
        self.is_open && self.is_free && self.sent != Sent::Frame(frame.number)
    }

    /// Has the message written that leads the tab to the newest frame, which is this state: a patch if it has the one before. It
    /// wants none if it has that frame, or has not read what it was sent last: never a backlog.
    fn have_written(&mut self, frame: &Frame, reading: &mut Reading<'_>) {
        let is_told = !self.is_open || self.sent == Sent::Frame(frame.number);
        let is_next = frame.number.checked_sub(1).is_some_and(|before| self.sent == Sent::Frame(before));
        let message = if is_next { Message::Patch } else { Message::Snapshot };
        self.wanted = (!is_told && self.is_free).then_some(message);
        match self.wanted {
            Some(message) => reading.write(message, frame),
            None if is_told => {}
            None => self.miss(),
        }
    }

    /// Sends what was written, unless the session has ended since.
    fn tell(&mut self, frame: &Frame, messages: &Messages, store: &RedbStore) {
        let Some(message) = self.wanted.take().filter(|_| store.has(self.session)) else { return };
        if self.outlet.offer(messages.get(message)) {
            self.sent = Sent::Frame(frame.number);
        } else {
            self.miss();
        }
    }

    /// Something has not been sent: it is when the tab has read what it was sent before.
    fn miss(&mut self) {
        if matches!(self.sent, Sent::Apart(_)) {
            self.sent = Sent::Nothing;
        }
    }
}

impl Place {
    /// Shows the view from now on, from its newest state.
    pub(super) fn open(&self) {
        self.with_seat(true);
    }

    /// Sends the newest frame to a tab that has read what it was sent last, if it has missed one since.
    pub(super) fn catch_up(&self) {
        self.with_seat(false);
    }

    fn with_seat(&self, opens: bool) {
        let view = &self.view;
        let Shown { frame, kept, run, seats, .. } = &mut *view.lock();
        let Some(place) = seats.iter().position(|seat| seat.number == self.seat) else { return };
        seats[place].is_open |= opens;
        let newest = frame.number;
        if matches!(seats[place].sent, Sent::Frame(sent) | Sent::Apart(sent) if sent == newest) {
            return;
        }
        seats[place].look();
        let Some(list) = view.watched.read_at_once() else {
            seats[place].have_written(frame, &mut kept.reading());
            seats[place].tell(frame, kept.messages(), &view.store);
            return;
        };
        let (mut is_frame, mut messages) = (true, Messages::default());
        view.at_once.read(list, view.key, None, &mut messages, |reading| {
            // If others have the frame, what is new is theirs to hear in the next round. Were they told now, each of a thousand tabs
            // that come at once would have all others told.
            if seats.iter().all(|seat| seat.sent != Sent::Frame(newest)) {
                frame.advance(reading);
            }
            is_frame = frame.shows(reading);
            if is_frame {
                *run = reading.run(None);
            }
            // A patch would lead to the frame.
            (seats[place].sent, seats[place].wanted) = (Sent::Nothing, None);
            // Who has been shown something waits for the next round, too, and goes on from its frame.
            if is_frame || opens {
                seats[place].have_written(frame, reading);
            }
        });
        let seat = &mut seats[place];
        seat.tell(frame, &messages, &view.store);
        if !is_frame && seat.sent == Sent::Frame(frame.number) {
            seat.sent = Sent::Apart(frame.number);
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

#[cfg(test)]
mod tests;
