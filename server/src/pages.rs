//! The pages: what each shows, rendered on the server.

use app::{
    authority::Authority,
    error::AppError,
    pages::{BadSearch, Confirm, MessageData, MySessionsData, PageData, SessionsData, SignInData, StandingForm},
    paths,
    principal::{Principal, Role},
    session::{
        SessionId,
        query::{QueryError, SessionQuery},
        selection::{DeletePreview, Selection},
    },
    shell,
};
use axum::{
    Extension,
    extract::{Request, State},
    response::{Html, IntoResponse, Redirect, Response},
};
use http::{HeaderMap, StatusCode, header};
use leptos::{
    nonce::Nonce,
    prelude::{Owner, RenderHtml},
};
use url::form_urlencoded;

use crate::{
    assets,
    auth::{authenticate::Presented, cookie::utc_offset},
    compression,
    state::AppState,
};

/// What a page depends on that is compressed where that is accepted.
const VARY: &str = "Accept-Encoding, Cookie, Origin, Sec-Fetch-Site";

/// Renders a page for whoever has sent these headers.
pub fn render(state: &AppState, headers: &HeaderMap, status: StatusCode, page: PageData) -> Response {
    let nonce = Nonce::new();
    let takes_gzip = compression::takes(headers, "gzip");
    let owner = Owner::new_root(None);
    let html = owner.with(|| shell::shell(page, assets::assets(), &nonce).to_html());
    owner.unset_with_forced_cleanup();
    let mut response = if takes_gzip {
        (status, [(header::CONTENT_ENCODING, "gzip"), (header::VARY, VARY)], Html(compression::gzip(&html)))
            .into_response()
    } else {
        (status, Html(html)).into_response()
    };
    state.policy.protect_page(&mut response, &nonce);
    response
}

/// `/`: the page that the asker works with.
pub async fn home(Extension(asker): Extension<Principal>) -> Redirect {
    match asker.role {
        Role::Administrator => Redirect::to(paths::SESSIONS),
        Role::User => Redirect::to(paths::MY_SESSIONS),
    }
}

/// Active Sessions. `ids` (repeated) or `only` in the address ask to confirm a deletion, for browsers without
/// JavaScript; `deleted` and `skipped` tell what the last one did.
pub async fn sessions(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Response {
    let parameters = request.uri().query().unwrap_or_default().to_owned();
    let (query, mut problems) = SessionQuery::parse_lenient(&parameters);
    let bad_search = problems.extract_if(.., |problem| problem.parameter() == "q").last().map(|problem| BadSearch {
        typed: parameter(&parameters, "q").unwrap_or_default(),
        problem: match problem {
            QueryError::Search(error) => error.to_string(),
            other => other.to_string(),
        },
    });
    let page = match state.sessions.list(&asker, &query) {
        Ok(page) => page,
        Err(error) => return refusal(&state, request.headers(), Some(&asker), error),
    };
    let ids = selected_ids(&parameters);
    let preview = match ids.as_slice() {
        [] => None,
        ids => state.sessions.preview(&asker, &Selection::Ids(ids.to_vec())).ok(),
    };
    let notice = notice(&parameters, preview.as_ref());
    let confirm = preview.filter(|preview| preview.sessions > 0).map(|preview| Confirm { ids, preview });
    let data = SessionsData {
        viewer: state.viewer(&asker),
        columns: state.sign_in.columns(&asker),
        now: state.sessions.now(),
        utc_offset: utc_offset(request.headers()),
        lifetimes: *state.sessions.lifetimes(),
        problems: problems.iter().map(ToString::to_string).collect(),
        notice,
        bad_search,
        advice: state.proxies.advice(state.sessions.store().shared_address()),
        query,
        page,
        confirm,
    };
    render(&state, request.headers(), StatusCode::OK, PageData::Sessions(Box::new(data)))
}

/// My Sessions.
pub async fn my_sessions(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Response {
    let parameters = request.uri().query().unwrap_or_default();
    let notice = if parameter(parameters, "ended").is_some() {
        Some("The session was ended.".to_owned())
    } else {
        parameter(parameters, "changed")
            .map(|_| "Your password was changed; your other sessions have ended.".to_owned())
    };
    render_my_sessions(&state, request.headers(), StatusCode::OK, &asker, notice, Default::default())
}

/// The forms below My Sessions, and what they have done.
#[derive(Debug, Default)]
pub struct MySessionsForms {
    /// For a new app password.
    pub app_password: StandingForm,
    /// For a new client token.
    pub client_token: StandingForm,
    /// Why the password was not changed.
    pub password_error: Option<String>,
}

/// Renders My Sessions with what its forms have done.
pub fn render_my_sessions(
    state: &AppState,
    headers: &HeaderMap,
    status: StatusCode,
    asker: &Principal,
    notice: Option<String>,
    forms: MySessionsForms,
) -> Response {
    let MySessionsForms { app_password, client_token, password_error } = forms;
    let data = MySessionsData {
        viewer: state.viewer(asker),
        sessions: state.sessions.own(asker),
        current: asker.session_id,
        now: state.sessions.now(),
        utc_offset: utc_offset(headers),
        notice,
        app_password,
        client_token,
        password_error,
    };
    render(state, headers, status, PageData::MySessions(data))
}

/// The sign-in page; an application that is none of ours is refused before anybody types a password. One who is signed in already goes where they wanted.
pub async fn sign_in(
    State(state): State<AppState>,
    asker: Option<Extension<Principal>>,
    presented: Option<Extension<Presented>>,
    request: Request,
) -> Response {
    let parameters = request.uri().query().unwrap_or_default().to_owned();
    let text = |name| parameter(&parameters, name).unwrap_or_default();
    let (next, rd) = (text("next"), text("rd"));
    if let Err(error) = state.sign_in.redirects.application(&rd) {
        return refusal(&state, request.headers(), None, error);
    }
    if asker.is_some() && rd.is_empty() {
        return Redirect::to(&state.sign_in.redirects.within(&next)).into_response();
    }
    // What the server knows of the presented token is better than what a tab could guess.
    let known = presented.and_then(|Extension(Presented(token))| state.store.end_reason(&token));
    let reason = known.map_or_else(|| text("reason"), |reason| reason.as_str().to_owned());
    let locked = state.accounts.lock().map(|lock| AppError::Locked(lock.message).to_string());
    let notice = locked.or_else(|| reason_in_words(&reason).map(str::to_owned));
    let data = SignInData { notice, next, rd, ..sign_in_data(&state) };
    render_sign_in(&state, request.headers(), StatusCode::OK, data)
}

/// Renders the sign-in page, with the host it returns to.
pub fn render_sign_in(state: &AppState, headers: &HeaderMap, status: StatusCode, mut data: SignInData) -> Response {
    let application = state.sign_in.redirects.application(&data.rd).ok().flatten();
    data.returns_to = application.and_then(|url| url.host_str().map(str::to_owned));
    render(state, headers, status, PageData::SignIn(data))
}

/// A blank sign-in page of this server.
pub fn sign_in_data(state: &AppState) -> SignInData {
    SignInData { server_name: state.sessions.server_name().to_string(), demo: state.demo, ..SignInData::default() }
}

fn reason_in_words(reason: &str) -> Option<&'static str> {
    match reason {
        "deleted" => Some("Your session was ended by an administrator."),
        "ended_by_user" => Some("You ended this session from another one."),
        "signed_out" => Some("You are signed out."),
        "replaced" => Some("You signed in elsewhere, and this was your oldest session: there is a limit of them."),
        "expired" | "ended" => Some("Your session has ended. Sign in again."),
        _ => None,
    }
}

/// Any address that is no page.
pub async fn not_found(
    State(state): State<AppState>,
    asker: Option<Extension<Principal>>,
    request: Request,
) -> Response {
    let asker = asker.map(|Extension(asker)| asker);
    let error = AppError::NotFound(format!("page {}", request.uri().path()));
    refusal(&state, request.headers(), asker.as_ref(), error)
}

/// A page that says why not; the sign-in page to whoever has been signed out meanwhile.
pub fn refusal(state: &AppState, headers: &HeaderMap, asker: Option<&Principal>, error: AppError) -> Response {
    if error == AppError::Unauthorized {
        return Redirect::to(&format!("{}?reason=ended", paths::SIGN_IN)).into_response();
    }
    let status = status_of(&error);
    let text = sentence(&error);
    let data = MessageData {
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        text,
        viewer: asker.map(|asker| state.viewer(asker)),
        demo: state.demo,
    };
    render(state, headers, status, PageData::Message(data))
}

/// An error as the sentence that it is on a page.
pub fn sentence(error: &AppError) -> String {
    let words = error.to_string();
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// The HTTP status of an error.
pub fn status_of(error: &AppError) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// The value of a parameter, if it is there and not empty.
pub fn parameter(parameters: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(parameters.as_bytes())
        .find(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}

/// The sessions that a form means: the one of the pressed row button, else the ticked ones.
pub fn selected_ids(parameters: &str) -> Vec<SessionId> {
    let ids = |name: &str| -> Vec<SessionId> {
        form_urlencoded::parse(parameters.as_bytes())
            .filter(|(key, _)| key == name)
            .filter_map(|(_, value)| value.parse().ok())
            .collect()
    };
    let only = ids("only");
    if only.is_empty() { ids("ids") } else { only }
}

/// What the last form did, or why the one before it asks nothing.
fn notice(parameters: &str, asked: Option<&DeletePreview>) -> Option<String> {
    match asked {
        None if parameter(parameters, "delete").is_some() => {
            Some("No session is selected. Tick some, then press Delete Selected.".to_owned())
        }
        Some(preview) if preview.sessions == 0 && preview.own > 0 => {
            Some("These are your own sessions: end them under My Sessions.".to_owned())
        }
        Some(preview) if preview.sessions == 0 => Some("These sessions have ended already.".to_owned()),
        Some(_) => None,
        None => deletion_notice(parameters),
    }
}

fn deletion_notice(parameters: &str) -> Option<String> {
    let number = |name| parameter(parameters, name).and_then(|text| text.parse::<u64>().ok());
    let deleted = number("deleted")?;
    let mut notice = format!("{deleted} session{} deleted.", if deleted == 1 { "" } else { "s" });
    if let Some(skipped) = number("skipped").filter(|skipped| *skipped > 0) {
        notice.push_str(&format!(" {skipped} left alone: your own, or ended already."));
    }
    Some(notice)
}
