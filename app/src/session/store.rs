//! The port to wherever sessions live.

use std::{net::IpAddr, sync::Arc};

use async_trait::async_trait;
use futures_core::stream::BoxStream;
use thiserror::Error;

use super::{
    Client, Lifetimes, Session, SessionId, SessionType, Standing, TokenHash,
    page::{Page, Revision},
    query::{Filter, SessionQuery, Sort},
    selection::{DeletePreview, Deleted, SelectedCounts, Selection},
};
use crate::{scope::Scopes, time::Timestamp};

/// A session about to be established.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// What it will be found by.
    pub token_hash: TokenHash,
    /// Canonical name of the account.
    pub username: Arc<str>,
    /// The channel.
    pub session_type: SessionType,
    /// Where it comes from.
    pub client: Client,
    /// The server that establishes it.
    pub server_name: Arc<str>,
    /// When; also its first last-active instant.
    pub created_at: Timestamp,
    /// The session on whose word it is established. When that one has ended by then, nothing is done.
    pub asker: Option<SessionId>,
    /// What it has instead of the usual deadlines, if it is made to be kept.
    pub standing: Option<Arc<Standing>>,
}

impl NewSession {
    /// When it ends if nothing happens.
    pub fn deadline(&self, lifetimes: &Lifetimes) -> Timestamp {
        match &self.standing {
            Some(standing) => standing.expires_at,
            None => lifetimes.of(self.session_type).deadlines(self.created_at, self.created_at).first(),
        }
    }
}

/// Sessions about to end.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Which.
    pub selection: Selection,
    /// Why.
    pub reason: EndReason,
    /// The user whose sessions are left out.
    pub spare: Option<Arc<str>>,
    /// The session on whose word they end. When that one has ended by then, nothing is done.
    pub asker: Option<SessionId>,
    /// When: what a search for idle sessions goes by.
    pub now: Timestamp,
}

impl Deletion {
    /// Ends all of a selection at `now`, whoever asks.
    pub fn new(selection: Selection, reason: EndReason, now: Timestamp) -> Self {
        Self { selection, reason, spare: None, asker: None, now }
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The session that the token belongs to.
    pub id: SessionId,
    /// The account it was established under.
    pub username: Arc<str>,
    /// The channel by which it was established.
    pub session_type: SessionType,
    /// What it is good for, if not for everything.
    pub purpose: Purpose,
    /// When it was established.
    pub created_at: Timestamp,
    /// When its user was last active, this use included if it counts as activity.
    pub last_active_at: Timestamp,
    /// When it ends if nothing else happens.
    pub deadline: Timestamp,
}

/// What a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Everything that its account may do.
    Everything,
    /// To be let in to applications, where it is presented as an app password.
    Applications,
    /// REST, as far as these go.
    Rest(Scopes),
}

impl Purpose {
    /// That of a session.
    pub fn of(standing: Option<&Standing>) -> Self {
        match standing {
            None => Self::Everything,
            Some(Standing { scopes: None, .. }) => Self::Applications,
            Some(Standing { scopes: Some(scopes), .. }) => Self::Rest(*scopes),
        }
    }
}

/// Whether a check counts as use of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// A request or input by the user: moves the last-active instant.
    User,
    /// Streaming or polling: does not.
    Background,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// An administrator deleted it.
    Deleted,
    /// Its user ended it from another session, under My Sessions.
    EndedByUser,
    /// Its user signed out.
    SignedOut,
    /// Its user signed in elsewhere, beyond the limit of sessions, and it was the oldest.
    Replaced,
    /// It reached its idle timeout or absolute lifetime.
    Expired,
}

impl EndReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::Deleted, Self::EndedByUser, Self::SignedOut, Self::Replaced, Self::Expired];

    /// The word in URLs and close frames.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "deleted",
            Self::EndedByUser => "ended_by_user",
            Self::SignedOut => "signed_out",
            Self::Replaced => "replaced",
            Self::Expired => "expired",
        }
    }
}

/// Why the store could not do what it was asked.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// The commit failed: it may or may not be durable. Whatever was to end stays denied.
    #[error("the commit failed, its outcome is unknown")]
    OutcomeUnknown,
    /// Nothing was attempted: the store is full, failed or closing.
    #[error("the store takes no changes now")]
    Unavailable,
    /// Nothing was attempted: the session on whose word it was to happen has ended.
    #[error("the session that asks has ended")]
    AskerEnded,
}

/// Where sessions live. Reads are answered from memory and never wait for the disk; a change is acknowledged when it is
/// durable. Every implementation passes [`conformance`](super::conformance).
///
/// No upsert exists: whatever changes a session changes it only if it is still there, so that no request in flight can
/// bring a deleted one back.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    /// Finds the session of a token, if it is live at `now`. Constant cost; past a deadline the answer is `None`
    /// whether or not [`SessionStore::sweep`] has run.
    fn check(&self, token: &TokenHash, lifetimes: &Lifetimes, now: Timestamp, activity: Activity) -> Option<Checked>;

    /// Moves the last-active instant of a session to `now`, if the session is there and `now` is later. Durable
    /// within seconds.
    fn touch(&self, id: SessionId, now: Timestamp);

    /// Notes from where a session is used now, if it is there. Takes effect in a moment, then durable. False when it cannot
    /// be noted now.
    fn note_client(&self, id: SessionId, client: Client) -> bool;

    /// One session. Constant cost.
    fn get(&self, id: SessionId) -> Option<Session>;

    /// Part of the list at `now`, in an order that may go by these deadlines. At most one pass over all sessions; by last
    /// activity without a search, hardly more for a million than for a thousand.
    fn list(&self, query: &SessionQuery, lifetimes: &Lifetimes, now: Timestamp) -> Page;

    /// The ids of all sessions that match at `now`, in this order. A pass over all sessions that sorts what it finds.
    fn ids(&self, filter: &Filter, sort: Sort, lifetimes: &Lifetimes, now: Timestamp) -> Vec<SessionId>;

    /// The address that nearly all sessions have (nine of ten, of at least ten), as far as a look at some thousands of them
    /// tells. Constant cost.
    fn shared_address(&self) -> Option<IpAddr>;

    /// How many sessions a user has. Constant cost.
    fn count_of_user(&self, username: &str) -> u64;

    /// All sessions of one user, newest activity first. One pass over all sessions.
    fn of_user(&self, username: &str) -> Vec<Session>;

    /// The sessions among `ids` that are there, in the order of `ids`.
    fn get_many(&self, ids: &[SessionId]) -> Vec<Session>;

    /// How many sessions newer than `as_of` match at `now`. Cost: a thousandth of the newer sessions; with a search, their number.
    fn count_newer(&self, filter: &Filter, as_of: SessionId, now: Timestamp) -> u64;

    /// What a delete of this selection, the sessions of the user `spare` left out, would do now.
    fn preview(&self, selection: &Selection, spare: Option<&str>, now: Timestamp) -> DeletePreview;

    /// How many sessions a selection means at `now`, those of the user `spare` left out, and how many of them a view does
    /// not. One pass for a selection by filter.
    fn count_selected(
        &self,
        selection: &Selection,
        spare: Option<&str>,
        view: &Filter,
        now: Timestamp,
    ) -> SelectedCounts;

    /// Establishes a session. It is found by its token from the acknowledgement on, not before.
    ///
    /// # Errors
    /// [`StoreError`]; the session is then not found by its token.
    async fn create(&self, session: NewSession) -> Result<Session, StoreError>;

    /// Ends sessions for good. From the acknowledgement on no check succeeds, also after a crash. Idempotent.
    ///
    /// # Errors
    /// [`StoreError::OutcomeUnknown`]: the sessions are denied, but may come back if the process dies before it is
    /// tried again. [`StoreError::Unavailable`] and [`StoreError::AskerEnded`]: nothing has happened.
    async fn delete(&self, deletion: Deletion) -> Result<Deleted, StoreError>;

    /// Ends what has reached a deadline at `now`; returns how many.
    ///
    /// # Errors
    /// [`StoreError`]; expired sessions are refused by checks all the same.
    async fn sweep(&self, lifetimes: Lifetimes, now: Timestamp) -> Result<u64, StoreError>;

    /// Makes all touches so far durable.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn flush(&self) -> Result<(), StoreError>;

    /// How many changes there have been. Constant cost.
    fn revision(&self) -> Revision;

    /// Yields the revision after changes, newest only: a slow reader skips, it never sees a hole it cannot notice.
    fn revisions(&self) -> BoxStream<'static, Revision>;
}
