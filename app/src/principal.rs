//! Who is asking.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::session::SessionId;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees all sessions and deletes those of others.
    Administrator,
    /// Sees and ends their own sessions.
    User,
}

impl Role {
    /// The word in JSON, headers and the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::User => "user",
        }
    }

    /// The word in the console.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Administrator => "Administrator",
            Self::User => "User",
        }
    }

    /// The role that [`Role::as_str`] writes as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Administrator, Self::User].into_iter().find(|role| role.as_str() == text)
    }
}

/// Who is asking: the outcome of a successful check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Canonical name of the account.
    pub username: Arc<str>,
    /// What the account may do now, not when the session was established.
    pub role: Role,
    /// The session the request came with.
    pub session_id: SessionId,
}
