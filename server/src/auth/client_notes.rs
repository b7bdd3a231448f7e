//! From where what is made to be kept is used: an app password or client token says little by where it was made.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use app::{
    session::{Client, Session, SessionId, service::Sessions},
    time::Timestamp,
};

/// A client that keeps changing its address or its name is noted at most this often.
const NOTED_EVERY: Duration = Duration::from_secs(60);
/// Beyond this many clients noted lately, those of before are forgotten.
const MOST_NOTED: usize = 10_000;

/// See the module.
pub struct ClientNotes {
    sessions: Arc<Sessions>,
    noted: Mutex<HashMap<SessionId, Timestamp>>,
}

impl ClientNotes {
    /// Notes on these sessions.
    pub fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions, noted: Mutex::default() }
    }

    /// Notes that a client uses a session, which client, and from where, unless that is known.
    pub fn note_use(&self, id: SessionId, client: Client) {
        let (store, now) = (self.sessions.store(), self.sessions.now());
        // Also where following is not activity: it is what there is to tell of a client token.
        store.touch(id, now);
        let is_known =
            |session: &Session| session.address == client.address && *session.user_agent == *client.user_agent;
        if store.get(id).is_none_or(|session| is_known(&session)) {
            return;
        }
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&id).is_some_and(|at| now.since(*at) < NOTED_EVERY) {
            return;
        }
        if noted.len() >= MOST_NOTED {
            noted.clear();
        }
        if store.note_client(id, client) {
            noted.insert(id, now);
        }
    }
}
