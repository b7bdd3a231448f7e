//! Session libraries behind the least of a server. A launcher starts it beside the database that it needs; it fills the
//! store, prints one line of JSON that says where it listens and which sessions there are, and serves until its
//! standard input ends.

mod list;
mod sessions;

use std::net::Ipv4Addr;

use anyhow::Context;
use axum::{Router, routing::get};
use clap::{Parser, Subcommand};
use serde::Serialize;
use tokio::{io::AsyncReadExt, net::TcpListener};

/// Serves one session store
#[derive(Debug, Parser)]
struct Cli {
    /// How many sessions the store holds
    #[arg(long)]
    sessions: u64,
    #[command(subcommand)]
    peer: Peer,
}

#[derive(Clone, Debug, Subcommand)]
enum Peer {
    /// tower-sessions in memory
    Memory,
    /// tower-sessions in Redis
    Redis {
        /// `redis://127.0.0.1:6379`
        url: String,
    },
    /// tower-sessions in SQLite
    Sqlite {
        /// The file
        path: String,
    },
    /// tower-sessions in PostgreSQL, found by PGHOST
    Postgresql,
    /// A list in PostgreSQL with the indexes that it needs, found by PGHOST
    List,
}

/// What a launcher needs to know.
#[derive(Debug, Serialize)]
pub struct Facts {
    address: String,
    /// The cookie's value and the username of some sessions.
    alive: Vec<(String, String)>,
    /// Right totals: of a part of the username, and of the address.
    with_username_part: u64,
    with_address_part: u64,
}

/// What stands behind the routes.
pub struct Ready {
    router: Router,
    alive: Vec<(String, String)>,
    with_username_part: u64,
    with_address_part: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Cli { sessions, peer } = Cli::parse();
    let ready = match peer {
        Peer::Memory => sessions::in_memory(sessions).await?,
        Peer::Redis { url } => sessions::in_redis(sessions, &url).await?,
        Peer::Sqlite { path } => sessions::in_sqlite(sessions, &path).await?,
        Peer::Postgresql => sessions::in_postgresql(sessions).await?,
        Peer::List => list::in_postgresql(sessions).await?,
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("cannot listen")?;
    let Ready { router, alive, with_username_part, with_address_part } = ready;
    let address = listener.local_addr()?.to_string();
    println!("{}", serde_json::to_string(&Facts { address, alive, with_username_part, with_address_part })?);
    let router = router.route("/bare", get(|| async { "hello, user-000000" }));
    axum::serve(listener, router)
        .with_graceful_shutdown(async {
            // An error is an end, too.
            _ = tokio::io::stdin().read(&mut [0]).await;
        })
        .await?;
    Ok(())
}

/// The name of a user by number.
pub fn username(user: u64) -> String {
    format!("user-{user:06}")
}
