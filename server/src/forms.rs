//! Plain HTML forms: what the pages send without JavaScript. Each does its work through the same service as the server
//! functions and REST, and answers 303 to the page that shows the outcome.

use app::{
    authority::{Authority, SignInForm},
    error::AppError,
    pages::{Made, SignInData, StandingForm},
    paths,
    principal::Principal,
    scope::Scope,
    session::{
        Client, Session,
        column::{Column, Columns},
        query::SessionQuery,
        selection::Selection,
    },
};
use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::{AppendHeaders, IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header::SET_COOKIE};
use url::form_urlencoded;

use crate::{
    api::{json::body_of, problem::Problem},
    auth::{sign_in::with_token, token::SessionToken},
    pages::{self, MySessionsForms, parameter, selected_ids},
    state::AppState,
};

/// POST `/sign-in`.
///
/// # Errors
/// When the body cannot be read.
pub async fn sign_in(
    State(state): State<AppState>,
    asker: Option<Extension<Principal>>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Problem> {
    let asker = asker.map(|Extension(asker)| asker);
    let (bare, body) = taken_apart(request).await?;
    let field = |name| parameter(&body, name).unwrap_or_default();
    let form =
        SignInForm { username: field("username"), password: field("password"), next: field("next"), rd: field("rd") };
    if let Err(error) = state.sign_in.redirects.application(&form.rd) {
        return Ok(pages::refusal(&state, bare.headers(), asker.as_ref(), error));
    }
    let replaced = asker.map(|asker| asker.session_id);
    let error = match state.sign_in.sign_in(form.clone(), client, replaced).await {
        Ok(signed_in) => {
            let cookie = AppendHeaders([(SET_COOKIE, signed_in.set_cookie)]);
            return Ok((cookie, Redirect::to(&signed_in.location)).into_response());
        }
        Err(error) => error,
    };
    let data = SignInData {
        error: Some(error.to_string()),
        username: form.username,
        next: form.next,
        rd: form.rd,
        ..pages::sign_in_data(&state)
    };
    let mut response = pages::render_sign_in(&state, bare.headers(), pages::status_of(&error), data);
    if let AppError::Throttled { retry_after_seconds } = error {
        response.headers_mut().insert(http::header::RETRY_AFTER, retry_after_seconds.into());
    }
    Ok(response)
}

/// POST `/sign-out`. The cookie goes even if it is not known whether the end is durable: the session is denied.
pub async fn sign_out(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Response {
    let headers = AppendHeaders([
        (SET_COOKIE, state.sign_in.clearing_cookie()),
        // The Back button must not show what was on the screen (ASVS 14.3.1).
        (HeaderName::from_static("clear-site-data"), "\"cache\", \"storage\"".to_owned()),
    ]);
    match state.sessions.sign_out(asker.session_id).await {
        Ok(()) => (headers, Redirect::to(&format!("{}?reason=signed_out", paths::SIGN_IN))).into_response(),
        Err(error @ AppError::OutcomeUnknown) => {
            (headers, pages::refusal(&state, request.headers(), None, error)).into_response()
        }
        Err(error) => pages::refusal(&state, request.headers(), Some(&asker), error),
    }
}

/// POST `/reports/sessions`: deletes what was confirmed.
///
/// # Errors
/// When the body cannot be read.
pub async fn delete_sessions(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, form) = taken_apart(request).await?;
    let outcome = state.sessions.delete(&asker, Selection::Ids(selected_ids(&form))).await;
    let location = outcome.map(|outcome| {
        let mut query = form_urlencoded::Serializer::new(back(&form));
        query.append_pair("deleted", &outcome.deleted.to_string());
        query.append_pair("skipped", &outcome.skipped.len().to_string());
        format!("{}?{}", paths::SESSIONS, query.finish())
    });
    Ok(answered(&state, bare.headers(), &asker, location))
}

/// POST `/account/sessions`: ends one of the asker's other sessions.
///
/// # Errors
/// When the body cannot be read.
pub async fn end_own_session(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, form) = taken_apart(request).await?;
    let id = parameter(&form, "id")
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| AppError::Invalid("'id' is missing or not a session id".to_owned()));
    let outcome = match id {
        Ok(id) => state.sessions.end_own(&asker, id).await.map(|()| format!("{}?ended={id}", paths::MY_SESSIONS)),
        Err(error) => Err(error),
    };
    Ok(answered(&state, bare.headers(), &asker, outcome))
}

/// POST `/account/app-passwords`: makes an app password and shows it, this once.
///
/// # Errors
/// When the body cannot be read.
pub async fn create_app_password(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, form) = standing_form(request).await?;
    let made = state.app_passwords.create(&asker, &form.name, days_in(&form), client).await;
    let forms = |app_password| MySessionsForms { app_password, ..MySessionsForms::default() };
    Ok(with_standing(&state, bare.headers(), &asker, form, made, forms))
}

/// POST `/account/client-tokens`: makes a client token and shows it, this once.
///
/// # Errors
/// When the body cannot be read.
pub async fn create_client_token(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, form) = standing_form(request).await?;
    let (name, days, scopes) = (&form.name, days_in(&form), form.scopes);
    let made = with_token(|token| state.sessions.create_client_token(&asker, name, days, scopes, client, token)).await;
    let forms = |client_token| MySessionsForms { client_token, ..MySessionsForms::default() };
    Ok(with_standing(&state, bare.headers(), &asker, form, made, forms))
}

/// POST `/account/password`: changes the asker's own password.
///
/// # Errors
/// When the body cannot be read.
pub async fn change_password(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, body) = taken_apart(request).await?;
    let field = |name| parameter(&body, name).unwrap_or_default();
    let error = match state.sign_in.change_password(&asker, &field("current"), &field("new"), client).await {
        Ok(()) => return Ok(Redirect::to(&format!("{}?changed=password", paths::MY_SESSIONS)).into_response()),
        Err(error @ AppError::Unauthorized) => return Ok(pages::refusal(&state, bare.headers(), None, error)),
        Err(AppError::WrongCredentials) => AppError::Invalid("the current password is not right".to_owned()),
        Err(error) => error,
    };
    let written = MySessionsForms { password_error: Some(error.to_string()), ..MySessionsForms::default() };
    Ok(pages::render_my_sessions(&state, bare.headers(), pages::status_of(&error), &asker, None, written))
}

async fn standing_form(request: Request) -> Result<(Request, StandingForm), Problem> {
    let (bare, body) = taken_apart(request).await?;
    let field = |name| parameter(&body, name).unwrap_or_default();
    let scopes = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name == "scopes");
    let scopes = scopes.filter_map(|(_, value)| Scope::parse(&value)).collect();
    Ok((bare, StandingForm { name: field("name"), days: field("days"), scopes, ..StandingForm::default() }))
}

/// What is no number is told as one that is out of range.
fn days_in(form: &StandingForm) -> u64 {
    form.days.parse().unwrap_or(0)
}

/// My Sessions with what a form has made, or with the form as it was typed and what is wrong with it.
fn with_standing(
    state: &AppState,
    headers: &HeaderMap,
    asker: &Principal,
    form: StandingForm,
    made: Result<(SessionToken, Session), AppError>,
    forms: impl FnOnce(StandingForm) -> MySessionsForms,
) -> Response {
    let (status, form) = match made {
        Ok((secret, session)) => {
            let made = Some(Made { name: session.standing_name(), secret: secret.expose().to_owned() });
            (StatusCode::OK, StandingForm { made, ..StandingForm::default() })
        }
        Err(error @ AppError::Unauthorized) => return pages::refusal(state, headers, None, error),
        Err(error) => (pages::status_of(&error), StandingForm { error: Some(error.to_string()), ..form }),
    };
    pages::render_my_sessions(state, headers, status, asker, None, forms(form))
}

/// POST `/account/columns`: remembers the shown columns.
///
/// # Errors
/// When the body cannot be read.
pub async fn set_columns(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, form) = taken_apart(request).await?;
    let chosen: Vec<Column> = form_urlencoded::parse(form.as_bytes())
        .filter(|(name, _)| name == "columns")
        .filter_map(|(_, value)| Column::parse(&value))
        .collect();
    let outcome = state.sign_in.set_columns(&asker, Columns::from(chosen)).await;
    let back = back(&form);
    let separator = if back.is_empty() { "" } else { "?" };
    let location = outcome.map(|()| format!("{}{separator}{back}", paths::SESSIONS));
    Ok(answered(&state, bare.headers(), &asker, location))
}

/// Goes to the page that shows the outcome, or shows a page that says why not.
fn answered(state: &AppState, headers: &HeaderMap, asker: &Principal, location: Result<String, AppError>) -> Response {
    match location {
        Ok(location) => Redirect::to(&location).into_response(),
        Err(error) => pages::refusal(state, headers, Some(asker), error),
    }
}

/// The query string of the page that a form was on, rebuilt from what it means: nothing foreign gets into a header.
fn back(form: &str) -> String {
    let (query, _) = SessionQuery::parse_lenient(&parameter(form, "back").unwrap_or_default());
    query.to_query_string()
}

/// The request without its body, for rendering a page, and the body.
///
/// # Errors
/// When the body cannot be read.
pub async fn taken_apart(request: Request) -> Result<(Request, String), Problem> {
    let mut bare = Request::new(Body::empty());
    *bare.method_mut() = request.method().clone();
    *bare.uri_mut() = request.uri().clone();
    *bare.headers_mut() = request.headers().clone();
    *bare.extensions_mut() = request.extensions().clone();
    let body = body_of(request).await?;
    Ok((bare, String::from_utf8_lossy(&body).into_owned()))
}
