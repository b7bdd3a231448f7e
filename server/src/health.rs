//! `/healthz` and `/readyz`: whether the process lives, and whether it can serve.

use axum::extract::State;
use http::StatusCode;

use crate::state::AppState;

/// The process lives.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The store takes changes.
pub async fn readyz(State(state): State<AppState>) -> (StatusCode, &'static str) {
    let serving = !state.shutdown.is_cancelled() && state.store.is_writable();
    if serving { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "not ready\n") }
}
