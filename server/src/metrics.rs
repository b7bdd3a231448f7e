//! `/metrics`: what is counted since the start, in the Prometheus text format.

use std::time::Duration;

use app::{
    error::AppError,
    paths,
    principal::Principal,
    session::{SessionType, page::Page, query::SessionQuery, store::SessionStore},
    time::Timestamp,
};
use axum::{Extension, extract::State, response::IntoResponse};
use http::{StatusCode, header::CONTENT_TYPE};
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder, core::Collector, exponential_buckets,
};

use crate::{api::problem::Problem, state::AppState, store::Figures};

/// What the process counts since it started.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    sessions: IntGaugeVec,
    users: IntGauge,
    writable: IntGauge,
    /// Live sockets that are open now.
    pub live_tabs: IntGauge,
    sign_ins: IntCounterVec,
    checks: [Checks; Checker::ALL.len()],
    requests: [Requests; RequestKind::ALL.len()],
}

/// Who has a token checked.
#[derive(Clone, Copy, Debug)]
pub enum Checker {
    /// A request to Keepwatch itself.
    Request,
    /// A reverse proxy.
    ForwardAuth,
    /// An application that was shown the token.
    Introspection,
}

impl Checker {
    const ALL: [Self; 3] = [Self::Request, Self::ForwardAuth, Self::Introspection];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::ForwardAuth => "forward_auth",
            Self::Introspection => "introspection",
        }
    }
}

/// Tokens that were presented, by whether they were good.
#[derive(Debug)]
struct Checks {
    accepted: IntCounter,
    refused: IntCounter,
}

/// Requests that take about the same time.
#[derive(Clone, Copy, Debug)]
enum RequestKind {
    ForwardAuth,
    Introspection,
    Api,
    /// Pages, their forms and server functions.
    Console,
    Assets,
    /// `/healthz`, `/readyz`, `/metrics`.
    Operation,
}

impl RequestKind {
    const ALL: [Self; 6] =
        [Self::ForwardAuth, Self::Introspection, Self::Api, Self::Console, Self::Assets, Self::Operation];

    const fn as_str(self) -> &'static str {
        match self {
            Self::ForwardAuth => "forward_auth",
            Self::Introspection => "introspection",
            Self::Api => "api",
            Self::Console => "console",
            Self::Assets => "assets",
            Self::Operation => "operation",
        }
    }

    fn of(path: &str) -> Self {
        match path {
            "/healthz" | "/readyz" | "/metrics" => Self::Operation,
            path if paths::is_forward_auth(path) => Self::ForwardAuth,
            path if path.starts_with(paths::INTROSPECT) => Self::Introspection,
            path if path.starts_with("/api/") => Self::Api,
            path if path.starts_with("/assets/") => Self::Assets,
            _ => Self::Console,
        }
    }
}

/// The answers to requests of one kind.
#[derive(Debug)]
struct Requests {
    times: Histogram,
    /// By the first digit of the status, from 1 to 5.
    answers: [IntCounter; 5],
}

impl Metrics {
    /// All at zero, beside what the store counts.
    ///
    /// # Errors
    /// When one cannot be registered, which would be a defect of this program.
    pub fn new(store: &Figures, started_at: Timestamp) -> prometheus::Result<Self> {
        let registry = Registry::new();
        store.register(&registry)?;
        let gauge = |name: &str, help: &str| added(&registry, IntGauge::new(name, help)?);
        let counters = |name: &str, help: &str, labels: &[&str]| {
            added(&registry, IntCounterVec::new(Opts::new(name, help), labels)?)
        };
        let opts = Opts::new("keepwatch_build_info", "The version, always 1.").const_label("version", VERSION);
        added(&registry, IntGauge::with_opts(opts)?)?.set(1);
        let seconds = i64::try_from(started_at.as_millis() / 1_000).unwrap_or(i64::MAX);
        gauge("process_start_time_seconds", "When the process began, in seconds since 1970.")?.set(seconds);

        let checks = counters("keepwatch_checks_total", "Tokens that were checked, by who asked.", &["by", "outcome"])?;
        // 10 us to 2.6 s.
        let times = HistogramOpts::new("keepwatch_request_duration_seconds", "Time from a request to its answer.")
            .buckets(exponential_buckets(0.00001, 4.0, 10)?);
        let times = added(&registry, HistogramVec::new(times, &["kind"])?)?;
        let answers = counters("keepwatch_answers_total", "Requests answered, by status.", &["kind", "status"])?;
        let sign_ins = counters("keepwatch_sign_ins_total", "Sign-ins by password, by outcome.", &["outcome"])?;
        // What has never happened is told as zero, so that the first time is seen as a change.
        [ACCEPTED, REFUSED, THROTTLED, LOCKED, FAILED]
            .iter()
            .for_each(|one| sign_ins.with_label_values(&[*one]).reset());
        Ok(Self {
            sessions: added(
                &registry,
                IntGaugeVec::new(Opts::new("keepwatch_sessions", "Open sessions, by type."), &["type"])?,
            )?,
            users: gauge("keepwatch_users", "Distinct users signed in.")?,
            writable: gauge("keepwatch_store_writable", "Whether changes can be made durable: 1 or 0.")?,
            live_tabs: gauge("keepwatch_live_tabs", "Open live channels.")?,
            sign_ins,
            checks: Checker::ALL.map(|by| Checks {
                accepted: checks.with_label_values(&[by.as_str(), ACCEPTED]),
                refused: checks.with_label_values(&[by.as_str(), REFUSED]),
            }),
            requests: RequestKind::ALL.map(|kind| Requests {
                times: times.with_label_values(&[kind.as_str()]),
                answers: ["1xx", "2xx", "3xx", "4xx", "5xx"]
                    .map(|status| answers.with_label_values(&[kind.as_str(), status])),
            }),
            registry,
        })
    }

    /// Counts a token that was checked.
    pub fn count_check(&self, by: Checker, accepted: bool) {
        let checks = &self.checks[by as usize];
        if accepted { &checks.accepted } else { &checks.refused }.inc();
    }

    /// Counts a sign-in by password.
    pub fn count_sign_in<T>(&self, outcome: &Result<T, AppError>) {
        let outcome = match outcome {
            Ok(_) => ACCEPTED,
            Err(AppError::WrongCredentials) => REFUSED,
            Err(AppError::Throttled { .. }) => THROTTLED,
            Err(AppError::Locked(_)) => LOCKED,
            Err(_) => FAILED,
        };
        self.sign_ins.with_label_values(&[outcome]).inc();
    }

    /// Counts an answer to a request for `path` that took `time`.
    pub fn count_answer(&self, path: &str, status: StatusCode, time: Duration) {
        let requests = &self.requests[RequestKind::of(path) as usize];
        requests.times.observe(time.as_secs_f64());
        let class = usize::from(status.as_u16() / 100);
        if let Some(answers) = class.checked_sub(1).and_then(|index| requests.answers.get(index)) {
            answers.inc();
        }
    }

    fn text(&self, page: &Page, is_writable: bool) -> prometheus::Result<String> {
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for session_type in SessionType::ALL {
            let sessions = self.sessions.with_label_values(&[session_type.as_str()]);
            sessions.set(count(page.counts.of(Some(session_type))));
        }
        self.users.set(count(page.counts.active_users));
        self.writable.set(is_writable.into());
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

/// Outcomes.
const ACCEPTED: &str = "accepted";
const REFUSED: &str = "refused";
const THROTTLED: &str = "throttled";
const LOCKED: &str = "locked";
const FAILED: &str = "failed";

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn added<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> prometheus::Result<C> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// The figures, for administrators and client tokens with the scope `metrics`: who is signed in is nobody else's
/// business.
///
/// # Errors
/// 403 for others.
pub async fn show(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
) -> Result<impl IntoResponse, Problem> {
    state.sessions.administrators_only(&asker)?;
    let page = state.store.list(
        &SessionQuery { limit: 1, ..SessionQuery::default() },
        state.sessions.lifetimes(),
        state.sessions.now(),
    );
    let text = state.metrics.text(&page, state.store.is_writable()).map_err(|error| {
        tracing::error!("the metrics cannot be written: {error}");
        AppError::Internal
    })?;
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}
