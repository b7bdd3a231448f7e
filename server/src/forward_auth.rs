//! `/forward-auth`: whether a request to an application behind a reverse proxy may pass.

use app::principal::Principal;
use axum::{
    Extension,
    response::{AppendHeaders, IntoResponse},
};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::api::problem::Problem;

/// 200 with `Remote-User`, `Remote-Role` and `Remote-Session`. The route lets nobody through who is not signed in, and
/// nothing that a client can write takes part in the decision but the session token.
///
/// # Errors
/// 401 when the username cannot stand in a header.
pub async fn check(Extension(asker): Extension<Principal>) -> Result<impl IntoResponse, Problem> {
    let name = HeaderValue::from_bytes(asker.username.as_bytes())
        .map_err(|_| Problem::new(401, "the username cannot be passed on in a header"))?;
    let role = HeaderValue::from_static(asker.role.as_str());
    let session = HeaderValue::from(asker.session_id.0);
    let headers = [("remote-user", name), ("remote-role", role), ("remote-session", session)]
        .map(|(header, value)| (HeaderName::from_static(header), value));
    Ok((StatusCode::OK, AppendHeaders(headers)))
}
