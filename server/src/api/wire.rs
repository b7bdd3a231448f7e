//! The JSON shapes of REST.

mod introspection;

use std::{net::IpAddr, sync::Arc};

use app::{
    scope::{Scope, Scopes},
    session::{
        Session, SessionId, SessionType, Standing,
        page::Page,
        query::Filter,
        selection::{Deleted, Selection, SkipReason},
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use super::{
    problem::Problem,
    schema::{Address, Id, ScopeWord, SessionTypeWord},
};

pub use self::introspection::{Introspect, IntrospectMany, Introspected, IntrospectedMany};

/// One session.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// Its public number: handed out in order, never reused.
    #[schema(value_type = Id)]
    pub id: u64,
    /// The account it was established under.
    #[schema(value_type = String)]
    pub username: Arc<str>,
    /// `rest`, `browser` or `other`.
    #[schema(value_type = SessionTypeWord)]
    pub session_type: &'static str,
    /// The address of the device.
    #[schema(value_type = Address)]
    pub address: IpAddr,
    /// The server the user signed in on.
    #[schema(value_type = String)]
    pub server_name: Arc<str>,
    /// The client's own words.
    #[schema(value_type = String)]
    pub user_agent: Arc<str>,
    /// Browser and system in words.
    #[schema(value_type = String)]
    pub client: Arc<str>,
    /// When the user signed in (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T23:04:05.120Z")]
    #[serde(serialize_with = "rfc_3339")]
    pub created_at: Timestamp,
    /// When the last request was accepted (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime, example = "2026-11-23T23:04:05.120Z")]
    #[serde(serialize_with = "rfc_3339")]
    pub last_active_at: Timestamp,
    /// The app password that it is; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_password: Option<AppPasswordBody>,
    /// The client token that it is; only then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_token: Option<ClientTokenBody>,
}

/// A session that a user has made for a client that cannot sign in.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppPasswordBody {
    /// What its user calls it.
    pub name: String,
    /// When it ends, used or not (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime, example = "2027-11-23T23:04:05.120Z")]
    #[serde(serialize_with = "rfc_3339")]
    pub expires_at: Timestamp,
}

/// A session that an administrator has made for a client of REST.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientTokenBody {
    /// What its administrator calls it.
    pub name: String,
    /// When it ends, used or not (RFC 3339, UTC).
    #[schema(value_type = String, format = DateTime, example = "2027-11-23T23:04:05.120Z")]
    #[serde(serialize_with = "rfc_3339")]
    pub expires_at: Timestamp,
    /// What it may do: `introspect`, `sessions:read`, `sessions:create`, `sessions:delete`, `metrics`.
    #[schema(value_type = Vec<ScopeWord>)]
    pub scopes: Vec<&'static str>,
}

fn rfc_3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}

impl From<Session> for SessionBody {
    fn from(session: Session) -> Self {
        let (app_password, client_token) = match session.standing.as_deref() {
            None => (None, None),
            Some(Standing { name, expires_at, scopes: None }) => {
                (Some(AppPasswordBody { name: name.clone(), expires_at: *expires_at }), None)
            }
            Some(Standing { name, expires_at, scopes: Some(scopes) }) => {
                let scopes = scopes.iter().map(Scope::as_str).collect();
                (None, Some(ClientTokenBody { name: name.clone(), expires_at: *expires_at, scopes }))
            }
        };
        Self {
            id: session.id.0,
            username: session.username,
            session_type: session.session_type.as_str(),
            address: session.address,
            server_name: session.server_name,
            user_agent: session.user_agent,
            client: session.client,
            created_at: session.created_at,
            last_active_at: session.last_active_at,
            app_password,
            client_token,
        }
    }
}

/// The sessions of whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSessionsBody {
    /// Newest activity first, at most 1,000.
    pub sessions: Vec<SessionBody>,
}

/// Part of the session list.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionListBody {
    /// Distinct users who are signed in.
    pub active_users: u64,
    /// Open sessions in all.
    pub active_sessions: u64,
    /// Sessions that match the filter, exactly.
    pub total: u64,
    /// The newest session id handed out when the list was read: send it as `as_of` to delete no newer ones.
    #[schema(value_type = Id)]
    pub as_of: u64,
    /// The number of changes made when the list was read.
    pub revision: u64,
    /// The rows asked for, in order.
    pub sessions: Vec<SessionBody>,
}

impl From<Page> for SessionListBody {
    fn from(page: Page) -> Self {
        Self {
            active_users: page.counts.active_users,
            active_sessions: page.counts.active_sessions(),
            total: page.total,
            as_of: page.as_of.0,
            revision: page.revision.0,
            sessions: page.sessions.into_iter().map(SessionBody::from).collect(),
        }
    }
}

/// A new session, as it is read. Which fields go together: [`schema::CreateSession`](super::schema::CreateSession).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateSession {
    /// Who signs in.
    pub username: String,
    /// Their password; not for `other`.
    pub password: Option<String>,
    /// `rest` (the default) or `other`.
    pub session_type: Option<String>,
    /// The address of the device; only for `other`.
    pub address: Option<String>,
    /// The device's own words; only for `other`.
    pub user_agent: Option<String>,
}

/// A new session and its token.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedSession {
    /// The secret to send as `Authorization: Bearer`. Shown this once.
    pub token: String,
    /// The session.
    pub session: SessionBody,
}

/// A new app password of whoever asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAppPassword {
    /// What it is for, 1 to 64 bytes.
    #[schema(min_length = 1, max_length = 64, example = "Calendar on the phone")]
    pub name: String,
    /// After how many days it ends, 1 to 366.
    #[schema(minimum = 1, maximum = 366)]
    pub expires_in_days: u64,
}

/// A new client token of whoever asks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateClientToken {
    /// What it is for, 1 to 64 bytes.
    #[schema(min_length = 1, max_length = 64, example = "Wiki")]
    pub name: String,
    /// What it may do: `introspect`, `sessions:read`, `sessions:create`, `sessions:delete`, `metrics`; at least one.
    #[schema(value_type = Vec<ScopeWord>, min_items = 1, example = json!(["introspect"]))]
    pub scopes: Vec<String>,
    /// After how many days it ends, 1 to 366.
    #[schema(minimum = 1, maximum = 366)]
    pub expires_in_days: u64,
}

/// Reads scopes.
///
/// # Errors
/// Says which words there are.
pub fn scopes(words: &[String]) -> Result<Scopes, Problem> {
    let scope = |word: &String| {
        Scope::parse(word).ok_or_else(|| {
            let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
            Problem::new(400, format!("'{}' is not a scope: use {}", word.escape_debug(), known.join(", ")))
        })
    };
    words.iter().map(scope).collect()
}

/// A new app password.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedAppPassword {
    /// The secret to send with the username by HTTP Basic. Shown this once.
    pub password: String,
    /// Its session: deleting it revokes the app password for good.
    pub session: SessionBody,
}

/// My own session.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnSessionBody {
    /// `administrator` or `user`.
    pub role: &'static str,
    /// The session that asks.
    pub session: SessionBody,
}

/// Which sessions to delete: either `ids`, or `query` with `as_of`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteSessions {
    /// Exactly these.
    #[schema(value_type = Option<Vec<Id>>)]
    pub ids: Option<Vec<u64>>,
    /// All that match; with `as_of`.
    pub query: Option<FilterBody>,
    /// Only sessions up to this id, as the list told it.
    #[schema(value_type = Option<Id>)]
    pub as_of: Option<u64>,
    /// With `query`: these stay.
    #[schema(value_type = Vec<Id>)]
    #[serde(default)]
    pub except: Vec<u64>,
    /// Must be true for an empty query, which means every session of every other user.
    #[serde(default)]
    pub all: bool,
}

/// Which sessions are meant.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterBody {
    /// `rest`, `browser` or `other`.
    #[schema(value_type = Option<SessionTypeWord>)]
    #[serde(rename = "type")]
    pub session_type: Option<String>,
    /// Words that must each occur in a column.
    #[serde(default)]
    pub q: String,
}

impl DeleteSessions {
    /// The selection that is meant.
    ///
    /// # Errors
    /// Says which fields to change.
    pub fn selection(self) -> Result<Selection, Problem> {
        let invalid = |detail: &str| Err(Problem::new(400, detail));
        match (self.ids, self.query, self.as_of) {
            (Some(_), _, _) if !self.except.is_empty() || self.all => {
                invalid("'except' and 'all' go with 'query', not with 'ids'")
            }
            (Some(ids), None, None) => Ok(Selection::Ids(ids.into_iter().map(SessionId).collect())),
            (None, Some(query), Some(as_of)) => {
                let session_type = query.session_type.as_deref().map(session_type).transpose()?;
                let filter = Filter { session_type, search: query.q };
                if filter.is_empty() && !self.all {
                    return invalid("an empty query means every session: add \"all\": true if you mean it");
                }
                let except = self.except.into_iter().map(SessionId).collect();
                Ok(Selection::Matching { filter, as_of: SessionId(as_of), at: None, except })
            }
            (None, Some(_), None) => invalid("'query' needs 'as_of': the as_of of the list you saw"),
            _ => invalid("send either 'ids', or 'query' with 'as_of'"),
        }
    }
}

/// Reads a session type.
///
/// # Errors
/// Says which words there are.
pub fn session_type(text: &str) -> Result<SessionType, Problem> {
    SessionType::parse(text).ok_or_else(|| {
        Problem::new(400, format!("'{}' is not a session type: use rest, browser or other", text.escape_debug()))
    })
}

/// What became of a delete.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeletedBody {
    /// How many sessions ended.
    pub deleted: u64,
    /// Those that were left alone, and why.
    pub skipped: Vec<SkippedBody>,
}

/// A session that was left alone.
#[derive(Debug, Serialize, ToSchema)]
pub struct SkippedBody {
    /// Which.
    #[schema(value_type = Id)]
    pub id: u64,
    /// `own_username` (end it under My Sessions) or `already_ended`.
    pub reason: &'static str,
}

impl From<Deleted> for DeletedBody {
    fn from(outcome: Deleted) -> Self {
        let skipped = outcome.skipped.into_iter().map(|skipped| SkippedBody {
            id: skipped.id.0,
            reason: match skipped.reason {
                SkipReason::OwnUsername => "own_username",
                SkipReason::AlreadyEnded => "already_ended",
            },
        });
        Self { deleted: outcome.deleted, skipped: skipped.collect() }
    }
}
