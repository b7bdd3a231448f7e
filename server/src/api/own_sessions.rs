//! `/api/v1/account/sessions`: the sessions of whoever asks, app passwords and client tokens among them.

use app::principal::Principal;
use axum::{
    Extension, Json as JsonBody,
    extract::{Path, State},
};
use http::StatusCode;

use super::{
    problem::Problem,
    schema::Id,
    sessions::session_id,
    wire::{OwnSessionsBody, SessionBody},
};
use crate::state::AppState;

/// My sessions, newest activity first.
#[utoipa::path(
    get, path = "/api/v1/account/sessions", operation_id = "list_own_sessions", tag = "session",
    responses(
        (status = 200, body = OwnSessionsBody),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(State(state): State<AppState>, Extension(asker): Extension<Principal>) -> JsonBody<OwnSessionsBody> {
    let sessions = state.sessions.own(&asker).into_iter().map(SessionBody::from).collect();
    JsonBody(OwnSessionsBody { sessions })
}

/// Ends one of my other sessions for good. Idempotent: 204 also when it has ended already.
#[utoipa::path(
    delete, path = "/api/v1/account/sessions/{id}", operation_id = "end_own_session", tag = "session",
    params(("id" = Id, Path)),
    responses(
        (status = 204, description = "It is out, at once, for good"),
        (status = 400, body = Problem, content_type = "application/problem+json", description = "No session id"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json", description = "It is somebody else's"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "It is the one that asks: sign out instead"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Outcome unknown: denied, try again"),
    ),
    security(("token" = []))
)]
pub async fn end(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = session_id(&id)?;
    if id == asker.session_id {
        return Err(Problem::new(409, format!("session {id} is the one that asks: use DELETE /api/v1/session")));
    }
    state.sessions.end_own(&asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
