//! Finds out who is asking, and keeps out who may not.

use app::{
    error::AppError,
    paths,
    principal::{Principal, Role},
    scope::{Scope, Scopes},
    session::{
        SessionId, SessionType, TokenHash,
        store::{Activity, Checked, Purpose},
    },
    time::Timestamp,
    wire,
};
use axum::{
    body::Body,
    extract::State,
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use http::{Request, StatusCode, header::AUTHORIZATION};

use super::{app_passwords::Basic, token::hash_of_presented};
use crate::{
    api::problem::Problem,
    forward_auth,
    header_values::{HeaderValues, as_text},
    metrics::Checker,
    state::AppState,
};

/// The token that a request presented, good or not.
#[derive(Clone, Copy, Debug)]
pub struct Presented(pub TokenHash);

/// Who sends a request has been looked at.
#[derive(Clone, Copy, Debug)]
struct Identified;

/// Puts [`Principal`] and [`Presented`] into the extensions of a request, and its [`Client`](app::session::Client) if
/// it may sign someone in.
///
/// A bearer token counts before a cookie; a header that occurs twice or cannot be read counts as none, and then the
/// cookie does not count either. In front of an application it is the other way round: there `Authorization` may be the
/// application's own affair. Once for each request, however often it is called.
pub fn identify<B>(state: &AppState, request: &mut Request<B>) {
    if request.extensions_mut().insert(Identified).is_some() {
        return;
    }
    look_at(state, request);
    let extensions = request.extensions();
    if extensions.get::<Presented>().is_some() {
        let is_principal = extensions.get::<Principal>().is_some();
        if paths::is_forward_auth(request.uri().path()) {
            state.metrics.count_check(Checker::ForwardAuth, is_principal);
        } else {
            let is_client = extensions.get::<ClientPrincipal>().is_some();
            state.metrics.count_check(Checker::Request, is_principal || is_client);
        }
    }
}

fn look_at<B>(state: &AppState, request: &mut Request<B>) {
    if !request.method().is_safe()
        && let Some(client) = state.proxies.client(request)
    {
        request.extensions_mut().insert(client);
    }
    let path = request.uri().path();
    let Some(credential) = presented(state, path, request.headers()) else { return };
    let asker = judge(state, path, &credential, state.sessions.now());
    let extensions = request.extensions_mut();
    extensions.insert(Presented(*credential.token()));
    match asker {
        Some(Asker::User(principal)) => _ = extensions.insert(principal),
        Some(Asker::AppPassword(principal)) => {
            let id = principal.session_id;
            extensions.insert(principal);
            note_use(state, request, id);
        }
        Some(Asker::Client(client)) => {
            let id = client.principal.session_id;
            extensions.insert(client);
            note_use(state, request, id);
        }
        None => {}
    }
}

/// Who presents a credential that is good.
#[derive(Clone, Debug)]
pub enum Asker {
    /// Who is signed in.
    User(Principal),
    /// Whose app password it is.
    AppPassword(Principal),
    /// The bearer of a client token.
    Client(ClientPrincipal),
}

/// Who presents a credential with a request to this path; `None` unless it is good there.
pub fn judge(state: &AppState, path: &str, credential: &Credential, now: Timestamp) -> Option<Asker> {
    let username = match credential {
        Credential::Bearer(_) | Credential::Cookie(_) => None,
        Credential::AppPassword(basic) => Some(&basic.username),
    };
    // Whether an app password is one of the user who is named shows only afterwards.
    let activity = if username.is_some() { Activity::Background } else { activity_of(path) };
    let checked = state.sessions.check(credential.token(), activity, now)?;
    let role = role_in(state, &checked)?;
    let purpose = checked.purpose;
    let is_registered = checked.session_type == SessionType::Other && purpose == Purpose::Everything;
    let is_of = username.is_some_and(|username| state.app_passwords.is_of(username, &checked));
    let principal = Principal { username: checked.username, role, session_id: checked.id };
    // Each is good only as what it is.
    match (purpose, credential) {
        (Purpose::Everything, Credential::Bearer(_) | Credential::Cookie(_)) => {
            (!is_registered || registered_may(state, path, &principal)).then_some(Asker::User(principal))
        }
        (Purpose::Applications, Credential::AppPassword(_)) => is_of.then_some(Asker::AppPassword(principal)),
        (Purpose::Rest(scopes), Credential::Bearer(_)) => Some(Asker::Client(ClientPrincipal { principal, scopes })),
        (Purpose::Everything, Credential::AppPassword(_)) | (Purpose::Applications | Purpose::Rest(_), _) => None,
    }
}

/// What a registered session is good for: to be asked about, to end itself, and to be let in to applications under a name
/// that no account has. Whoever registers it has the word of nobody but themselves.
fn registered_may(state: &AppState, path: &str, principal: &Principal) -> bool {
    path == "/api/v1/session" || paths::is_forward_auth(path) && state.accounts.find(&principal.username).is_none()
}

/// Notes from where a request uses a session that was made to be kept.
pub fn note_use<B>(state: &AppState, request: &Request<B>, id: SessionId) {
    if let Some(client) = state.proxies.client(request) {
        state.client_notes.note_use(id, client);
    }
}

/// The bearer of a client token: not a [`Principal`], so that whatever does not ask for its scopes does not see it.
#[derive(Clone, Debug)]
pub struct ClientPrincipal {
    principal: Principal,
    scopes: Scopes,
}

impl ClientPrincipal {
    /// The principal, where this scope is needed and there.
    pub fn with(&self, needed: Scope) -> Option<&Principal> {
        self.scopes.contains(needed).then_some(&self.principal)
    }
}

/// What a request presents.
#[derive(Debug)]
pub enum Credential {
    /// A session token in the cookie.
    Cookie(TokenHash),
    /// A session token or client token in the header.
    Bearer(TokenHash),
    /// An app password: in front of applications only.
    AppPassword(Basic),
}

impl Credential {
    fn token(&self) -> &TokenHash {
        match self {
            Self::Cookie(token) | Self::Bearer(token) => token,
            Self::AppPassword(basic) => &basic.token,
        }
    }
}

/// What the account may do in this session. Nobody has proved to be the user of a registered session: it carries the
/// name, never the rights of an administrator.
pub fn role_in(state: &AppState, checked: &Checked) -> Option<Role> {
    match checked.session_type {
        SessionType::RestApi | SessionType::Browser => state.accounts.role_of(&checked.username),
        SessionType::Other => Some(Role::User),
    }
}

/// Streaming and polling are not activity.
fn activity_of(path: &str) -> Activity {
    match path {
        paths::LIVE | "/rpc/list_sessions" | "/rpc/list_own_sessions" | "/rpc/count_selected" | "/api/v1/events" => {
            Activity::Background
        }
        _ => Activity::User,
    }
}

/// The credential among the headers of a request to this path, good or not.
pub fn presented(state: &AppState, path: &str, headers: &impl HeaderValues) -> Option<Credential> {
    let is_forward_auth = paths::is_forward_auth(path);
    let cookie_first = is_forward_auth && state.cookie.is_among(headers);
    let mut given = headers.all(&AUTHORIZATION).filter(|_| !cookie_first);
    match (given.next(), given.next()) {
        (None, _) => hash_of_presented(state.cookie.read(headers)?).map(Credential::Cookie),
        (Some(only), None) => {
            let space = only.iter().position(|byte| *byte == b' ')?;
            let (scheme, credentials) = (&only[..space], &only[space + 1..]);
            if scheme.eq_ignore_ascii_case(b"bearer") {
                hash_of_presented(credentials).map(Credential::Bearer)
            } else if is_forward_auth && scheme.eq_ignore_ascii_case(b"basic") {
                Basic::read(as_text(credentials)?).map(Credential::AppPassword)
            } else {
                None
            }
        }
        (Some(_), Some(_)) => None,
    }
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Who is signed in; others are sent to the sign-in page.
    Page,
    /// Who is signed in; others get 401 as problem+json.
    Api,
    /// As `Api`, and clients whose token has this scope.
    Client(Scope),
    /// Who is signed in; others get 401 as reverse proxies need it.
    ForwardAuth,
    /// Who is signed in; others get 401 as the page's code reads it.
    ServerFunction,
}

/// Refuses a request without a [`Principal`] in the way of the route's kind.
pub async fn require(
    State((state, access)): State<(AppState, Access)>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    if access == Access::Public || request.extensions().get::<Principal>().is_some() {
        return next.run(request).await;
    }
    if let (Access::Client(scope), Some(client)) = (access, request.extensions().get::<ClientPrincipal>()) {
        let Some(principal) = client.with(scope).cloned() else { return Problem::missing_scope(scope).into_response() };
        request.extensions_mut().insert(principal);
        return next.run(request).await;
    }
    match access {
        Access::Public | Access::Api | Access::Client(_) => {
            let mut response = Problem::from(AppError::Unauthorized).into_response();
            response.headers_mut().insert(http::header::WWW_AUTHENTICATE, http::HeaderValue::from_static("Bearer"));
            response
        }
        Access::ForwardAuth => forward_auth::refuse(&state, &request),
        Access::ServerFunction => (StatusCode::UNAUTHORIZED, wire::encode(&AppError::Unauthorized)).into_response(),
        Access::Page => Redirect::to(&sign_in_address(&state, &request)).into_response(),
    }
}

/// The sign-in page that leads back here, and says why if the request came with the token of an ended session.
fn sign_in_address(state: &AppState, request: &Request<Body>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    // Only a page can be come back to; the target of a form cannot.
    if request.method() == http::Method::GET {
        query.append_pair("next", request.uri().path_and_query().map_or("/", |target| target.as_str()));
    }
    if let Some(Presented(token)) = request.extensions().get::<Presented>() {
        query.append_pair("reason", state.store.end_reason(token).map_or("ended", |reason| reason.as_str()));
    }
    format!("{}?{}", paths::SIGN_IN, query.finish())
}
