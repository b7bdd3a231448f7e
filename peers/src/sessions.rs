//! tower-sessions with each of its stores: a handler behind the layer, every request moves the expiry as a sign-in that
//! times out when idle does.

use anyhow::Context;
use axum::{Router, http::StatusCode, routing::get};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use sqlx::{
    ConnectOptions, Executor,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use time::{Duration, OffsetDateTime};
use tower_sessions::{
    Expiry, MemoryStore, Session, SessionManagerLayer, SessionStore,
    session::{Id, Record},
};
use tower_sessions_redis_store::{
    RedisStore,
    fred::{
        interfaces::ClientLike,
        types::config::Config,
    },
    fred,
};
use tower_sessions_sqlx_store::{PostgresStore, SqliteStore};

use crate::{Ready, username};

/// Sessions that requests are made with.
const ALIVE: u64 = 1_000;
/// Sessions that are filled in side by side.
const SIDE_BY_SIDE: usize = 64;
const KEY: &str = "username";
/// The cookie says `Secure`, which the benchmark's client does not care about.
const LIFETIME: Duration = Duration::hours(12);

pub async fn in_memory(sessions: u64) -> anyhow::Result<Ready> {
    let store = MemoryStore::default();
    let alive = fill(&store, sessions).await?;
    Ok(ready(store, alive))
}

pub async fn in_redis(sessions: u64, url: &str) -> anyhow::Result<Ready> {
    let pool = fred::clients::Pool::new(Config::from_url(url)?, None, None, None, 6)?;
    pool.init().await.context("connecting to Redis")?;
    let store = RedisStore::new(pool);
    let alive = fill(&store, sessions).await?;
    Ok(ready(store, alive))
}

pub async fn in_sqlite(sessions: u64, path: &str) -> anyhow::Result<Ready> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true).disable_statement_logging();
    let options = options.journal_mode(SqliteJournalMode::Wal);
    // Durable only once it is full.
    let filling = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options.clone().synchronous(SqliteSynchronous::Off))
        .await?;
    let store = SqliteStore::new(filling.clone());
    store.migrate().await?;
    let alive = fill(&store, sessions).await?;
    filling.close().await;
    let pool = SqlitePoolOptions::new().connect_with(options.synchronous(SqliteSynchronous::Full)).await?;
    Ok(ready(SqliteStore::new(pool), alive))
}

pub async fn in_postgresql(sessions: u64) -> anyhow::Result<Ready> {
    let options = PgConnectOptions::new().username("postgres").database("postgres").disable_statement_logging();
    let filling = PgPoolOptions::new()
        .max_connections(8)
        .connect_with(options.clone().options([("synchronous_commit", "off")]))
        .await
        .context("connecting to PostgreSQL")?;
    let store = PostgresStore::new(filling.clone());
    store.migrate().await?;
    let alive = fill(&store, sessions).await?;
    filling.execute("VACUUM ANALYZE").await?;
    filling.close().await;
    let pool = PgPoolOptions::new().max_connections(16).connect_with(options).await?;
    Ok(ready(PostgresStore::new(pool), alive))
}

/// Creates all sessions; the ids and usernames of the first.
async fn fill(store: &impl SessionStore, sessions: u64) -> anyhow::Result<Vec<(String, String)>> {
    let users = (sessions / 3).max(1);
    let expiry_date = OffsetDateTime::now_utc() + LIFETIME;
    let create = |number: u64| async move {
        let username = username(number % users);
        let data = [(KEY.to_owned(), json!(username))].into();
        let mut record = Record { id: Id::default(), data, expiry_date };
        store.create(&mut record).await?;
        anyhow::Ok((record.id.to_string(), username))
    };
    let created = stream::iter(0..sessions).map(create).buffered(SIDE_BY_SIDE);
    let kept = created.enumerate().map(|(number, created)| created.map(|created| (number as u64, created)));
    kept.try_filter_map(|(number, created)| async move { Ok((number < ALIVE).then_some(created)) })
        .try_collect()
        .await
}

fn ready<S: SessionStore + Clone>(store: S, alive: Vec<(String, String)>) -> Ready {
    let layer = SessionManagerLayer::new(store)
        .with_name("sid")
        .with_always_save(true)
        .with_expiry(Expiry::OnInactivity(LIFETIME));
    let router = Router::new().route("/hello", get(hello)).layer(layer);
    Ready { router, alive, with_username_part: 0, with_address_part: 0 }
}

async fn hello(session: Session) -> Result<String, StatusCode> {
    match session.get::<String>(KEY).await {
        Ok(Some(username)) => Ok(format!("hello, {username}")),
        Ok(None) => Err(StatusCode::UNAUTHORIZED),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
