//! App passwords: secrets for clients that cannot show the sign-in page. They are presented by HTTP Basic in front of
//! applications, and are good for nothing else.

use std::sync::Arc;

use app::{
    error::AppError,
    principal::Principal,
    session::{
        Client, Session, TokenHash,
        service::Sessions,
        store::{Checked, Purpose},
    },
};
use base64::prelude::{BASE64_STANDARD, Engine};

use super::{
    accounts::Accounts,
    sign_in::with_token,
    token::{SessionToken, hash_of_presented},
};

/// See the module.
pub struct AppPasswords {
    sessions: Arc<Sessions>,
    accounts: Arc<Accounts>,
}

/// What a client presents by HTTP Basic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basic {
    /// As typed into the client.
    pub username: String,
    /// What its session is found by, if it is one.
    pub token: TokenHash,
}

impl Basic {
    /// Reads what follows `Basic` in an `Authorization` header (RFC 7617, UTF-8). `None` when it cannot be an app
    /// password.
    pub fn read(credentials: &str) -> Option<Self> {
        let decoded = BASE64_STANDARD.decode(credentials.trim()).ok()?;
        let (username, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        Some(Self { username: username.to_owned(), token: hash_of_presented(password.as_bytes())? })
    }
}

impl AppPasswords {
    /// Those of the users of `accounts`.
    pub fn new(sessions: Arc<Sessions>, accounts: Arc<Accounts>) -> Self {
        Self { sessions, accounts }
    }

    /// Makes one for whoever asks; the secret is shown this once.
    ///
    /// # Errors
    /// As [`Sessions::create_app_password`]; [`AppError::Invalid`] for a user without an account.
    pub async fn create(
        &self,
        asker: &Principal,
        name: &str,
        days: u64,
        client: Client,
    ) -> Result<(SessionToken, Session), AppError> {
        let account = self.accounts.find(&asker.username).filter(|account| !account.disabled);
        if account.is_none() {
            return Err(AppError::Invalid("only users with an account have app passwords".to_owned()));
        }
        with_token(|token| self.sessions.create_app_password(asker, name, days, client, token)).await
    }

    /// Whether a session that was found is the app password of the user who is named.
    pub fn is_of(&self, username: &str, checked: &Checked) -> bool {
        checked.purpose == Purpose::Applications
            && self.accounts.find(username).is_some_and(|account| account.name == checked.username && !account.disabled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read_as_rfc_7617_writes_them() {
        let secret = "0123456789abcdef".repeat(4);
        let read = |text: &str| Basic::read(&BASE64_STANDARD.encode(text));
        let basic = read(&format!("Jürgen:{secret}")).unwrap();
        assert_eq!((basic.username.as_str(), basic.token), ("Jürgen", hash_of_presented(secret.as_bytes()).unwrap()));
        assert!(read(&format!(":{secret}")).is_some_and(|basic| basic.username.is_empty()));
        for text in [secret.as_str(), "anna:", "anna:password", &format!("anna:b:{secret}"), ""] {
            assert_eq!(read(text), None, "{text}");
        }
        for credentials in ["", "%%%", "YTpi\u{e9}", "/////w=="] {
            assert_eq!(Basic::read(credentials), None, "{credentials}");
        }
    }
}
