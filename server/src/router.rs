//! Every route and every layer.

use std::{
    any::Any,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{DefaultBodyLimit, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, delete, get, post},
};
use futures_util::FutureExt;
use http::{Method, Request, StatusCode, header::CONTENT_TYPE};

use app::{error::AppError, paths, principal::Principal, scope::Scope, wire};

use crate::{
    api::{self, problem::Problem},
    assets,
    auth::{
        authenticate::{Access, ClientPrincipal, identify, require},
        csrf::is_from_another_site,
    },
    forms, forward_auth, headers, health, live, metrics, pages,
    state::AppState,
    users,
};

/// How long a request may take, its body included: a client that dribbles must not hold a place for ever. The live
/// channel is answered at once and goes on behind it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest body of a request that names no sessions.
const BODY_LIMIT: usize = 64 * 1_024;
/// The largest body of a delete: some 100,000 ids of REST.
const DELETE_BODY_LIMIT: usize = 2 * 1_024 * 1_024;

/// Routes whose body names sessions.
const SELECTING: [&str; 4] =
    ["/api/v1/sessions/delete", "/rpc/delete_sessions", "/rpc/preview_delete", "/rpc/count_selected"];

/// Routes whose body asks and changes nothing.
const ASKING: [&str; 2] = [paths::INTROSPECT, "/api/v1/introspect/batch"];

/// Proxies ask with the method of the request they hold back.
const FORWARDED: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// A route as it was registered: what the walk over all routes goes by.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its path, with parameters in braces.
    pub path: String,
    /// The methods it answers.
    pub methods: Vec<Method>,
    /// Who may use it.
    pub access: Access,
}

/// All routes, and what happens around every request.
pub fn build(state: AppState) -> Router {
    assemble(state).0
}

/// The routes of [`build`].
pub fn routes(state: AppState) -> Vec<Route> {
    assemble(state).1
}

fn assemble(state: AppState) -> (Router, Vec<Route>) {
    use Access::{Api, Client, Page, Public};
    let [introspect, read, end] = [Scope::Introspect, Scope::SessionsRead, Scope::SessionsDelete].map(Client);
    let mut routes = Routes { state: state.clone(), router: Router::new(), entries: Vec::new() };

    routes.add("/", Page, &[Method::GET], get(pages::home));
    routes.add(paths::SIGN_IN, Public, &[Method::GET, Method::POST], get(pages::sign_in).post(forms::sign_in));
    routes.add(paths::SIGN_OUT, Page, &[Method::POST], post(forms::sign_out));
    routes.add(paths::SESSIONS, Page, &[Method::GET, Method::POST], get(pages::sessions).post(forms::delete_sessions));
    routes.add(
        paths::MY_SESSIONS,
        Page,
        &[Method::GET, Method::POST],
        get(pages::my_sessions).post(forms::end_own_session),
    );
    // The page is shown where its forms go: an address that is loaded again is to be one.
    for (path, form) in [
        (paths::APP_PASSWORDS, post(forms::create_app_password)),
        (paths::CLIENT_TOKENS, post(forms::create_client_token)),
    ] {
        routes.add(path, Page, &[Method::GET, Method::POST], form.get(pages::my_sessions));
    }
    routes.add(
        paths::PASSWORD,
        Page,
        &[Method::GET, Method::POST],
        get(pages::my_sessions).post(forms::change_password),
    );
    routes.add(paths::USERS, Page, &[Method::GET, Method::POST], get(users::show).post(users::act));
    routes.add(paths::COLUMNS, Page, &[Method::POST], post(forms::set_columns));
    routes.add(paths::LIVE, Api, &[Method::GET], get(live::upgrade));

    routes.add(paths::API_SESSIONS, Public, &[Method::POST], post(api::sessions::create));
    routes.add(paths::API_SESSIONS, read, &[Method::GET], get(api::sessions::list));
    routes.add("/api/v1/sessions/{id}", read, &[Method::GET], get(api::sessions::show));
    routes.add("/api/v1/sessions/{id}", end, &[Method::DELETE], delete(api::sessions::delete));
    routes.add("/api/v1/sessions/delete", end, &[Method::POST], post(api::sessions::delete_many));
    routes.add("/api/v1/events", read, &[Method::GET], get(api::events::follow));
    routes.add(paths::INTROSPECT, introspect, &[Method::POST], post(api::introspect::introspect));
    routes.add("/api/v1/introspect/batch", introspect, &[Method::POST], post(api::introspect::introspect_many));
    routes.add("/api/v1/client-tokens", Api, &[Method::POST], post(api::client_tokens::create));
    routes.add(
        "/api/v1/session",
        Api,
        &[Method::GET, Method::DELETE],
        get(api::session::show).merge(delete(api::session::sign_out)),
    );
    routes.add("/api/v1/account/sessions", Api, &[Method::GET], get(api::own_sessions::list));
    routes.add("/api/v1/account/sessions/{id}", Api, &[Method::DELETE], delete(api::own_sessions::end));
    routes.add("/api/v1/app-passwords", Api, &[Method::POST], post(api::app_passwords::create));
    routes.add("/api/v1/openapi.json", Public, &[Method::GET], get(api::openapi::show));

    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        let access = if path == "/rpc/sign_in" { Public } else { Access::ServerFunction };
        routes.add(path, access, &[method], any(server_function));
    }

    for path in [paths::FORWARD_AUTH, "/forward-auth/", "/forward-auth/{*asked}"] {
        routes.add(path, Access::ForwardAuth, &FORWARDED, any(forward_auth::check));
    }
    routes.add(paths::HEALTH, Public, &[Method::GET], get(health::healthz));
    routes.add("/readyz", Public, &[Method::GET], get(health::readyz));
    routes.add("/metrics", Client(Scope::Metrics), &[Method::GET], get(metrics::show));
    routes.add("/assets/{name}", Public, &[Method::GET], get(assets::show));

    let Routes { router, entries, .. } = routes;
    let router = router
        .fallback(pages::not_found)
        .method_not_allowed_fallback(method_not_allowed)
        // Of what changes something the body has been read by then, within its own limit.
        .layer(DefaultBodyLimit::max(DELETE_BODY_LIMIT))
        .layer(from_fn_with_state(state.clone(), around))
        .with_state(state);
    (router, entries)
}

struct Routes {
    state: AppState,
    router: Router<AppState>,
    entries: Vec<Route>,
}

impl Routes {
    /// Adds a route behind its check. There is no other way to add one: what is not said to be public is not.
    fn add(&mut self, path: &str, access: Access, methods: &[Method], handler: MethodRouter<AppState>) {
        let guarded = handler.layer(from_fn_with_state((self.state.clone(), access), require));
        self.router = std::mem::take(&mut self.router).route(path, guarded);
        self.note(path, access, methods);
    }

    fn note(&mut self, path: &str, access: Access, methods: &[Method]) {
        self.entries.push(Route { path: path.to_owned(), methods: methods.to_vec(), access });
    }
}

async fn server_function(State(state): State<AppState>, request: Request<Body>) -> Response {
    let backend = state.backend();
    let context = move || leptos::prelude::provide_context(backend.clone());
    let response = leptos_axum::handle_server_fns_with_context(context, request).await.into_response();
    with_status_of_error(response).await
}

/// Every error of a server function comes as 500; its body says what it is.
async fn with_status_of_error(response: Response) -> Response {
    if response.status() != StatusCode::INTERNAL_SERVER_ERROR {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, BODY_LIMIT).await.unwrap_or_default();
    if let Ok(error) = wire::decode::<AppError>(&body) {
        parts.status = pages::status_of(&error);
    }
    Response::from_parts(parts, body.into())
}

/// What happens around every request. One layer, because each costs allocations and copies that all requests pay.
async fn around(State(state): State<AppState>, request: Request<Body>, next: Next) -> Response {
    let begun = Instant::now();
    let uri = request.uri().clone();
    let answer = AssertUnwindSafe(answer(&state, request, next)).catch_unwind();
    let response = match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => after_panic(panic.as_ref()),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let mut response = if uri.path().starts_with("/api/") { as_problem(response) } else { response };
    headers::protect(&state, response.headers_mut());
    state.metrics.count_answer(uri.path(), response.status(), begun.elapsed());
    response
}

async fn answer(state: &AppState, mut request: Request<Body>, next: Next) -> Response {
    if is_from_another_site(&state.own_origins, &request) {
        return Problem::new(403, "this request comes from another site").into_response();
    }
    identify(state, &mut request);
    if request.method().is_safe() { next.run(request).await } else { to_the_end(state, request, next).await }
}

/// Work that changes something goes on to its end, its log line included, when whoever asked hangs up. The body is read
/// before, so that the work waits for nobody.
async fn to_the_end(state: &AppState, request: Request<Body>, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    // Who is not signed in gets no large place to fill, whatever the route.
    let is_signed_in =
        parts.extensions.get::<Principal>().is_some() || parts.extensions.get::<ClientPrincipal>().is_some();
    let limit = if is_signed_in && SELECTING.contains(&parts.uri.path()) { DELETE_BODY_LIMIT } else { BODY_LIMIT };
    let Ok(body) = to_bytes(body, limit).await else {
        return Problem::new(413, format!("the body is broken off or larger than {limit} bytes")).into_response();
    };
    let changes_nothing = ASKING.contains(&parts.uri.path());
    let work = next.run(Request::from_parts(parts, body.into()));
    if changes_nothing {
        return work.await;
    }
    match state.tasks.spawn(work).await {
        Ok(response) => response,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Problem::from(AppError::Unavailable).into_response(),
    }
}

async fn method_not_allowed() -> Problem {
    Problem::new(405, "this address does not take this method: see the Allow header")
}

/// Below `/api` every error is a problem document, also that of an unknown address and of a body that never comes.
fn as_problem(response: Response) -> Response {
    let is_problem =
        response.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/problem+json");
    let status = response.status();
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let detail = match status {
        StatusCode::NOT_FOUND => "there is no such address below /api",
        StatusCode::REQUEST_TIMEOUT => "the request took too long: send it at once",
        StatusCode::BAD_REQUEST => "the address cannot be read: its parts must be UTF-8",
        _ => "the request cannot be answered",
    };
    Problem::new(status.as_u16(), detail).into_response()
}

fn after_panic(panic: &(dyn Any + Send)) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!("a handler panicked: {}", text.unwrap_or("without words"));
    Problem::from(AppError::Internal).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::header::X_CONTENT_TYPE_OPTIONS;
    use tower::ServiceExt;

    use super::*;
    use crate::{config::Config, store::RedbStore};

    /// A router whose handlers fail, with the layer around them.
    fn failing() -> Router {
        let store = RedbStore::in_memory(crate::user_agent::in_words).unwrap();
        let address = ([127, 0, 0, 1], 3000).into();
        let config = Config::default();
        let state = AppState::new(&config, address, store, Default::default()).unwrap();
        async fn panics() -> StatusCode {
            panic!("a defect")
        }
        async fn never() -> StatusCode {
            std::future::pending().await
        }
        Router::new()
            .route("/panics", get(panics).post(panics))
            .route("/api/panics", get(panics).post(panics))
            .route("/api/never", get(never).post(never))
            .layer(from_fn_with_state(state, around))
    }

    async fn answer_to(method: Method, path: &str) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        failing().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_with_all_headers() {
        for method in [Method::GET, Method::POST] {
            for path in ["/panics", "/api/panics"] {
                let answer = answer_to(method.clone(), path).await;
                assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{method} {path}");
                assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
                assert_eq!(answer.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
                let body = to_bytes(answer.into_body(), BODY_LIMIT).await.unwrap();
                assert!(!String::from_utf8_lossy(&body).contains("a defect"), "the inside stays inside");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_takes_too_long_is_told_so() {
        for method in [Method::GET, Method::POST] {
            let answer = answer_to(method, "/api/never").await;
            assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
            assert_eq!(answer.headers()[CONTENT_TYPE], "application/problem+json");
            assert_eq!(answer.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }
}
