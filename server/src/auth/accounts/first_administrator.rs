//! The administrator that a store begins with.

use std::path::Path;

use anyhow::{Context, bail};
use app::{principal::Role, time::Timestamp};

use super::Accounts;
use crate::auth::{token::SessionToken, username};

/// The name of the first administrator.
const FIRST_ADMINISTRATOR: &str = "Admin";

impl Accounts {
    /// Adds the first administrator to a store that has none, and prints its password unless it came from a file.
    /// Accounts that were added before the first start do not count unless one of them is an administrator's.
    ///
    /// # Errors
    /// When the password file cannot be used, when its name belongs to an account that is no administrator, or as the
    /// store says.
    pub async fn ensure_administrator(&self, password_file: Option<&Path>, now: Timestamp) -> anyhow::Result<()> {
        if self.read().values().any(|account| account.role == Role::Administrator) {
            return Ok(());
        }
        let Some(file) = password_file else {
            let password = random_password()?;
            self.add(FIRST_ADMINISTRATOR, Role::Administrator, &password, now, None).await?;
            println!("first start: sign in as {FIRST_ADMINISTRATOR} with password {password}");
            return Ok(());
        };
        let content = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the administrator's password from {}", file.display()))?;
        let password = content.lines().next().unwrap_or_default();
        if let Err(problem) = username::new_password(password) {
            bail!("{}: {problem}", file.display());
        }
        self.add(FIRST_ADMINISTRATOR, Role::Administrator, password, now, None).await?;
        Ok(())
    }
}

/// 80 bits in four groups of four: easy to copy by hand, hard to guess.
fn random_password() -> anyhow::Result<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let token = SessionToken::generate().map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let letters: Vec<char> =
        token.hash().0.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    Ok(letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::accounts, *};

    #[tokio::test(flavor = "multi_thread")]
    async fn users_added_before_the_first_start_do_not_keep_the_administrator_away() {
        let accounts = accounts();
        accounts.add("anna", Role::User, "a long password", Timestamp::default(), None).await.unwrap();
        accounts.ensure_administrator(None, Timestamp::default()).await.unwrap();
        assert_eq!(accounts.role_of("Admin"), Some(Role::Administrator));
        let password = accounts.find("Admin").unwrap().password_hash;
        accounts.ensure_administrator(None, Timestamp::default()).await.unwrap();
        assert_eq!(accounts.find("Admin").unwrap().password_hash, password);
    }

    #[test]
    fn first_passwords_are_random_and_readable() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 19);
    }
}
