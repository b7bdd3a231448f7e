//! Every route and every layer.

use std::time::Duration;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    handler::Handler,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any, delete, get, post},
};
use http::{Method, StatusCode};
use tower_http::{catch_panic::CatchPanicLayer, timeout::TimeoutLayer};

use app::paths;

use crate::{
    api, assets,
    auth::{
        authenticate::{Access, identify, require},
        csrf::refuse_cross_site,
    },
    forms, forward_auth, headers, live, metrics, pages,
    state::AppState,
};

/// How long a request may take, its body included: a client that dribbles must not hold a place for ever. The live
/// channel is answered at once and goes on behind it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest body of a request that names no sessions.
const BODY_LIMIT: usize = 64 * 1_024;
/// The largest body of a delete: some 100,000 ids.
const DELETE_BODY_LIMIT: usize = 2 * 1_024 * 1_024;

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

/// The router of the whole server.
pub fn router(state: AppState) -> Router {
    build(state).0
}

/// The routes of [`router`].
pub fn routes(state: AppState) -> Vec<Route> {
    build(state).1
}

fn build(state: AppState) -> (Router, Vec<Route>) {
    // Rendering spawns on this executor; a second call changes nothing.
    _ = any_spawner::Executor::init_tokio();
    use Access::{Api, Page, Public};
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
    routes.add(paths::COLUMNS, Page, &[Method::POST], post(forms::set_columns));
    routes.add(paths::LIVE, Api, &[Method::GET], get(live::upgrade));

    routes.add(
        "/api/v1/sessions",
        Public,
        &[Method::POST],
        // Signing in is public; the list is not.
        post(api::sessions::create).get(api::sessions::list.layer(from_fn_with_state((state.clone(), Api), require))),
    );
    routes.note("/api/v1/sessions", Api, &[Method::GET]);
    routes.add(
        "/api/v1/sessions/{id}",
        Api,
        &[Method::GET, Method::DELETE],
        get(api::sessions::show).delete(api::sessions::delete),
    );
    routes.add(
        "/api/v1/sessions/delete",
        Api,
        &[Method::POST],
        post(api::sessions::delete_many).layer(DefaultBodyLimit::max(DELETE_BODY_LIMIT)),
    );
    routes.add(
        "/api/v1/session",
        Api,
        &[Method::GET, Method::DELETE],
        get(api::session::show).merge(delete(api::session::sign_out)),
    );
    routes.add("/api/v1/openapi.json", Public, &[Method::GET], get(api::openapi::show));

    for (path, method) in leptos::server_fn::axum::server_fn_paths() {
        let access = if path == "/rpc/sign_in" { Public } else { Access::ServerFunction };
        routes.add(path, access, &[method], any(server_function));
    }

    routes.add("/forward-auth", Api, &[Method::GET], any(forward_auth::check));
    routes.add("/healthz", Public, &[Method::GET], get(metrics::healthz));
    routes.add("/readyz", Public, &[Method::GET], get(metrics::readyz));
    routes.add("/metrics", Api, &[Method::GET], get(metrics::show));
    routes.add("/assets/{name}", Public, &[Method::GET], get(assets::show));

    let Routes { router, entries, .. } = routes;
    let router = router
        .fallback(pages::not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(problems_for_api))
        .layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, REQUEST_TIMEOUT))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(state.clone(), identify))
        .layer(from_fn_with_state(state.own_origins.clone(), refuse_cross_site))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(from_fn_with_state(state.clone(), headers::protect))
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

async fn server_function(
    axum::extract::State(state): axum::extract::State<AppState>,
    request: Request,
) -> impl IntoResponse {
    let backend = state.backend();
    let context = move || leptos::prelude::provide_context(backend.clone());
    leptos_axum::handle_server_fns_with_context(context, request).await
}

async fn method_not_allowed() -> api::problem::Problem {
    api::problem::Problem::new(405, "this address does not take this method: see the Allow header")
}

/// Below `/api` every error is a problem document, also that of an unknown address.
async fn problems_for_api(request: Request, next: axum::middleware::Next) -> Response {
    let api = request.uri().path().starts_with("/api/");
    let response = next.run(request).await;
    let page = response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    if api && page {
        return api::problem::Problem::new(404, "there is no such address below /api").into_response();
    }
    response
}

fn after_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!("a handler panicked: {}", text.unwrap_or("without words"));
    (StatusCode::INTERNAL_SERVER_ERROR, api::problem::Problem::from(app::error::AppError::Internal)).into_response()
}
