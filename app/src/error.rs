//! What can go wrong with a request, as its sender is told.

use leptos::{prelude::FromServerFnError, server_fn::error::ServerFnErrorErr};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    session::query::QueryError,
    wire::{self, WireEncoding},
};

/// A refused or failed request. What a 4xx says tells what to change; a 5xx says nothing about the inside.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppError {
    /// No live session came with the request.
    #[error("sign in first")]
    Unauthorized,
    /// Unknown user, wrong password or disabled account: one answer for all three.
    #[error("The username or password is not right.")]
    WrongCredentials,
    /// Only administrators may sign in just now; says why.
    #[error("{}", format!("Only administrators may sign in just now. {_0}").trim_end())]
    Locked(String),
    /// The account may not do this.
    #[error("only an administrator may do this")]
    Forbidden,
    /// A delete of one's own session outside My Sessions.
    #[error("session {0} is your own: end it under My Sessions (/account/sessions)")]
    OwnSession(u64),
    /// No such thing.
    #[error("there is no {0}")]
    NotFound(String),
    /// Input that cannot be used; names the field and what it takes.
    #[error("{0}")]
    Invalid(String),
    /// A query parameter that cannot be used.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Too many failed sign-ins.
    #[error("Too many failed attempts. Try again in {retry_after_seconds} s.")]
    Throttled {
        /// Whole seconds to wait.
        retry_after_seconds: u64,
    },
    /// The store could not say whether the change is durable. Trying again is safe.
    #[error("the outcome is unknown because the store failed: try again")]
    OutcomeUnknown,
    /// The server is too busy or stopping. Nothing was done.
    #[error("the server cannot do this just now: try again")]
    Unavailable,
    /// A defect; logged on the server.
    #[error("something went wrong on the server; its log says what")]
    Internal,
    /// The page that asks is not of the server's version.
    #[error("Keepwatch has been updated: reload the page")]
    OtherVersion,
    /// The server could not be reached or its answer not be read.
    #[error("the server could not be reached")]
    Unreachable,
}

impl AppError {
    /// The HTTP status of this error.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Unauthorized | Self::WrongCredentials => 401,
            Self::Forbidden | Self::Locked(_) => 403,
            Self::NotFound(_) => 404,
            Self::OwnSession(_) => 409,
            Self::Invalid(_) | Self::Query(_) => 400,
            Self::OtherVersion => wire::OTHER_VERSION,
            Self::Throttled { .. } => 429,
            Self::Internal => 500,
            Self::Unreachable => 502,
            Self::OutcomeUnknown | Self::Unavailable => 503,
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = WireEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            // In the browser it is the answer that cannot be read, on the server the request.
            ServerFnErrorErr::Deserialization(problem) if !cfg!(target_family = "wasm") => Self::Invalid(problem),
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) | ServerFnErrorErr::Deserialization(_) => {
                Self::Unreachable
            }
            ServerFnErrorErr::Args(problem) | ServerFnErrorErr::MissingArg(problem) => Self::Invalid(problem),
            _ => Self::Internal,
        }
    }
}
