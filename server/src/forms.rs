//! Plain HTML forms: what the pages send without JavaScript. Each does its work through the same service as the server
//! functions and REST, and answers 303 to the page that shows the outcome.

use app::{
    authority::{Authority, SignInForm},
    error::AppError,
    pages::SignInData,
    paths,
    principal::Principal,
    session::{
        Client, SessionId,
        column::{Column, Columns},
        query::SessionQuery,
        selection::Selection,
    },
};
use axum::{
    Extension, RequestExt,
    body::{Body, Bytes},
    extract::{Form, Request, State},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use http::{HeaderName, StatusCode, header::SET_COOKIE};
use url::form_urlencoded;

use crate::{
    api::problem::Problem,
    pages::{self, parameter, selected_ids},
    state::AppState,
};

/// POST `/sign-in`.
pub async fn sign_in(
    State(state): State<AppState>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Problem> {
    let bare = bare_request(&request);
    let Form(form): Form<SignInForm> =
        request.extract().await.map_err(|rejection: axum::extract::rejection::FormRejection| {
            Problem::new(rejection.status().as_u16(), rejection.body_text())
        })?;
    let error = match state.sign_in.sign_in(form.clone(), client).await {
        Ok(signed_in) => {
            let cookie = AppendHeaders([(SET_COOKIE, signed_in.set_cookie)]);
            return Ok((cookie, Redirect::to(&signed_in.location)).into_response());
        }
        Err(error) => error,
    };
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let data = SignInData {
        error: Some(error.to_string()),
        username: form.username,
        next: form.next,
        rd: form.rd,
        ..pages::sign_in_data(&state)
    };
    let mut response = pages::render_sign_in(&state, bare, status, data).await;
    if let AppError::Throttled { retry_after_seconds } = error {
        response.headers_mut().insert(http::header::RETRY_AFTER, retry_after_seconds.into());
    }
    Ok(response)
}

/// POST `/sign-out`.
pub async fn sign_out(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
) -> Result<Response, Problem> {
    state.sessions.sign_out(asker.session_id).await?;
    let headers = AppendHeaders([
        (SET_COOKIE, state.sign_in.clearing_cookie()),
        // The Back button must not show what was on the screen (ASVS 14.3.1).
        (HeaderName::from_static("clear-site-data"), "\"cache\", \"storage\"".to_owned()),
    ]);
    Ok((headers, Redirect::to(&format!("{}?reason=signed_out", paths::SIGN_IN))).into_response())
}

/// POST `/reports/sessions`: deletes what was confirmed.
pub async fn delete_sessions(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    body: Bytes,
) -> Result<Redirect, Problem> {
    let form = String::from_utf8_lossy(&body);
    let outcome = state.sessions.delete(&asker, Selection::Ids(selected_ids(&form))).await?;
    tracing::info!(principal.name = %asker.username, "{} sessions deleted by {}", outcome.deleted, asker.username);
    let mut query = form_urlencoded::Serializer::new(back(&form));
    query.append_pair("deleted", &outcome.deleted.to_string());
    query.append_pair("skipped", &outcome.skipped.len().to_string());
    Ok(Redirect::to(&format!("{}?{}", paths::SESSIONS, query.finish())))
}

/// POST `/account/sessions`: ends one of the asker's other sessions.
pub async fn end_own_session(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    body: Bytes,
) -> Result<Redirect, Problem> {
    let id: SessionId = parameter(&String::from_utf8_lossy(&body), "id")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Problem::new(400, "'id' is missing or not a session id"))?;
    state.sessions.end_own(&asker, id).await?;
    Ok(Redirect::to(&format!("{}?ended={id}", paths::MY_SESSIONS)))
}

/// POST `/account/columns`: remembers the shown columns.
pub async fn set_columns(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    body: Bytes,
) -> Result<Redirect, Problem> {
    let form = String::from_utf8_lossy(&body);
    let chosen: Vec<Column> = form_urlencoded::parse(form.as_bytes())
        .filter(|(name, _)| name == "columns")
        .filter_map(|(_, value)| Column::parse(&value))
        .collect();
    state.sign_in.set_columns(&asker, Columns::from(chosen)).await?;
    let back = back(&form);
    let separator = if back.is_empty() { "" } else { "?" };
    Ok(Redirect::to(&format!("{}{separator}{back}", paths::SESSIONS)))
}

/// The query string of the page that a form was on, rebuilt from what it means: nothing foreign gets into a header.
fn back(form: &str) -> String {
    let (query, _) = SessionQuery::parse_lenient(&parameter(form, "back").unwrap_or_default());
    query.to_query_string()
}

/// The same request without its body, for rendering a page after the body has been read.
fn bare_request(request: &Request) -> Request {
    let mut bare = Request::new(Body::empty());
    *bare.method_mut() = request.method().clone();
    *bare.uri_mut() = request.uri().clone();
    *bare.headers_mut() = request.headers().clone();
    *bare.extensions_mut() = request.extensions().clone();
    bare
}
