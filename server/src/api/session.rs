//! `/api/v1/session`: the session that asks.

use app::{authority::Authority, error::AppError, principal::Principal};
use axum::{
    Extension, Json as JsonBody,
    extract::State,
    response::{AppendHeaders, IntoResponse},
};
use http::{StatusCode, header::SET_COOKIE};

use super::{
    problem::Problem,
    wire::{OwnSessionBody, SessionBody},
};
use crate::state::AppState;

/// My own session.
#[utoipa::path(
    get, path = "/api/v1/session", operation_id = "show_own_session", tag = "session",
    responses(
        (status = 200, body = OwnSessionBody),
        (status = 401, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
) -> Result<JsonBody<OwnSessionBody>, Problem> {
    // It may have ended since the request began.
    let session = state.sessions.get(&asker, asker.session_id).map_err(|_| AppError::Unauthorized)?;
    Ok(JsonBody(OwnSessionBody { role: asker.role.as_str(), session: SessionBody::from(session) }))
}

/// Signs out: ends the session that asks.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "session",
    responses(
        (status = 204, description = "Signed out"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn sign_out(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
) -> Result<impl IntoResponse, Problem> {
    state.sessions.sign_out(asker.session_id).await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, state.sign_in.clearing_cookie())])))
}
