//! `/api/v1/client-tokens`: tokens for clients of REST, made by administrators.

use app::{principal::Principal, session::Client};
use axum::{Extension, Json as JsonBody, extract::State};
use http::StatusCode;

use super::{
    json::Json,
    problem::Problem,
    wire::{self, CreateClientToken, CreatedSession, SessionBody},
};
use crate::{auth::sign_in::with_token, state::AppState};

/// Makes a client token: a session of type rest, which ends when it expires or is deleted.
#[utoipa::path(
    post, path = "/api/v1/client-tokens", operation_id = "create_client_token", tag = "session",
    request_body = CreateClientToken,
    responses(
        (status = 201, body = CreatedSession, description = "The token is shown this once"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn create(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Extension(client): Extension<Client>,
    Json(body): Json<CreateClientToken>,
) -> Result<(StatusCode, JsonBody<CreatedSession>), Problem> {
    let scopes = wire::scopes(&body.scopes)?;
    let (name, days) = (&body.name, body.expires_in_days);
    let (token, session) =
        with_token(|token| state.sessions.create_client_token(&asker, name, days, scopes, client, token)).await?;
    let body = CreatedSession { token: token.expose().to_owned(), session: SessionBody::from(session) };
    Ok((StatusCode::CREATED, JsonBody(body)))
}
