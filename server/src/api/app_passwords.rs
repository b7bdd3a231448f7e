//! `/api/v1/app-passwords`: secrets for clients that cannot sign in.

use app::{principal::Principal, session::Client};
use axum::{Extension, Json as JsonBody, extract::State};
use http::StatusCode;

use super::{
    json::Json,
    problem::Problem,
    wire::{CreateAppPassword, CreatedAppPassword, SessionBody},
};
use crate::state::AppState;

/// Makes an app password: a session of type other, which ends when it expires or is deleted.
#[utoipa::path(
    post, path = "/api/v1/app-passwords", operation_id = "create_app_password", tag = "session",
    request_body = CreateAppPassword,
    responses(
        (status = 201, body = CreatedAppPassword, description = "The password is shown this once"),
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
    Json(body): Json<CreateAppPassword>,
) -> Result<(StatusCode, JsonBody<CreatedAppPassword>), Problem> {
    let (password, session) = state.app_passwords.create(&asker, &body.name, body.expires_in_days, client).await?;
    let body = CreatedAppPassword { password: password.expose().to_owned(), session: SessionBody::from(session) };
    Ok((StatusCode::CREATED, JsonBody(body)))
}
