//! `/metrics`: Prometheus text. `/healthz` and `/readyz`: whether the process lives, and whether it can serve.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, Ordering},
};

use app::{
    principal::{Principal, Role},
    session::{SessionType, query::SessionQuery, store::SessionStore},
};
use axum::{Extension, extract::State, response::IntoResponse};
use http::{StatusCode, header::CONTENT_TYPE};

use crate::{api::problem::Problem, state::AppState};

/// What the process counts since it started.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Live sockets that are open now.
    pub live_tabs: AtomicU64,
}

/// The figures, for administrators: who is signed in is nobody else's business.
///
/// # Errors
/// 403 for others.
pub async fn show(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
) -> Result<impl IntoResponse, Problem> {
    if asker.role != Role::Administrator {
        return Err(app::error::AppError::Forbidden.into());
    }
    let page = state.store.list(&SessionQuery { limit: 1, ..SessionQuery::default() }, state.sessions.now());
    let mut text = String::from("# HELP keepwatch_sessions Open sessions.\n# TYPE keepwatch_sessions gauge\n");
    for session_type in SessionType::ALL {
        let count = page.counts.of(Some(session_type));
        _ = writeln!(text, "keepwatch_sessions{{type=\"{}\"}} {count}", session_type.as_str());
    }
    let figures = [
        ("keepwatch_users", "gauge", "Distinct users signed in.", page.counts.active_users),
        ("keepwatch_live_tabs", "gauge", "Open live channels.", state.metrics.live_tabs.load(Ordering::Relaxed)),
        ("keepwatch_revision", "counter", "Changes to the session table.", page.revision.0),
        ("keepwatch_sessions_created_total", "counter", "Session ids handed out.", page.as_of.0),
    ];
    for (name, kind, help, value) in figures {
        _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
    }
    Ok(([(CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

/// The process lives.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The store takes changes.
pub async fn readyz(State(state): State<AppState>) -> (StatusCode, &'static str) {
    let serving = !state.shutdown.is_cancelled() && state.store.is_writable();
    if serving { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
