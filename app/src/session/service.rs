//! The rules: who may see and end which sessions.

mod standing;

use std::sync::Arc;

use super::{
    Client, Lifetimes, Session, SessionId, SessionType, TokenHash,
    page::Page,
    query::{Filter, MAX_LIMIT, SessionQuery},
    selection::{DeletePreview, Deleted, SelectedCounts, Selection, SkipReason},
    store::{Activity, Checked, Deletion, EndReason, NewSession, SessionStore, StoreError},
};
use crate::{
    error::AppError,
    principal::{Principal, Role},
    time::Timestamp,
};

/// The source of the current instant; a fixed one in tests.
pub trait Clock: Send + Sync + 'static {
    /// The current instant; never earlier than one returned before.
    fn now(&self) -> Timestamp;
}

/// The session authority: the one way to sessions for pages, server functions, REST and forward-auth alike.
pub struct Sessions {
    store: Arc<dyn SessionStore>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
    most_of_user: Option<u64>,
    server_name: Arc<str>,
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OutcomeUnknown => Self::OutcomeUnknown,
            StoreError::Unavailable => Self::Unavailable,
            StoreError::AskerEnded => Self::Unauthorized,
        }
    }
}

impl Sessions {
    /// An authority over `store` that signs users in on the server `server_name`.
    pub fn new(
        store: Arc<dyn SessionStore>,
        clock: Arc<dyn Clock>,
        lifetimes: Lifetimes,
        server_name: impl Into<Arc<str>>,
    ) -> Self {
        Self { store, clock, lifetimes, most_of_user: None, server_name: server_name.into() }
    }

    /// With a limit of signed-in sessions per user: beyond it the oldest ends.
    #[must_use]
    pub fn with_most_of_user(self, most_of_user: Option<u64>) -> Self {
        Self { most_of_user, ..self }
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The name of this server.
    pub fn server_name(&self) -> &Arc<str> {
        &self.server_name
    }

    /// The store, for readers that follow its changes.
    pub fn store(&self) -> &Arc<dyn SessionStore> {
        &self.store
    }

    /// Establishes a session for a user whose identity has been proved.
    ///
    /// # Errors
    /// [`AppError::OutcomeUnknown`] or [`AppError::Unavailable`]; the token is then worthless.
    pub async fn establish(
        &self,
        username: Arc<str>,
        session_type: SessionType,
        client: Client,
        token_hash: TokenHash,
    ) -> Result<Session, AppError> {
        let session = self.new_session(username, session_type, client, token_hash);
        let session = self.store.create(session).await?;
        log_established(&session);
        Ok(session)
    }

    /// Keeps a user who has just signed in within the limit. Only sessions count that were signed in to: what was made to be
    /// kept has a limit of its own, and what was registered is nobody's doing.
    ///
    /// # Errors
    /// As [`Sessions::sign_out`].
    pub async fn keep_to_limit(&self, newest: &Session) -> Result<(), AppError> {
        let Some(most) = self.most_of_user else { return Ok(()) };
        if self.store.count_of_user(&newest.username) <= most {
            return Ok(());
        }
        let mut sessions = self.store.of_user(&newest.username);
        sessions.retain(|session| session.standing.is_none() && session.session_type != SessionType::Other);
        // Of two at once, the one that was stored last is the newer one, whatever the clock said before.
        sessions.sort_unstable_by_key(|session| session.id);
        let over = sessions.len().saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
        let oldest: Vec<_> =
            sessions.iter().take(over).map(|session| session.id).filter(|id| *id != newest.id).collect();
        if !oldest.is_empty() {
            tracing::info!(user.name = %newest.username, "{} signed in beyond the limit of {most} sessions", newest.username);
            self.store.delete(self.deletion(oldest, EndReason::Replaced)).await?;
        }
        Ok(())
    }

    /// Establishes a session of type Other for a user of an integration, on an administrator's word.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] unless an administrator asks, else as [`Sessions::establish`].
    pub async fn register(
        &self,
        asker: &Principal,
        username: Arc<str>,
        client: Client,
        token_hash: TokenHash,
    ) -> Result<Session, AppError> {
        self.administrators_only(asker)?;
        let session = self.new_session(username, SessionType::Other, client, token_hash);
        let session = self.store.create(NewSession { asker: Some(asker.session_id), ..session }).await?;
        log_established(&session);
        Ok(session)
    }

    fn new_session(
        &self,
        username: Arc<str>,
        session_type: SessionType,
        client: Client,
        token_hash: TokenHash,
    ) -> NewSession {
        let (server_name, created_at) = (self.server_name.clone(), self.now());
        NewSession { token_hash, username, session_type, client, server_name, created_at, asker: None, standing: None }
    }

    /// Decides whether a token is good at an instant.
    pub fn check(&self, token: &TokenHash, activity: Activity, now: Timestamp) -> Option<Checked> {
        self.store.check(token, &self.lifetimes, now, activity)
    }

    /// The deadlines of sessions.
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// When a session ends if nothing happens.
    pub fn deadline(&self, session: &Session) -> Timestamp {
        session.deadlines(&self.lifetimes).first()
    }

    /// Notes input by the user of a session. One that has reached a deadline is beyond help, swept or not.
    pub fn touch(&self, id: SessionId) {
        let now = self.now();
        let is_live = |session: Session| now < self.deadline(&session);
        if self.store.get(id).is_some_and(is_live) {
            self.store.touch(id, now);
        }
    }

    /// Part of the list of all sessions.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] unless an administrator asks; [`AppError::Query`] for a query that asks for too much.
    pub fn list(&self, asker: &Principal, query: &SessionQuery) -> Result<Page, AppError> {
        self.administrators_only(asker)?;
        query.validated()?;
        Ok(self.store.list(query, &self.lifetimes, self.now()))
    }

    /// One session: anyone's for an administrator, else one's own.
    ///
    /// # Errors
    /// [`AppError::NotFound`], also for a user who asks for a session of someone else.
    pub fn get(&self, asker: &Principal, id: SessionId) -> Result<Session, AppError> {
        self.store
            .get(id)
            .filter(|session| asker.role == Role::Administrator || session.username == asker.username)
            .ok_or_else(|| AppError::NotFound(format!("session {id}")))
    }

    /// What [`Sessions::delete`] would do.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] unless an administrator asks.
    pub fn preview(&self, asker: &Principal, selection: &Selection) -> Result<DeletePreview, AppError> {
        self.administrators_only(asker)?;
        validated(selection)?;
        Ok(self.store.preview(selection, Some(&asker.username), self.now()))
    }

    /// How many sessions of others a selection means, and how many of them a view does not.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] unless an administrator asks; [`AppError::Query`] for a filter that cannot be used.
    pub fn count_selected(
        &self,
        asker: &Principal,
        selection: &Selection,
        view: &Filter,
    ) -> Result<SelectedCounts, AppError> {
        self.administrators_only(asker)?;
        validated(selection)?;
        view.understood()?;
        Ok(self.store.count_selected(selection, Some(&asker.username), view, self.now()))
    }

    /// Ends sessions of other users for good. The asker's own are skipped and reported.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] unless an administrator asks; [`AppError::OutcomeUnknown`] and
    /// [`AppError::Unavailable`] as the store says.
    pub async fn delete(&self, asker: &Principal, selection: Selection) -> Result<Deleted, AppError> {
        self.administrators_only(asker)?;
        validated(&selection)?;
        let named = named(&selection);
        let deletion = Deletion {
            selection,
            reason: EndReason::Deleted,
            spare: Some(asker.username.clone()),
            asker: Some(asker.session_id),
            now: self.now(),
        };
        let outcome = self.store.delete(deletion).await;
        match &outcome {
            Ok(deleted) => tracing::info!(
                principal.name = %asker.username,
                principal.session = asker.session_id.0,
                sessions.deleted = deleted.deleted,
                sessions.skipped = deleted.skipped.len(),
                "{} deleted {} sessions of {named}", asker.username, deleted.deleted
            ),
            Err(error) => tracing::warn!(
                principal.name = %asker.username,
                principal.session = asker.session_id.0,
                "{} could not delete {named}: {error}", asker.username
            ),
        }
        Ok(outcome?)
    }

    /// Ends one session of another user for good; one that has ended already is no error.
    ///
    /// # Errors
    /// [`AppError::OwnSession`] for a session under the asker's username, else as [`Sessions::delete`].
    pub async fn delete_one(&self, asker: &Principal, id: SessionId) -> Result<(), AppError> {
        self.still_signed_in(asker)?;
        if self.store.get(id).is_some_and(|session| session.username == asker.username) {
            return Err(AppError::OwnSession(id.0));
        }
        let outcome = self.delete(asker, Selection::Ids(vec![id])).await?;
        match outcome.skipped.first().map(|skipped| skipped.reason) {
            Some(SkipReason::OwnUsername) => Err(AppError::OwnSession(id.0)),
            Some(SkipReason::AlreadyEnded) | None => Ok(()),
        }
    }

    /// The asker's own sessions, newest activity first, at most [`MAX_LIMIT`].
    pub fn own(&self, asker: &Principal) -> Vec<Session> {
        let mut own = self.store.of_user(&asker.username);
        own.truncate(MAX_LIMIT as usize);
        own
    }

    /// Ends one of the asker's other sessions; one that has ended already is no error.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a session of someone else, [`AppError::Invalid`] for the session that asks: that
    /// one signs out.
    pub async fn end_own(&self, asker: &Principal, id: SessionId) -> Result<(), AppError> {
        self.still_signed_in(asker)?;
        if id == asker.session_id {
            return Err(AppError::Invalid(format!("session {id} is the one you are using: sign out instead")));
        }
        if self.store.get(id).is_some_and(|session| session.username != asker.username) {
            return Err(AppError::NotFound(format!("session {id}")));
        }
        // Also one that is gone already goes to the store: its end may not be durable yet.
        let deletion = self.deletion(vec![id], EndReason::EndedByUser);
        if self.store.delete(Deletion { asker: Some(asker.session_id), ..deletion }).await?.deleted > 0 {
            tracing::info!(
                session.id = id.0,
                principal.name = %asker.username,
                "session {id} ended by its user {}", asker.username
            );
        }
        Ok(())
    }

    /// Ends the session that asks.
    ///
    /// # Errors
    /// [`AppError::OutcomeUnknown`]: the session is denied, but may come back if the process dies before it is tried again.
    /// [`AppError::Unavailable`]: nothing was done.
    pub async fn sign_out(&self, session_id: SessionId) -> Result<(), AppError> {
        self.store.delete(self.deletion(vec![session_id], EndReason::SignedOut)).await?;
        tracing::info!(session.id = session_id.0, "session {session_id} signed out");
        Ok(())
    }

    /// Ends every session of a user but this one: for a change of their account. Also those that are being established on
    /// the word of one that ends: it looks again until there is none, and by then none can give its word any more.
    ///
    /// # Errors
    /// As [`Sessions::sign_out`].
    pub async fn end_all_of(&self, username: &str, but: Option<SessionId>, reason: EndReason) -> Result<(), AppError> {
        loop {
            let of_user = self.store.of_user(username);
            let ids: Vec<_> = of_user.iter().map(|session| session.id).filter(|id| Some(*id) != but).collect();
            if ids.is_empty() {
                return Ok(());
            }
            let deleted = self.store.delete(self.deletion(ids, reason)).await?.deleted;
            tracing::info!(user.name = username, "{deleted} sessions of {username} ended with a change of the account");
        }
    }

    /// Ends what has reached a deadline; returns how many.
    ///
    /// # Errors
    /// As the store says; checks refuse expired sessions all the same.
    pub async fn sweep(&self) -> Result<u64, AppError> {
        Ok(self.store.sweep(self.lifetimes, self.now()).await?)
    }

    fn deletion(&self, ids: Vec<SessionId>, reason: EndReason) -> Deletion {
        Deletion::new(Selection::Ids(ids), reason, self.now())
    }

    /// Refuses an asker whose session has ended since the request began: its body may have taken its time.
    ///
    /// # Errors
    /// [`AppError::Unauthorized`].
    pub fn still_signed_in(&self, asker: &Principal) -> Result<(), AppError> {
        self.store.get(asker.session_id).map(drop).ok_or(AppError::Unauthorized)
    }

    /// Refuses everyone but an administrator whose session is still there.
    ///
    /// # Errors
    /// [`AppError::Unauthorized`] or [`AppError::Forbidden`].
    pub fn administrators_only(&self, asker: &Principal) -> Result<(), AppError> {
        self.still_signed_in(asker)?;
        match asker.role {
            Role::Administrator => Ok(()),
            Role::User => Err(AppError::Forbidden),
        }
    }
}

fn log_established(session: &Session) {
    tracing::info!(
        session.id = session.id.0,
        session.r#type = session.session_type.as_str(),
        user.name = %session.username,
        client.address = %session.address,
        "session {} established for {}", session.id, session.username
    );
}

/// A selection in words, for the log: a few ids by number.
fn named(selection: &Selection) -> String {
    const FEW: usize = 20;
    match selection {
        Selection::Ids(ids) => {
            let some: Vec<_> = ids.iter().take(FEW).map(ToString::to_string).collect();
            let more = if ids.len() > FEW { ", ..." } else { "" };
            format!("the {} selected ({}{more})", ids.len(), some.join(", "))
        }
        Selection::Matching { filter, as_of, except, .. } => {
            format!("all that match {filter:?} up to {as_of} but {}", except.len())
        }
    }
}

fn validated(selection: &Selection) -> Result<(), AppError> {
    match selection {
        Selection::Ids(_) => Ok(()),
        Selection::Matching { filter, .. } => {
            filter.understood()?;
            Ok(())
        }
    }
}
