//! `/api/v1/introspect`: whether a token that somebody presents to an application is good (RFC 7662), one or many.

use app::{
    principal::Principal,
    session::{
        SessionType,
        store::{Activity, Purpose},
    },
};
use axum::{
    Extension, Json as JsonBody,
    extract::{Request, State},
};
use url::form_urlencoded;

use super::{
    json::{Json, body_of, must_be},
    problem::Problem,
    wire::{IntrospectMany, Introspected, IntrospectedMany},
};
use crate::{
    auth::{authenticate::role_in, token::hash_of_presented},
    metrics::Checker,
    state::AppState,
};

/// The most tokens of one batch.
const MOST: usize = 64;

/// Whether a token is good. It counts as use of its session, as forward-auth does.
#[utoipa::path(
    post, path = "/api/v1/introspect", tag = "introspection",
    request_body(content = super::wire::Introspect, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, body = Introspected),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn introspect(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Result<JsonBody<Introspected>, Problem> {
    state.sessions.administrators_only(&asker)?;
    must_be(&request, "application/x-www-form-urlencoded")?;
    let body = body_of(request).await?;
    let mut tokens = form_urlencoded::parse(&body).filter(|(name, _)| name == "token").map(|(_, token)| token);
    match (tokens.next().filter(|token| !token.is_empty()), tokens.next()) {
        (Some(token), None) => Ok(JsonBody(look_at(&state, &token))),
        (None, _) => Err(Problem::new(400, "'token' is missing: the token that was presented")),
        (Some(_), Some(_)) => Err(Problem::new(400, "'token' occurs twice: ask about one, or use /introspect/batch")),
    }
}

/// The same for up to 64 tokens, answered in their order.
#[utoipa::path(
    post, path = "/api/v1/introspect/batch", tag = "introspection", request_body = IntrospectMany,
    responses(
        (status = 200, body = IntrospectedMany),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn introspect_many(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Json(body): Json<IntrospectMany>,
) -> Result<JsonBody<IntrospectedMany>, Problem> {
    state.sessions.administrators_only(&asker)?;
    if body.tokens.len() > MOST {
        let many = body.tokens.len();
        return Err(Problem::new(400, format!("'tokens' has {many} tokens: send at most {MOST} at a time")));
    }
    let results = body.tokens.iter().map(|token| look_at(&state, token)).collect();
    Ok(JsonBody(IntrospectedMany { results }))
}

/// A token that is not good says nothing else, whatever it is; nor does a client token, which is for nobody but us.
fn look_at(state: &AppState, token: &str) -> Introspected {
    let checked = hash_of_presented(token).and_then(|hash| state.sessions.check(&hash, Activity::User));
    let token_type = match checked.as_ref().map(|checked| (checked.purpose, checked.session_type)) {
        // Whoever registered it had nobody's word for the name.
        Some((Purpose::Everything, SessionType::Other)) => Some("registered"),
        Some((Purpose::Everything, _)) => Some("session"),
        Some((Purpose::Applications, _)) => Some("app_password"),
        Some((Purpose::Rest(_), _)) | None => None,
    };
    state.metrics.count_check(Checker::Introspection, token_type.is_some());
    let checked = checked.filter(|_| token_type.is_some());
    let found = checked.and_then(|checked| Some((role_in(state, &checked)?, state.sessions.store().get(checked.id)?)));
    // It may have ended since.
    let Some((role, session)) = found else { return Introspected::default() };
    let expires_at = state.sessions.deadline(&session);
    Introspected {
        active: true,
        sub: Some(session.username.clone()),
        username: Some(session.username),
        role: Some(role.as_str()),
        token_type,
        session_id: Some(session.id.0),
        session_type: Some(session.session_type.as_str()),
        iat: Some(session.created_at.as_millis() / 1_000),
        exp: Some(expires_at.as_millis() / 1_000),
        created_at: Some(session.created_at.to_string()),
        last_active_at: Some(session.last_active_at.to_string()),
    }
}
