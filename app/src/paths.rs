//! The addresses that both halves know. Every route of the server is in its `router.rs`.

/// Active Sessions.
pub const SESSIONS: &str = "/reports/sessions";
/// My Sessions.
pub const MY_SESSIONS: &str = "/account/sessions";
/// The sign-in page.
pub const SIGN_IN: &str = "/sign-in";
/// Ends the asker's own session (POST).
pub const SIGN_OUT: &str = "/sign-out";
/// Remembers the shown columns (POST of the plain form).
pub const COLUMNS: &str = "/account/columns";
/// The live channel.
pub const LIVE: &str = "/live";
/// What reverse proxies ask before they let a request pass.
pub const FORWARD_AUTH: &str = "/forward-auth";
/// The list of all sessions, for REST clients; signing in (POST).
pub const API_SESSIONS: &str = "/api/v1/sessions";
/// Where an application asks about a token that it was shown (RFC 7662).
pub const INTROSPECT: &str = "/api/v1/introspect";
/// Whether there is a server at all.
pub const HEALTH: &str = "/healthz";
/// Makes an app password (POST of the plain form).
pub const APP_PASSWORDS: &str = "/account/app-passwords";
/// Makes a client token (POST of the plain form).
pub const CLIENT_TOKENS: &str = "/account/client-tokens";
/// Users, for administrators.
pub const USERS: &str = "/users";
/// Changes the asker's own password (POST of the plain form).
pub const PASSWORD: &str = "/account/password";

/// Whether a path is that of [`FORWARD_AUTH`], or below it.
pub fn is_forward_auth(path: &str) -> bool {
    path.strip_prefix(FORWARD_AUTH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
