//! The rules about what is made to be kept: app passwords and client tokens.

use std::{sync::Arc, time::Duration};

use super::{Sessions, log_established};
use crate::{
    error::AppError,
    principal::Principal,
    scope::Scopes,
    session::{Client, Session, SessionType, Standing, TokenHash, store::NewSession},
    time::Timestamp,
};

/// How many app passwords and client tokens a user may have together.
const MOST_STANDING: usize = 50;

impl Sessions {
    /// Makes an app password for whoever asks: a session of type Other that lasts as long as it was given, used or not.
    ///
    /// # Errors
    /// As [`Sessions::create_client_token`], which any user may.
    pub async fn create_app_password(
        &self,
        asker: &Principal,
        name: &str,
        days: u64,
        client: Client,
        token_hash: TokenHash,
    ) -> Result<Session, AppError> {
        let standing = new_standing(name, days, None, self.now())?;
        self.establish_standing(asker, SessionType::Other, standing, client, token_hash).await
    }

    /// Makes a client token for whoever asks: a session of type REST API that may do what its scopes say, as long as the
    /// account may.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a name, a number of days or scopes that cannot be used, or one too many;
    /// [`AppError::Forbidden`] unless an administrator asks, in a session that was established by a password; else as
    /// [`Sessions::establish`].
    pub async fn create_client_token(
        &self,
        asker: &Principal,
        name: &str,
        days: u64,
        scopes: Scopes,
        client: Client,
        token_hash: TokenHash,
    ) -> Result<Session, AppError> {
        self.administrators_only(asker)?;
        let standing = new_standing(name, days, Some(scopes), self.now())?;
        self.establish_standing(asker, SessionType::RestApi, standing, client, token_hash).await
    }

    async fn establish_standing(
        &self,
        asker: &Principal,
        session_type: SessionType,
        standing: Standing,
        client: Client,
        token_hash: TokenHash,
    ) -> Result<Session, AppError> {
        let asking = self.store.get(asker.session_id).ok_or(AppError::Unauthorized)?;
        // Nobody has proved to be the user of a registered session, and what is made to be kept makes nothing to be kept.
        if asking.session_type == SessionType::Other || asking.standing.is_some() {
            return Err(AppError::Forbidden);
        }
        let is_one = |session: &&Session| session.standing.is_some();
        if self.store.of_user(&asker.username).iter().filter(is_one).count() >= MOST_STANDING {
            return Err(AppError::Invalid(format!(
                "you have {MOST_STANDING} app passwords and client tokens: end one that you no longer use"
            )));
        }
        let session = self.new_session(asker.username.clone(), session_type, client, token_hash);
        let (asker, standing) = (Some(asker.session_id), Some(Arc::new(standing)));
        let session = self.store.create(NewSession { asker, standing, ..session }).await?;
        log_established(&session);
        Ok(session)
    }
}

fn new_standing(name: &str, days: u64, scopes: Option<Scopes>, now: Timestamp) -> Result<Standing, AppError> {
    let name = name.trim();
    if name.is_empty() || name.len() > Standing::NAME_BYTES || name.chars().any(char::is_control) {
        let most = Standing::NAME_BYTES;
        return Err(AppError::Invalid(format!(
            "'name' has 1 to {most} bytes and no control characters, such as 'Calendar'"
        )));
    }
    if !(1..=Standing::MOST_DAYS).contains(&days) {
        let most = Standing::MOST_DAYS;
        return Err(AppError::Invalid(format!("it must expire after 1 to {most} days, not {days}")));
    }
    if scopes.is_some_and(Scopes::is_empty) {
        return Err(AppError::Invalid("a client token needs at least one scope".to_owned()));
    }
    Ok(Standing { name: name.to_owned(), expires_at: now.plus(Duration::from_secs(days * 24 * 60 * 60)), scopes })
}
