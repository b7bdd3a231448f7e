//! What goes on without a request: ending sessions at their deadline, and announcing touches.

use std::time::Duration;

use crate::state::AppState;

/// How often deadlines are looked at. Checks refuse an expired session whether or not this has run.
const SWEEP_EVERY: Duration = Duration::from_millis(250);
/// How often touches are announced to live tabs.
const ANNOUNCE_EVERY: Duration = Duration::from_millis(150);

/// Starts the background tasks; they end with the server.
pub fn spawn(state: &AppState) {
    state.tasks.spawn(sweep(state.clone()));
    state.tasks.spawn(announce_touches(state.clone()));
}

async fn sweep(state: AppState) {
    while !passed_by_shutdown(&state, SWEEP_EVERY).await {
        match state.sessions.sweep().await {
            Ok(0) => {}
            Ok(ended) => tracing::info!("{ended} sessions reached their deadline"),
            Err(error) => tracing::warn!("expired sessions could not be ended for good yet: {error}"),
        }
    }
}

async fn announce_touches(state: AppState) {
    while !passed_by_shutdown(&state, ANNOUNCE_EVERY).await {
        state.store.announce_touches();
    }
}

/// Waits; true when the server stops meanwhile.
async fn passed_by_shutdown(state: &AppState, wait: Duration) -> bool {
    tokio::time::timeout(wait, state.shutdown.cancelled()).await.is_ok()
}
