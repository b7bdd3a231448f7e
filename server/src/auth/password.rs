//! Password hashing: argon2id, off the async threads, a bounded number at a time.

use std::{sync::Arc, time::Duration};

use app::error::AppError;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString},
};
use tokio::sync::Semaphore;

/// 19 MiB, two passes, one lane (OWASP Password Storage; ASVS 11.4.2).
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// A stored hash that asks for more than this is damaged or forged, and is not tried.
const MAX_MEMORY_KIB: u32 = 256 * 1_024;
/// How long a sign-in waits for its turn before it is answered "try again".
const PATIENCE: Duration = Duration::from_secs(2);

/// Verifies passwords on blocking threads, as many at once as there are permits.
#[derive(Clone)]
pub struct PasswordHasher {
    permits: Arc<Semaphore>,
    dummy: Arc<str>,
}

impl PasswordHasher {
    /// A hasher that works on up to `at_once` passwords at a time: at most `at_once` × 19 MiB.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new(at_once: usize) -> anyhow::Result<Self> {
        let dummy = hash_now("a password nobody has")?.into();
        Ok(Self { permits: Arc::new(Semaphore::new(at_once)), dummy })
    }

    /// Whether `password` is the one that `stored` was made from. Without a stored hash the answer is no, after the
    /// same work: nobody learns from the clock which names exist.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when too many are waiting.
    pub async fn verify(&self, password: String, stored: Option<Arc<str>>) -> Result<bool, AppError> {
        let known = stored.is_some();
        let hash = stored.unwrap_or_else(|| self.dummy.clone());
        Ok(self.in_turn(move || verify_now(&password, &hash)).await? && known)
    }

    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
        let waiting = tokio::time::timeout(PATIENCE, self.permits.clone().acquire_owned());
        let Ok(Ok(permit)) = waiting.await else { return Err(AppError::Unavailable) };
        // The permit goes into the thread: a client that hangs up must not make room for one more.
        let working = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        working.await.map_err(|_| AppError::Internal)
    }
}

/// Hashes on the calling thread: for the command line.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn hash_now(password: &str) -> anyhow::Result<String> {
    let mut salt = [0_u8; 16];
    getrandom::fill(&mut salt).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| anyhow::anyhow!("{error}"))?;
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes(), &salt).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(hash.to_string())
}

fn verify_now(password: &str, stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    let affordable = Params::try_from(&parsed)
        .is_ok_and(|params| params.m_cost() <= MAX_MEMORY_KIB && params.t_cost() <= 16 && params.p_cost() <= 16);
    affordable && Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let hasher = PasswordHasher::new(2).unwrap();
        let stored: Arc<str> = hash_now("correct horse").unwrap().into();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(hasher.verify("correct horse".to_owned(), Some(stored.clone())).await.unwrap());
        assert!(!hasher.verify("wrong horse".to_owned(), Some(stored)).await.unwrap());
    }

    #[tokio::test]
    async fn nobody_signs_in_without_a_stored_hash() {
        let hasher = PasswordHasher::new(1).unwrap();
        assert!(!hasher.verify("a password nobody has".to_owned(), None).await.unwrap());
    }

    #[test]
    fn a_hash_that_asks_for_gigabytes_is_not_tried() {
        let greedy =
            "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert!(!verify_now("x", greedy));
    }
}
