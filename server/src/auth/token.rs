//! Session tokens: the secrets that find sessions.

use std::fmt;

use app::session::TokenHash;
use sha2::{Digest, Sha256};

/// The secret in a cookie or bearer header: 256 bits from the operating system, written as 64 hexadecimal digits.
///
/// It has no `Serialize` and no `Display`, and is shown to its owner once, through [`SessionToken::expose`].
pub struct SessionToken(String);

impl SessionToken {
    /// A new token.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut secret = [0_u8; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self(secret.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text to hand to the owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the session is stored and found under.
    pub fn hash(&self) -> TokenHash {
        hash_of(self.0.as_bytes())
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// The hash of a presented token, or `None` when the text cannot be one of ours: the look-up is then spared.
pub fn hash_of_presented(text: &[u8]) -> Option<TokenHash> {
    // Without a way out of the loop, so that it looks at many bytes at a time.
    let is_hex = || text.iter().fold(true, |is, byte| is & matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (text.len() == 64 && is_hex()).then(|| hash_of(text))
}

fn hash_of(text: &[u8]) -> TokenHash {
    TokenHash(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_have_256_bits_and_do_not_repeat() {
        let tokens: HashSet<_> = (0..10_000).map(|_| SessionToken::generate().unwrap().0).collect();
        assert_eq!(tokens.len(), 10_000);
        assert!(tokens.iter().all(|token| hash_of_presented(token.as_bytes()).is_some()));
    }

    #[test]
    fn a_token_is_found_by_its_hash_and_never_printed() {
        let token = SessionToken::generate().unwrap();
        assert_eq!(hash_of_presented(token.expose().as_bytes()), Some(token.hash()));
        assert_eq!(format!("{token:?} {:?}", token.hash()), "SessionToken(..) TokenHash(..)");
    }

    #[test]
    fn what_cannot_be_a_token_is_not_looked_up() {
        for text in ["", "abc", &"A".repeat(64), &"g".repeat(64), &"a".repeat(65)] {
            assert_eq!(hash_of_presented(text.as_bytes()), None);
        }
    }
}
