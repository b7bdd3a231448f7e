//! The port to accounts: who may sign in, and what is remembered of them.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    error::AppError,
    principal::Principal,
    session::{Client, SessionId, column::Columns, service::Sessions},
};

/// What a sign-in form carries.
#[derive(Clone, Default)]
pub struct SignInForm {
    /// As typed.
    pub username: String,
    /// As typed.
    pub password: String,
    /// The page of ours to go to afterwards.
    pub next: String,
    /// The application to return to afterwards. Present on the plain page: the session is then of type Browser.
    pub rd: String,
}

impl std::fmt::Debug for SignInForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInForm").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A successful sign-in through a form.
#[derive(Clone)]
pub struct SignedIn {
    /// Value of the `Set-Cookie` header.
    pub set_cookie: String,
    /// Where the browser goes now: always a page of ours or an application that is allowed.
    pub location: String,
}

/// Who may sign in, and what is remembered of them.
#[async_trait]
pub trait Authority: Send + Sync + 'static {
    /// Proves an identity by password and establishes a session. The session `replaced`, whose cookie is about to be
    /// overwritten, ends (ASVS 7.2.4).
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an `rd` that leads to no application; [`AppError::WrongCredentials`], the same for an
    /// unknown user, a wrong password and a disabled account; [`AppError::Throttled`]; [`AppError::Unavailable`].
    async fn sign_in(
        &self,
        form: SignInForm,
        client: Client,
        replaced: Option<SessionId>,
    ) -> Result<SignedIn, AppError>;

    /// Value of the `Set-Cookie` header that takes the cookie away.
    fn clearing_cookie(&self) -> String;

    /// The columns that the asker has chosen.
    fn columns(&self, asker: &Principal) -> Columns;

    /// Remembers the columns that the asker has chosen.
    ///
    /// # Errors
    /// [`AppError::OutcomeUnknown`] or [`AppError::Unavailable`].
    async fn set_columns(&self, asker: &Principal, columns: Columns) -> Result<(), AppError>;
}

/// What server functions work with: put into the Leptos context by the server.
#[derive(Clone)]
pub struct Backend {
    /// The session rules.
    pub sessions: Arc<Sessions>,
    /// Accounts.
    pub authority: Arc<dyn Authority>,
}
