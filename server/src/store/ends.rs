//! How sessions ended: told to who waits for it, and remembered for the sign-in page.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

use app::session::{SessionId, TokenHash, store::EndReason};
use tokio::sync::oneshot;

/// How many ended sessions are remembered.
const REMEMBERED: usize = 10_000;
/// Watchers below this number are never looked through for forgotten ones.
const FEW_WATCHERS: usize = 64;

/// A session that has left the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) id: SessionId,
    pub(crate) token_hash: TokenHash,
}

/// The ends of sessions. Its lock is taken inside the table's, never around it.
#[derive(Default)]
pub(crate) struct Ends(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    watchers: HashMap<SessionId, Vec<oneshot::Sender<EndReason>>>,
    /// How many watchers there are, and at how many those whose receiver is gone are removed.
    watching: usize,
    prune_at: usize,
    /// Newest last; the two maps hold exactly these.
    order: VecDeque<Ended>,
    by_token: HashMap<TokenHash, EndReason>,
    by_id: HashMap<SessionId, EndReason>,
}

impl Ends {
    /// Tells and remembers that these sessions have ended. To be called while the table is still locked for the
    /// removal, so that a watcher set up meanwhile is either told or finds the session gone.
    ///
    /// Of very many at once only the last are remembered, so `following` says how many more are about to be recorded.
    pub(crate) fn record(&self, ended: &[Ended], reason: EndReason, following: usize) {
        let mut memory = self.lock();
        if following < REMEMBERED {
            ended.iter().for_each(|session| memory.remember(*session, reason));
        }
        if memory.watchers.is_empty() {
            return;
        }
        for session in ended {
            for watcher in memory.watchers.remove(&session.id).unwrap_or_default() {
                memory.watching -= 1;
                // Who watched may have gone.
                _ = watcher.send(reason);
            }
        }
    }

    /// Resolves when the session ends. To be called while the table is locked and the session is in it.
    pub(crate) fn watch(&self, id: SessionId) -> oneshot::Receiver<EndReason> {
        let (sender, receiver) = oneshot::channel();
        let mut memory = self.lock();
        if memory.watching >= memory.prune_at.max(FEW_WATCHERS) {
            memory.prune();
        }
        memory.watching += 1;
        memory.watchers.entry(id).or_default().push(sender);
        receiver
    }

    /// Why a session ended, if it is among the newest ended ones.
    pub(crate) fn reason_of(&self, id: SessionId) -> Option<EndReason> {
        self.lock().by_id.get(&id).copied()
    }

    /// Why the session of a token ended, if it is among the newest ended ones.
    pub(crate) fn reason_of_token(&self, token: &TokenHash) -> Option<EndReason> {
        self.lock().by_token.get(token).copied()
    }

    /// Each change to the memory is whole before anything that could panic.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn remember(&mut self, session: Ended, reason: EndReason) {
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_token.remove(&oldest.token_hash);
            self.by_id.remove(&oldest.id);
        }
        self.order.push_back(session);
        self.by_token.insert(session.token_hash, reason);
        self.by_id.insert(session.id, reason);
    }

    /// Removes watchers whose receiver is gone. Called each time the number has doubled, so the forgotten ones are
    /// never more than the others, a few aside, and the cost of a watcher stays constant.
    fn prune(&mut self) {
        self.watchers.retain(|_, watchers| {
            watchers.retain(|watcher| !watcher.is_closed());
            !watchers.is_empty()
        });
        self.watching = self.watchers.values().map(Vec::len).sum();
        self.prune_at = self.watching * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(number: u64) -> Ended {
        let mut token_hash = [0; 32];
        token_hash[..8].copy_from_slice(&number.to_le_bytes());
        Ended { id: SessionId(number), token_hash: TokenHash(token_hash) }
    }

    #[test]
    fn every_watcher_of_a_session_is_told_why_it_ended_and_no_other() {
        let ends = Ends::default();
        let mut watchers = [1, 1, 2].map(|number| ends.watch(SessionId(number)));
        ends.record(&[session(1)], EndReason::Deleted, 0);
        assert_eq!(watchers[0].try_recv(), Ok(EndReason::Deleted));
        assert_eq!(watchers[1].try_recv(), Ok(EndReason::Deleted));
        assert!(watchers[2].try_recv().is_err());
    }

    #[test]
    fn watchers_that_have_gone_are_not_kept() {
        let ends = Ends::default();
        let _kept = ends.watch(SessionId(1));
        for number in 0..10_000 {
            drop(ends.watch(SessionId(number % 1_000)));
        }
        let memory = ends.lock();
        assert!(memory.watching <= FEW_WATCHERS + 2, "{} watchers are kept", memory.watching);
        assert_eq!(memory.watching, memory.watchers.values().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn of_very_many_ends_at_once_every_watcher_is_told_and_the_last_are_remembered() {
        let ends = Ends::default();
        let mut watcher = ends.watch(SessionId(1));
        ends.record(&[session(1)], EndReason::Deleted, REMEMBERED);
        ends.record(&[session(2)], EndReason::Deleted, 0);
        assert_eq!(watcher.try_recv(), Ok(EndReason::Deleted));
        assert_eq!(ends.reason_of(SessionId(1)), None);
        assert_eq!(ends.reason_of(SessionId(2)), Some(EndReason::Deleted));
    }

    #[test]
    fn only_the_newest_ends_are_remembered() {
        let ends = Ends::default();
        for number in 0..REMEMBERED as u64 + 1 {
            ends.record(&[session(number)], EndReason::Expired, 0);
        }
        assert_eq!(ends.reason_of(SessionId(0)), None);
        assert_eq!(ends.reason_of_token(&session(0).token_hash), None);
        assert_eq!(ends.reason_of_token(&session(1).token_hash), Some(EndReason::Expired));
        assert_eq!(ends.lock().by_id.len(), REMEMBERED);
    }
}
