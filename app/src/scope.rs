//! What a client token may do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that a client token may do. A session that was signed in to has no scopes: it may do what its account may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Ask whether tokens of others are good.
    Introspect,
    /// Read the session list, and follow it.
    SessionsRead,
    /// Register sessions of type Other.
    SessionsCreate,
    /// Delete sessions.
    SessionsDelete,
    /// Read `/metrics`.
    Metrics,
}

impl Scope {
    /// Every scope, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::Introspect, Self::SessionsRead, Self::SessionsCreate, Self::SessionsDelete, Self::Metrics];

    /// The word in JSON and forms.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Introspect => "introspect",
            Self::SessionsRead => "sessions:read",
            Self::SessionsCreate => "sessions:create",
            Self::SessionsDelete => "sessions:delete",
            Self::Metrics => "metrics",
        }
    }

    /// The scope that [`Scope::as_str`] writes as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Introspect => 1,
            Self::SessionsRead => 2,
            Self::SessionsCreate => 4,
            Self::SessionsDelete => 8,
            Self::Metrics => 16,
        }
    }
}

/// A set of scopes, as the sum of a bit for each: 1 introspect, 2 sessions:read, 4 sessions:create, 8 sessions:delete,
/// 16 metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(pub u8);

impl Scopes {
    /// Whether a scope is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Those in it, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }

    /// Whether there is none in it.
    pub fn is_empty(self) -> bool {
        self.iter().next().is_none()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

/// Separated by spaces, as OAuth writes them.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it() {
        let scopes: Scopes = [Scope::SessionsDelete, Scope::Introspect].into_iter().collect();
        assert_eq!(scopes.to_string(), "introspect sessions:delete");
        assert!(!scopes.contains(Scope::SessionsRead) && !scopes.is_empty() && Scopes::default().is_empty());
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Some(scope));
        }
        assert_eq!(Scope::parse("sessions"), None);
    }
}
