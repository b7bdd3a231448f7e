//! Usernames and passwords as text: one spelling for one account.

use app::error::AppError;
use precis_profiles::{
    OpaqueString, UsernameCaseMapped, UsernameCasePreserved, precis_core::profile::PrecisFastInvocation,
};

/// The longest username, in bytes.
pub const MAX_USERNAME: usize = 255;

/// A username: how it is shown, and the key under which all its spellings meet (RFC 8265).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    /// As its owner writes it, normalised.
    pub shown: String,
    /// The same for every spelling that differs only in case, width or composition.
    pub key: String,
}

impl Username {
    /// Parses a username as typed.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when it is empty, longer than [`MAX_USERNAME`], or has spaces, control, bidirectional or
    /// other characters that RFC 8265 keeps out of usernames.
    pub fn parse(typed: &str) -> Result<Self, AppError> {
        if typed.is_empty() || typed.len() > MAX_USERNAME {
            return Err(AppError::Invalid(format!("username must have 1 to {MAX_USERNAME} bytes")));
        }
        // What the profiles do to these letters, many times as fast: checks of registered sessions parse a name.
        if typed.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self { shown: typed.to_owned(), key: typed.to_ascii_lowercase() });
        }
        Self::by_profiles(typed)
    }

    fn by_profiles(typed: &str) -> Result<Self, AppError> {
        let refused = || {
            AppError::Invalid(
                "username must not contain spaces, control, bidirectional or other invisible characters".to_owned(),
            )
        };
        let preserved = |text: &str| UsernameCasePreserved::enforce(text.to_owned()).ok();
        let mapped = |text: &str| UsernameCaseMapped::enforce(text.to_owned()).ok();
        let shown = preserved(typed).ok_or_else(refused)?.into_owned();
        let key = mapped(typed).ok_or_else(refused)?.into_owned();
        // RFC 8264 section 7: what does not come out of the rules as it went in has no canonical form. Some letters
        // have a small form that is younger than the tables.
        let is_stable = preserved(&shown).as_deref() == Some(&*shown)
            && mapped(&shown).as_deref() == Some(&*key)
            && mapped(&key).as_deref() == Some(&*key)
            && preserved(&key).as_deref() == Some(&*key);
        if !is_stable {
            return Err(refused());
        }
        Ok(Self { shown, key })
    }
}

/// A password as it is hashed: RFC 8265 OpaqueString, so that two keyboards give the same bytes.
///
/// # Errors
/// [`AppError::Invalid`] for control characters and anything not of 8 to 1,024 bytes.
pub fn new_password(typed: &str) -> Result<String, AppError> {
    if !(8..=1_024).contains(&typed.len()) {
        return Err(AppError::Invalid("the password must have 8 to 1024 bytes".to_owned()));
    }
    let refused = |_| AppError::Invalid("the password must not contain control characters".to_owned());
    Ok(OpaqueString::enforce(typed).map_err(refused)?.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ascii_is_what_the_profiles_make_of_it(typed in "[!-~]{1,40}") {
            prop_assert_eq!(Username::parse(&typed).unwrap(), Username::by_profiles(&typed).unwrap());
        }

        #[test]
        fn a_username_is_its_own_canonical_form(typed in "\\PC{1,20}") {
            if let Ok(username) = Username::parse(&typed) {
                prop_assert_eq!(Username::parse(&username.shown).unwrap(), username.clone());
                prop_assert_eq!(Username::parse(&username.key).unwrap().key, username.key);
            }
        }
    }

    #[test]
    fn spellings_of_one_name_meet() {
        let key = |typed| Username::parse(typed).unwrap().key;
        assert_eq!(key("Admin"), key("ADMIN"));
        assert_eq!(key("Ａｎｎａ"), key("anna"));
        assert_eq!(key("e\u{301}va"), key("\u{e9}va"));
        assert_eq!(Username::parse("Admin").unwrap().shown, "Admin");
    }

    #[test]
    fn invisible_and_bidirectional_characters_are_refused() {
        for typed in [
            "",
            "\u{13a0}",
            "a b",
            "a\u{0}",
            "a\u{7f}",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\nb",
            "\u{1b}[2J",
            &"a".repeat(256),
        ] {
            assert!(matches!(Username::parse(typed), Err(AppError::Invalid(_))), "{typed:?}");
        }
    }

    #[test]
    fn passwords_are_long_enough_and_normalised() {
        assert!(new_password("short").is_err());
        assert_eq!(new_password("e\u{301}ight-long").unwrap(), new_password("\u{e9}ight-long").unwrap());
    }
}
