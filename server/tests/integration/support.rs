//! A server on an in-memory store with a clock that the test moves, and askers of each role.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use app::{
    principal::Role,
    session::{Client, SessionType, service::Clock},
    time::Timestamp,
    wire,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use leptos::server_fn::ServerFn;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use server::{config::Config, router, state::AppState, store::RedbStore, user_agent};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// The password of every account of a test.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A clock that stands still until it is moved.
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct TestServer {
    pub(crate) state: AppState,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) router: Router,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with_config(config()).await
    }

    pub(crate) async fn with_config(config: Config) -> Self {
        let clock = Arc::new(TestClock(AtomicU64::new(1_800_000_000_000)));
        let store = RedbStore::in_memory(user_agent::in_words).unwrap();
        let address: SocketAddr = "127.0.0.1:3000".parse().unwrap();
        let state = AppState::with_clock(&config, address, store, CancellationToken::new(), clock.clone()).unwrap();
        state.accounts.add("Admin", Role::Administrator, PASSWORD, clock.now(), None).await.unwrap();
        let router = router::build(state.clone());
        Self { state, clock, router }
    }

    pub(crate) fn anonymous(&self) -> Asker<'_> {
        Asker { server: self, token: None, id: 0 }
    }

    /// The administrator "Admin", signed in.
    pub(crate) async fn admin(&self) -> Asker<'_> {
        self.signed_in("Admin", SessionType::RestApi).await
    }

    /// A user without the administrator role, signed in; the account is added if it is not there.
    pub(crate) async fn user(&self, name: &str) -> Asker<'_> {
        self.signed_in(name, SessionType::RestApi).await
    }

    /// A session of a user, established without a password; the account is added if it is not there.
    pub(crate) async fn signed_in(&self, name: &str, session_type: SessionType) -> Asker<'_> {
        if self.state.accounts.find(name).is_none() {
            self.state.accounts.add(name, Role::User, PASSWORD, self.clock.now(), None).await.unwrap();
        }
        let client =
            Client::new([10, 0, 0, 7].into(), "Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0.0.0 Safari/537.36");
        let (token, session) = self.state.sign_in.establish(name.into(), session_type, client).await.unwrap();
        Asker { server: self, token: Some(token.expose().to_owned()), id: session.id.0 }
    }
}

pub(crate) fn config() -> Config {
    let applications = vec!["https://wiki.example.com".parse().unwrap()];
    Config { applications, ..Config::default() }
}

/// Who sends a request.
#[derive(Clone)]
pub(crate) struct Asker<'a> {
    server: &'a TestServer,
    pub(crate) token: Option<String>,
    /// The id of the asker's session.
    pub(crate) id: u64,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    /// What a server function answers.
    pub(crate) fn message<T: DeserializeOwned>(&self) -> T {
        wire::decode(&self.bytes).unwrap_or_else(|error| panic!("{error} in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a problem document with this status whose detail mentions `words`.
    pub(crate) fn assert_problem(&self, status: u16, words: &str) {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let detail = self.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(words), "{detail:?} does not mention {words:?}");
    }
}

impl Asker<'_> {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, json: Value) -> Answer {
        let request = self.request(Method::POST, path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(json.to_string())).unwrap()).await
    }

    /// Calls a server function as the console does, with the bearer token.
    pub(crate) async fn call<F: ServerFn + Serialize>(&self, function: &F) -> Answer {
        let request = self.request(Method::POST, F::PATH).header(header::CONTENT_TYPE, "application/octet-stream");
        self.send(request.body(wire::encode(function).into()).unwrap()).await
    }

    /// Sends an HTML form as a browser does from one of our pages, with the cookie instead of the bearer token.
    pub(crate) async fn submit(&self, path: &str, form: &str) -> Answer {
        let request = self
            .browser(Method::POST, path)
            .header(header::ORIGIN, "http://127.0.0.1:3000")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    /// Opens a page as a browser does, with the cookie.
    pub(crate) async fn open(&self, path: &str) -> Answer {
        self.send(self.browser(Method::GET, path).body(Body::empty()).unwrap()).await
    }

    pub(crate) fn browser(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.token {
            Some(token) => request.header(header::COOKIE, format!("keepwatch={token}")),
            None => request,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(path);
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000))));
        let response = self.server.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        // A stream of events has no end.
        let is_endless = parts.headers.get(header::CONTENT_TYPE).is_some_and(|value| value == "text/event-stream");
        let body = if is_endless { Body::empty() } else { body };
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status: parts.status, headers: parts.headers, text, bytes }
    }
}
