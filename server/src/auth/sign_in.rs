//! Signing in: throttle, password, session, cookie.

use std::{net::IpAddr, sync::Arc};

use app::{
    authority::{Authority, SignInForm, SignedIn},
    error::AppError,
    principal::Principal,
    session::{Client, Session, SessionType, column::Columns, service::Sessions},
};
use async_trait::async_trait;

use super::{
    accounts::{Account, Accounts},
    cookie::SessionCookie,
    password::PasswordHasher,
    redirect::Redirects,
    throttle::Throttle,
    token::SessionToken,
    username::{self, Username},
};

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
}

impl SignIn {
    /// Proves an identity by password and establishes a session; the token is shown this once.
    ///
    /// # Errors
    /// As [`Authority::sign_in`].
    pub async fn with_password(
        &self,
        typed_name: &str,
        password: &str,
        session_type: SessionType,
        client: Client,
    ) -> Result<(SessionToken, Session), AppError> {
        let proved = self.prove(typed_name, password, client.address).await?;
        let (token, session) = self.establish(proved.name, session_type, client).await?;
        // The account may have been disabled, or its password reset, while the password was tried: whoever did that has
        // ended the sessions there were, and must not have missed this one.
        let now = self.accounts.find(&session.username);
        if now.is_some_and(|now| !now.disabled && now.password_hash == proved.password_hash) {
            return Ok((token, session));
        }
        self.sessions.sign_out(session.id).await?;
        Err(AppError::WrongCredentials)
    }

    /// Establishes a session for a user whose identity somebody else has proved.
    ///
    /// # Errors
    /// When there is no randomness, or as the store says.
    pub async fn establish(
        &self,
        username: Arc<str>,
        session_type: SessionType,
        client: Client,
    ) -> Result<(SessionToken, Session), AppError> {
        let token = SessionToken::generate().map_err(|error| {
            tracing::error!("the operating system gives no randomness: {error}");
            AppError::Unavailable
        })?;
        let session = self.sessions.establish(username, session_type, client, token.hash()).await?;
        tracing::info!(
            session.id = session.id.0,
            session.r#type = session_type.as_str(),
            user.name = %session.username,
            client.address = %session.address,
            "session {} established for {}", session.id, session.username
        );
        Ok((token, session))
    }

    /// One answer for an unknown user, a wrong password and a disabled account, after the same work.
    async fn prove(&self, typed_name: &str, password: &str, address: IpAddr) -> Result<Account, AppError> {
        let username = Username::parse(typed_name).ok();
        // A name that cannot exist is throttled under one key: it must not fill the memory.
        let key = username.map_or_else(String::new, |username| username.key);
        self.throttle.attempt(&key, address, self.sessions.now()).map_err(|wait| AppError::Throttled {
            retry_after_seconds: wait.as_millis().div_ceil(1_000).try_into().unwrap_or(u64::MAX),
        })?;
        let account = self.accounts.find(typed_name).filter(|account| !account.disabled);
        let normalised = username::new_password(password);
        let stored = account.as_ref().filter(|_| normalised.is_ok()).map(|account| account.password_hash.clone());
        let verified = self.passwords.verify(normalised.unwrap_or_default(), stored).await;
        let right = verified.inspect_err(|_| self.throttle.take_back(&key, address))?;
        match account {
            Some(account) if right => {
                self.throttle.succeeded(&key, address);
                Ok(account)
            }
            _ => {
                tracing::info!(client.address = %address, "sign-in refused from {address}");
                Err(AppError::WrongCredentials)
            }
        }
    }
}

#[async_trait]
impl Authority for SignIn {
    async fn sign_in(&self, form: SignInForm, client: Client) -> Result<SignedIn, AppError> {
        let plain_page = !form.rd.is_empty();
        let session_type = if plain_page { SessionType::Browser } else { SessionType::RestApi };
        let (token, _) = self.with_password(&form.username, &form.password, session_type, client).await?;
        let location = match self.redirects.application(&form.rd) {
            Some(application) => application.into(),
            None => self.redirects.within(&form.next),
        };
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
