//! `/api/v1/introspect`: whether a token that somebody presents to an application is good (RFC 7662), one or many.

use std::{net::SocketAddr, time::Instant};

use app::{
    paths,
    principal::{Principal, Role},
    scope::Scope,
    session::{
        SessionType, TokenHash,
        store::{Activity, Purpose},
    },
    time::Timestamp,
};
use axum::{
    Extension, Json as JsonBody,
    extract::{Request, State},
};
use http::{
    HeaderName, Method, StatusCode,
    header::{CONTENT_TYPE, COOKIE, ORIGIN},
};
use url::form_urlencoded;

use super::{
    json::{Json, body_of, must_be},
    problem::Problem,
    wire::{IntrospectMany, Introspected, IntrospectedMany},
};
use crate::{
    auth::{
        authenticate::{Asker, judge, presented, role_in},
        token::hash_of_presented,
    },
    header_values::HeaderValues,
    metrics::Checker,
    serve::{Answer, Whole},
    state::AppState,
};

/// The most tokens of one batch.
const MOST: usize = 64;
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What the body is.
const FORM: &str = "application/x-www-form-urlencoded";

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
    must_be(&request, FORM)?;
    let body = body_of(request).await?;
    let mut tokens = form_urlencoded::parse(&body).filter(|(name, _)| name == "token").map(|(_, token)| token);
    match (tokens.next().filter(|token| !token.is_empty()), tokens.next()) {
        (Some(token), None) => {
            Ok(JsonBody(look_at(&state, hash_of_presented(token.as_bytes()).as_ref(), state.sessions.now())))
        }
        (None, _) => Err(Problem::new(400, "'token' is missing: the token that was presented")),
        (Some(_), Some(_)) => Err(Problem::new(400, "'token' occurs twice: ask about one, or use /introspect/batch")),
    }
}

/// Answers for one token at once, without the way through the routes, where nothing about the request is special: a
/// client that is no browser and may ask, and a body that is a token as we make them. `false` for all others.
pub fn answer_at_once(state: &AppState, peer: SocketAddr, request: &Whole<'_>, answer: &mut Answer) -> bool {
    // What a browser sends has to be looked at for where it comes from.
    let is_plain = |name| request.first(&name).is_none();
    let is_form = |value: &[u8]| value.eq_ignore_ascii_case(FORM.as_bytes());
    if request.method != Method::POST.as_str()
        || request.target != paths::INTROSPECT
        || ![ORIGIN, COOKIE, SEC_FETCH_SITE].into_iter().all(is_plain)
        || !request.first(&CONTENT_TYPE).is_some_and(is_form)
    {
        return false;
    }
    let (begun, now) = (Instant::now(), state.sessions.now());
    let Some(token) = request.body.strip_prefix(b"token=").and_then(hash_of_presented) else { return false };
    let credential = presented(state, request.target, request);
    let asker = match credential.and_then(|credential| judge(state, request.target, &credential, now)) {
        Some(Asker::User(principal)) => principal,
        Some(Asker::Client(client)) => {
            let Some(principal) = client.with(Scope::Introspect) else { return false };
            state.client_notes.note_use(principal.session_id, state.proxies.client_of(peer, request));
            principal.clone()
        }
        Some(Asker::AppPassword(_)) | None => return false,
    };
    if asker.role != Role::Administrator {
        return false;
    }
    state.metrics.count_check(Checker::Request, true);
    let body = look_at(state, Some(&token), now).to_json();
    answer.begin(StatusCode::OK, now);
    answer.headers("\r\ncontent-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff");
    answer.end(body.as_bytes());
    state.metrics.count_answer(request.target, StatusCode::OK, begun.elapsed());
    true
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
    let now = state.sessions.now();
    let results =
        body.tokens.iter().map(|token| look_at(&state, hash_of_presented(token.as_bytes()).as_ref(), now)).collect();
    Ok(JsonBody(IntrospectedMany { results }))
}

/// A token that is not good says nothing else, whatever it is; nor does a client token, which is for nobody but us.
fn look_at(state: &AppState, token: Option<&TokenHash>, now: Timestamp) -> Introspected {
    let checked = token.and_then(|hash| state.sessions.check(hash, Activity::User, now));
    let token_type = match checked.as_ref().map(|checked| (checked.purpose, checked.session_type)) {
        // Whoever registered it had nobody's word for the name.
        Some((Purpose::Everything, SessionType::Other)) => Some("registered"),
        Some((Purpose::Everything, _)) => Some("session"),
        Some((Purpose::Applications, _)) => Some("app_password"),
        Some((Purpose::Rest(_), _)) | None => None,
    };
    state.metrics.count_check(Checker::Introspection, token_type.is_some());
    let found = checked.filter(|_| token_type.is_some()).and_then(|checked| Some((role_in(state, &checked)?, checked)));
    let Some((role, checked)) = found else { return Introspected::default() };
    Introspected {
        active: true,
        sub: Some(checked.username.clone()),
        username: Some(checked.username),
        role: Some(role.as_str()),
        token_type,
        session_id: Some(checked.id.0),
        session_type: Some(checked.session_type.as_str()),
        iat: Some(checked.created_at.as_millis() / 1_000),
        exp: Some(checked.deadline.as_millis() / 1_000),
        created_at: Some(checked.created_at),
        last_active_at: Some(checked.last_active_at),
    }
}
