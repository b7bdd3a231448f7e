//! `/api/v1/sessions`: sign in, list, show, delete.

use std::{net::IpAddr, time::Instant};

use app::{
    error::AppError,
    paths,
    principal::Principal,
    scope::Scope,
    session::{Client, Session, SessionId, SessionType, page::Page, query::SessionQuery},
};
use axum::{
    Extension, Json as JsonBody,
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};

use super::{
    json::Json,
    list_json,
    problem::Problem,
    schema::{self, Id},
    wire::{self, CreateSession, CreatedSession, DeleteSessions, DeletedBody, SessionBody, SessionListBody},
};
use crate::{
    auth::{
        authenticate::{Asker, ClientPrincipal, judge, note_use, presented},
        token::SessionToken,
    },
    headers,
    metrics::Checker,
    state::AppState,
};

/// Signs in, or registers a session on behalf of a user of a non-REST integration.
#[utoipa::path(
    post, path = "/api/v1/sessions", operation_id = "create_session", tag = "sessions",
    request_body = schema::CreateSession,
    responses(
        (status = 201, body = CreatedSession, description = "The token is shown this once"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
    // Signing in needs no token, registering does.
    security((), ("token" = []))
)]
pub async fn create(
    State(state): State<AppState>,
    asker: Option<Extension<Principal>>,
    token: Option<Extension<ClientPrincipal>>,
    Extension(client): Extension<Client>,
    Json(body): Json<CreateSession>,
) -> Result<Response, Problem> {
    let session_type = body.session_type.as_deref().map(wire::session_type).transpose()?;
    let (token, session) = match (session_type, &body.password) {
        (None | Some(SessionType::RestApi), Some(password)) => {
            if body.address.is_some() || body.user_agent.is_some() {
                return Err(Problem::new(400, "'address' and 'user_agent' are only for session_type other"));
            }
            state.sign_in.with_password(&body.username, password, SessionType::RestApi, client, None).await?
        }
        (Some(SessionType::Other), None) => {
            let asker = match (asker, &token) {
                (Some(Extension(asker)), _) => asker,
                (None, Some(Extension(client))) => {
                    let needed = Scope::SessionsCreate;
                    client.with(needed).cloned().ok_or_else(|| Problem::missing_scope(needed))?
                }
                (None, None) => return Err(AppError::Unauthorized.into()),
            };
            register(&state, &asker, &body).await?
        }
        (Some(SessionType::Other), Some(_)) => {
            return Err(Problem::new(
                400,
                "leave 'password' out: a session of type other is registered, not signed in",
            ));
        }
        (Some(SessionType::Browser), _) => {
            return Err(Problem::new(400, "a session of type browser is established on the sign-in page only"));
        }
        (None | Some(SessionType::RestApi), None) => {
            return Err(Problem::new(400, "'password' is missing"));
        }
    };
    let body = CreatedSession { token: token.expose().to_owned(), session: SessionBody::from(session) };
    Ok((StatusCode::CREATED, JsonBody(body)).into_response())
}

async fn register(
    state: &AppState,
    asker: &Principal,
    body: &CreateSession,
) -> Result<(SessionToken, Session), AppError> {
    state.sessions.administrators_only(asker)?;
    let address: IpAddr = body
        .address
        .as_deref()
        .ok_or_else(|| AppError::Invalid("'address' is missing: the device's IP address".to_owned()))?
        .parse()
        .map_err(|_| AppError::Invalid("'address' is not an IP address".to_owned()))?;
    let client = Client::new(address, body.user_agent.as_deref().unwrap_or_default());
    state.sign_in.register(asker, &body.username, client).await
}

/// Part of the list of all sessions.
#[utoipa::path(
    get, path = "/api/v1/sessions", operation_id = "list_sessions", tag = "sessions",
    params(
        ("type" = Option<String>, Query, description = "rest, browser or other"),
        ("q" = Option<String>, Query, description = "words that must each occur in a column"),
        ("sort" = Option<String>, Query, description = "a column, with '-' before it for descending; default -last_active"),
        ("first" = Option<u64>, Query, format = "uint64", description = "the first row, from 0"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1_000, description = "how many rows, 1 to 1000; default 50"),
    ),
    responses(
        (status = 200, body = SessionListBody),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn list(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let query = SessionQuery::parse(&query.unwrap_or_default()).map_err(AppError::from)?;
    let page = state.sessions.list(&asker, &query)?;
    Ok(listed(&page))
}

/// The answer to a request for a part of the list in an order that is kept up. To read such a part takes less time than the
/// way through the routes. `None` for all others, and for whoever may not read it: the routes say why.
pub fn list_at_once<B>(state: &AppState, request: &Request<B>) -> Option<Response> {
    let path = request.uri().path();
    if request.method() != Method::GET || path != paths::API_SESSIONS {
        return None;
    }
    let (begun, now) = (Instant::now(), state.sessions.now());
    let query = SessionQuery::parse(request.uri().query().unwrap_or_default()).ok()?;
    if !query.is_in_kept_order() {
        return None;
    }
    let asker = match judge(state, path, &presented(state, path, request.headers())?, now)? {
        Asker::User(principal) => principal,
        Asker::Client(client) => {
            let principal = client.with(Scope::SessionsRead)?.clone();
            note_use(state, request, principal.session_id);
            principal
        }
        Asker::AppPassword(_) => return None,
    };
    let page = state.sessions.list(&asker, &query).ok()?;
    state.metrics.count_check(Checker::Request, true);
    let mut response = listed(&page);
    headers::protect(state, response.headers_mut());
    state.metrics.count_answer(path, response.status(), begun.elapsed());
    Some(response)
}

fn listed(page: &Page) -> Response {
    ([(CONTENT_TYPE, "application/json")], list_json::to_json(page)).into_response()
}

/// One session.
#[utoipa::path(
    get, path = "/api/v1/sessions/{id}", operation_id = "show_session", tag = "sessions",
    params(("id" = Id, Path)),
    responses(
        (status = 200, body = SessionBody),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn show(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<JsonBody<SessionBody>, Problem> {
    let session = state.sessions.get(&asker, session_id(&id)?)?;
    Ok(JsonBody(SessionBody::from(session)))
}

/// Ends one session for good. Idempotent: 204 also when it has ended already.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{id}", operation_id = "delete_session", tag = "sessions",
    params(("id" = Id, Path)),
    responses(
        (status = 204, description = "It is out, at once, for good"),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Your own: end it under My Sessions"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Outcome unknown: denied, try again"),
    ),
    security(("token" = []))
)]
pub async fn delete(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = session_id(&id)?;
    state.sessions.delete_one(&asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends many sessions for good, in one action.
#[utoipa::path(
    post, path = "/api/v1/sessions/delete", operation_id = "delete_sessions", tag = "sessions",
    request_body = DeleteSessions,
    responses(
        (status = 200, body = DeletedBody),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 415, body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json", description = "Outcome unknown: denied, try again"),
    ),
    security(("token" = []))
)]
pub async fn delete_many(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Json(body): Json<DeleteSessions>,
) -> Result<JsonBody<DeletedBody>, Problem> {
    let outcome = state.sessions.delete(&asker, body.selection()?).await?;
    Ok(JsonBody(outcome.into()))
}

/// The id in an address.
///
/// # Errors
/// 400, which says what it must be.
pub(super) fn session_id(text: &str) -> Result<SessionId, Problem> {
    text.parse()
        .map_err(|_| Problem::new(400, format!("'{}' is not a session id: use a whole number", text.escape_debug())))
}
