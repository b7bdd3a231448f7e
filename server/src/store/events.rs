//! What has happened to sessions, one after the other: for machines that follow, and come back after a while.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use app::{
    session::{Session, SessionId, SessionType, store::EndReason},
    time::Timestamp,
};
use tokio::sync::watch;

/// How many events are remembered: about 5 MB of them. Whoever comes back later has to read the list.
const REMEMBERED: usize = if cfg!(test) { 8 } else { 32_768 };

/// One thing that has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A session was established.
    SignedIn(Arc<Session>),
    /// A session has ended.
    Ended {
        /// Which.
        id: SessionId,
        /// The account it was established under.
        username: Arc<str>,
        /// Its type.
        session_type: SessionType,
        /// Why.
        reason: EndReason,
        /// When.
        at: Timestamp,
    },
}

/// The newest events. Numbers count from 1, when the process starts.
pub struct Events {
    memory: Mutex<Memory>,
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct Memory {
    /// Newest last.
    events: VecDeque<Event>,
    /// The number of the newest.
    newest: u64,
}

/// Some events of the past have been forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgotten;

impl Events {
    pub(crate) fn new() -> Self {
        Self { memory: Mutex::default(), newest: watch::Sender::new(0) }
    }

    /// Remembers events and wakes who follows them.
    pub(crate) fn record(&self, events: impl IntoIterator<Item = Event>) {
        let newest = {
            let mut memory = self.lock();
            for event in events {
                if memory.events.len() == REMEMBERED {
                    memory.events.pop_front();
                }
                memory.events.push_back(event);
                memory.newest += 1;
            }
            memory.newest
        };
        self.newest.send_if_modified(|known| std::mem::replace(known, newest) != newest);
    }

    /// Whether any event is remembered that so many others are about to follow.
    pub(crate) fn are_remembered_before(following: usize) -> bool {
        following < REMEMBERED
    }

    /// Counts events that would be forgotten at once.
    pub(crate) fn skip(&self, events: usize) {
        let mut memory = self.lock();
        memory.events.clear();
        memory.newest += events as u64;
    }

    /// The number of the newest event, now and whenever there is another.
    pub fn follow(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Up to `most` events after number `after`, oldest first.
    ///
    /// # Errors
    /// [`Forgotten`] when there were others before them that are not remembered, and for a number not yet given.
    pub fn after(&self, after: u64, most: usize) -> Result<Vec<Event>, Forgotten> {
        let memory = self.lock();
        let ahead = memory.newest.checked_sub(after).ok_or(Forgotten)?;
        let ahead = usize::try_from(ahead).map_err(|_| Forgotten)?;
        let skipped = memory.events.len().checked_sub(ahead).ok_or(Forgotten)?;
        Ok(memory.events.iter().skip(skipped).take(most).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: u64) -> Event {
        Event::Ended {
            id: SessionId(id),
            username: "anna".into(),
            session_type: SessionType::Other,
            reason: EndReason::Deleted,
            at: Timestamp::default(),
        }
    }

    #[test]
    fn whoever_comes_back_gets_what_came_meanwhile_or_is_told_that_it_is_forgotten() {
        let events = Events::new();
        let mut newest = events.follow();
        events.record((1..=5).map(ended));
        assert_eq!(*newest.borrow_and_update(), 5);
        assert_eq!(events.after(2, 2), Ok(vec![ended(3), ended(4)]));
        assert_eq!(events.after(5, 9), Ok(vec![]));
        assert_eq!(events.after(6, 9), Err(Forgotten), "of a process before this one");
        events.record((6..=12).map(ended));
        assert_eq!(events.after(3, 9), Err(Forgotten));
        assert_eq!(events.after(4, 99).map(|events| events.len()), Ok(8));
    }

    #[test]
    fn what_would_be_forgotten_at_once_is_only_counted() {
        let events = Events::new();
        events.record((1..=5).map(ended));
        assert!(!Events::are_remembered_before(8) && Events::are_remembered_before(7));
        events.skip(100);
        events.record((106..=113).map(ended));
        assert_eq!(*events.follow().borrow(), 113);
        assert_eq!(events.after(104, 9), Err(Forgotten));
        assert_eq!(events.after(105, 1), Ok(vec![ended(106)]));
    }

    #[test]
    fn nothing_wakes_nobody() {
        let events = Events::new();
        let newest = events.follow();
        events.record([]);
        assert_eq!(newest.has_changed().ok(), Some(false));
    }
}
