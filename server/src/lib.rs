//! How Keepwatch runs: configuration, HTTP, cookies, passwords, the store, background tasks.
//!
//! Everything points at `app`, which says what a session is and who may do what; this crate hands it the adapters.
//! `config` alone reads the environment, `router` alone lists routes and layers, [`run`] alone spawns tasks.

pub mod api;
pub mod assets;
pub mod auth;
pub mod background;
pub mod backup;
pub mod checks;
pub mod client;
pub mod clock;
pub mod compression;
pub mod config;
pub mod demo;
pub mod forms;
pub mod forward_auth;
pub mod header_values;
pub mod headers;
pub mod health;
mod json_writer;
pub mod live;
pub mod metrics;
pub mod pages;
pub mod router;
pub mod serve;
pub mod state;
pub mod store;
pub mod user_agent;
pub mod user_command;
pub mod users;

use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{checks::Answering, config::Config, state::AppState, store::RedbStore};

/// How long a stop waits for what is under way.
const STOP: Duration = Duration::from_millis(4_500);

/// Serves until `shutdown` is cancelled, then stops: no new connections, open requests get four seconds, live sockets
/// are closed, touches are flushed and the store is closed.
///
/// # Errors
/// When the data directory cannot be used or the store cannot be closed; the message says what to change.
pub async fn run(config: Config, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let store = RedbStore::open(&config.data_dir, user_agent::in_words)?;
    let state = AppState::new(&config, listener.local_addr()?, store.clone(), shutdown.clone())?;
    state.accounts.ensure_administrator(config.admin_password_file.as_deref(), state.sessions.now()).await?;

    let tasks = state.tasks.clone();
    background::spawn(&state);
    backup::spawn(&state, &config.data_dir);
    if let Some(simulation) = config.simulation {
        demo::spawn(&state, simulation).await?;
    }
    println!("listening on http://{}", listener.local_addr()?);

    serve::serve(listener, Answering::new(state), &tasks, shutdown).await;
    tasks.close();
    if tokio::time::timeout(STOP, tasks.wait()).await.is_err() {
        tracing::warn!("{} requests are not finished: they are broken off", tasks.len());
    }
    store.close().context("closing the store")
}
