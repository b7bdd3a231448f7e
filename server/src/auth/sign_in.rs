//! Signing in: throttle, password, session, cookie.

use std::{net::IpAddr, sync::Arc, time::Duration};

use app::{
    authority::{Authority, SignInForm, SignedIn},
    error::AppError,
    principal::Principal,
    session::{Client, Session, SessionId, SessionType, TokenHash, column::Columns, service::Sessions},
};
use async_trait::async_trait;

use super::{
    accounts::{Account, Accounts},
    cookie::SessionCookie,
    password::PasswordHasher,
    redirect::Redirects,
    throttle::{Attempt, Refusal, Throttle},
    token::SessionToken,
    username::{self, Username},
};
use crate::metrics::Metrics;

/// How long a sign-in waits for others of the same account or address to get their outcome.
const PATIENCE: Duration = Duration::from_secs(10);

/// The adapter behind [`Authority`]: accounts, passwords and cookies of this server.
pub struct SignIn {
    /// The session rules.
    pub sessions: Arc<Sessions>,
    /// Who may sign in.
    pub accounts: Arc<Accounts>,
    /// Hashes and verifies.
    pub passwords: PasswordHasher,
    /// Slows guesses down.
    pub throttle: Throttle,
    /// The session cookie.
    pub cookie: SessionCookie,
    /// Where a browser may be sent.
    pub redirects: Redirects,
    /// Where sign-ins are counted.
    pub metrics: Arc<Metrics>,
}

impl SignIn {
    /// Proves an identity by password and establishes a session in place of the one that is `replaced`; the token is shown
    /// this once.
    ///
    /// # Errors
    /// As [`Authority::sign_in`].
    pub async fn with_password(
        &self,
        typed_name: &str,
        password: &str,
        session_type: SessionType,
        client: Client,
        replaced: Option<SessionId>,
    ) -> Result<(SessionToken, Session), AppError> {
        let attempt = async {
            let proved = self.prove(typed_name, password, client.address).await?;
            self.accounts.admit(&proved)?;
            let (token, session) = self.establish(proved.name.clone(), session_type, client).await?;
            if let Err(error) = self.settle(&proved, &session, replaced).await {
                self.sessions.sign_out(session.id).await?;
                return Err(error);
            }
            Ok((token, session))
        };
        let outcome = attempt.await;
        self.metrics.count_sign_in(&outcome);
        outcome
    }

    /// What belongs to a sign-in once its session is there.
    ///
    /// # Errors
    /// When the session must not stay.
    async fn settle(&self, proved: &Account, session: &Session, replaced: Option<SessionId>) -> Result<(), AppError> {
        // The account may have been disabled, its password reset, or the server locked, while the password was tried: whoever
        // did that has ended the sessions there were, and must not have missed this one.
        let is_same = |now: &Account| !now.disabled && now.password_hash == proved.password_hash;
        let now = self.accounts.find(&session.username).filter(is_same).ok_or(AppError::WrongCredentials)?;
        self.accounts.admit(&now)?;
        if let Some(replaced) = replaced {
            self.sessions.sign_out(replaced).await?;
        }
        // A sign-in that cannot be noted is one all the same.
        if let Err(error) = self.accounts.note_sign_in(&session.username, session.created_at).await {
            tracing::warn!("the sign-in of {} could not be noted: {error}", session.username);
        }
        if let Err(error) = self.sessions.keep_to_limit(session).await {
            tracing::warn!("the oldest session of {} could not be ended: {error}", session.username);
        }
        Ok(())
    }

    /// Changes the password of whoever asks, who proves once more to be the user, and ends their other sessions.
    ///
    /// # Errors
    /// [`AppError::WrongCredentials`], [`AppError::Throttled`], [`AppError::Invalid`] for a password that cannot be used.
    pub async fn change_password(
        &self,
        asker: &Principal,
        current: &str,
        new: &str,
        client: Client,
    ) -> Result<(), AppError> {
        username::new_password(new)?;
        let proved = self.prove(&asker.username, current, client.address).await?;
        self.accounts.set_own_password(asker, &proved, new).await?;
        tracing::info!(
            session.id = asker.session_id.0, user.name = %asker.username, client.address = %client.address,
            "{} changed their password", asker.username
        );
        Ok(())
    }

    /// Establishes a session for a user whose identity has been proved.
    ///
    /// # Errors
    /// When there is no randomness, or as the store says.
    pub async fn establish(
        &self,
        username: Arc<str>,
        session_type: SessionType,
        client: Client,
    ) -> Result<(SessionToken, Session), AppError> {
        with_token(|token| self.sessions.establish(username, session_type, client, token)).await
    }

    /// Establishes a session of type Other for a user of an integration, on an administrator's word. Such users need no
    /// account; one who has an account goes by its name.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a name that cannot be used and for a disabled account, [`AppError::Locked`], else as
    /// [`Sessions::register`].
    pub async fn register(
        &self,
        asker: &Principal,
        typed_name: &str,
        client: Client,
    ) -> Result<(SessionToken, Session), AppError> {
        let name = self.name_to_register(typed_name)?;
        let (token, session) = with_token(|token| self.sessions.register(asker, name, client, token)).await?;
        // An account may have come, or been disabled, meanwhile: its sessions have been ended, all but this one.
        match self.name_to_register(typed_name) {
            Ok(name) if name == session.username => Ok((token, session)),
            outcome => {
                self.sessions.sign_out(session.id).await?;
                Err(outcome.err().unwrap_or(AppError::Unavailable))
            }
        }
    }

    fn name_to_register(&self, typed_name: &str) -> Result<Arc<str>, AppError> {
        let username = Username::parse(typed_name)?;
        match (self.accounts.find(typed_name), self.accounts.lock()) {
            (None, None) => Ok(username.key.into()),
            (None, Some(lock)) => Err(AppError::Locked(lock.message)),
            (Some(account), _) if account.disabled => {
                Err(AppError::Invalid(format!("the account of '{}' is disabled", account.name)))
            }
            (Some(account), _) => self.accounts.admit(&account).map(|()| account.name),
        }
    }

    /// One answer for an unknown user, a wrong password and a disabled account, after the same work.
    async fn prove(&self, typed_name: &str, password: &str, address: IpAddr) -> Result<Account, AppError> {
        let username = Username::parse(typed_name).ok();
        // A name that cannot exist is throttled under one key: it must not fill the memory.
        let key = username.map_or_else(String::new, |username| username.key);
        let begun = tokio::time::timeout(PATIENCE, self.begin(&key, address));
        let attempt = begun.await.unwrap_or(Err(AppError::Unavailable))?;
        let account = self.accounts.find(typed_name).filter(|account| !account.disabled);
        let normalised = username::new_password(password);
        let stored = account.as_ref().filter(|_| normalised.is_ok()).map(|account| account.password_hash.clone());
        let verified = self.passwords.verify(normalised.unwrap_or_default(), stored).await;
        let right = match verified {
            Ok(right) => right,
            Err(error) => {
                attempt.not_tried();
                return Err(error);
            }
        };
        match account {
            Some(account) if right => {
                attempt.succeeded();
                Ok(account)
            }
            _ => {
                tracing::info!(client.address = %address, "sign-in refused from {address}");
                Err(AppError::WrongCredentials)
            }
        }
    }

    /// Waits for room among the attempts that are under way.
    async fn begin(&self, key: &str, address: IpAddr) -> Result<Attempt<'_>, AppError> {
        loop {
            // Asked for before looking: an outcome in between is not missed.
            let settled = self.throttle.settled();
            match self.throttle.begin(key, address, self.sessions.now()) {
                Ok(attempt) => return Ok(attempt),
                Err(Refusal::Busy) => settled.await,
                Err(Refusal::Wait(wait)) => {
                    let retry_after_seconds = wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX);
                    return Err(AppError::Throttled { retry_after_seconds });
                }
            }
        }
    }
}

/// Establishes a session under a new token.
///
/// # Errors
/// [`AppError::Unavailable`] when there is no randomness, else as `establish`.
pub async fn with_token<F: Future<Output = Result<Session, AppError>>>(
    establish: impl FnOnce(TokenHash) -> F,
) -> Result<(SessionToken, Session), AppError> {
    let token = SessionToken::generate().map_err(|error| {
        tracing::error!("the operating system gives no randomness: {error}");
        AppError::Unavailable
    })?;
    let session = establish(token.hash()).await?;
    Ok((token, session))
}

#[async_trait]
impl Authority for SignIn {
    async fn sign_in(
        &self,
        form: SignInForm,
        client: Client,
        replaced: Option<SessionId>,
    ) -> Result<SignedIn, AppError> {
        let (session_type, location) = match self.redirects.application(&form.rd)? {
            Some(application) => (SessionType::Browser, application.into()),
            None => (SessionType::RestApi, self.redirects.within(&form.next)),
        };
        let (token, _) = self.with_password(&form.username, &form.password, session_type, client, replaced).await?;
        Ok(SignedIn { set_cookie: self.cookie.carrying(token.expose()), location })
    }

    fn clearing_cookie(&self) -> String {
        self.cookie.clearing()
    }

    fn columns(&self, asker: &Principal) -> Columns {
        self.accounts.find(&asker.username).map(|account| account.columns).unwrap_or_default()
    }

    async fn set_columns(&self, asker: &Principal, columns: Columns) -> Result<(), AppError> {
        self.sessions.still_signed_in(asker)?;
        self.accounts.update(&asker.username, |account| account.columns = columns).await?;
        Ok(())
    }
}
