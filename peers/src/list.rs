//! A list of sessions in PostgreSQL behind axum, with the indexes that its pages and searches need: what a careful
//! developer would write by hand.

use anyhow::Context;
use axum::{
    Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header::COOKIE},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{
    ConnectOptions, Executor, PgPool, Row,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::Ready;

const USERNAME_PART: &str = "1234";
const ADDRESS_PART: &str = "10.77.";
/// Sessions that requests are made with.
const ALIVE: i64 = 1_000;

const SCHEMA: &str = "
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE TABLE sessions (
        id bigint PRIMARY KEY,
        token text NOT NULL UNIQUE,
        username text NOT NULL,
        session_type smallint NOT NULL,
        address text NOT NULL,
        server_name text NOT NULL,
        user_agent text NOT NULL,
        created_at timestamptz NOT NULL,
        last_active_at timestamptz NOT NULL
    );
    INSERT INTO sessions
    SELECT n, md5(n::text || 'a') || md5(n::text || 'b'), 'user-' || lpad((n % $USERS)::text, 6, '0'), n % 3,
        '10.' || (n * 7919 % 256) || '.' || (n * 104729 % 256) || '.' || (n % 256),
        'keep-0' || n % 3, 'Mozilla/5.0 (X11; Linux x86_64) Firefox/' || 100 + n % 200,
        now() - random() * interval '12 hours', now() - random() * interval '8 hours'
    FROM generate_series(1::bigint, $SESSIONS) AS n;
    CREATE INDEX ON sessions (last_active_at DESC, id DESC);
    CREATE INDEX ON sessions (username, id);
    CREATE INDEX ON sessions USING gin (username gin_trgm_ops);
    CREATE INDEX ON sessions USING gin (address gin_trgm_ops);
";

/// Fills the database and serves its list.
pub async fn in_postgresql(sessions: u64) -> anyhow::Result<Ready> {
    let options = PgConnectOptions::new().username("postgres").database("postgres").disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(16)
        .connect_with(options)
        .await
        .context("connecting to PostgreSQL")?;
    let users = (sessions / 3).max(1);
    let schema = SCHEMA.replace("$USERS", &users.to_string()).replace("$SESSIONS", &sessions.to_string());
    pool.execute(schema.as_str()).await?;
    pool.execute("VACUUM ANALYZE sessions").await?;

    let alive = sqlx::query("SELECT token, username FROM sessions ORDER BY id LIMIT $1").bind(ALIVE);
    let alive = alive.fetch_all(&pool).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
    let router = Router::new()
        .route("/hello", get(hello))
        .route("/sessions", get(list))
        .route("/sessions/create", post(create))
        .route("/sessions/delete", post(delete))
        .with_state(pool.clone());
    Ok(Ready {
        router,
        alive,
        with_username_part: count(&pool, "username", USERNAME_PART).await?,
        with_address_part: count(&pool, "address", ADDRESS_PART).await?,
    })
}

async fn count(pool: &PgPool, column: &str, part: &str) -> anyhow::Result<u64> {
    let count = format!("SELECT count(*) FROM sessions WHERE {column} LIKE $1");
    let count = sqlx::query(&count).bind(format!("%{part}%")).fetch_one(pool).await?;
    Ok(count.get::<i64, _>(0) as u64)
}

/// Every hit moves the last activity.
async fn hello(State(pool): State<PgPool>, headers: HeaderMap) -> Result<String, StatusCode> {
    let cookie = headers.get(COOKIE).and_then(|cookie| cookie.to_str().ok()?.strip_prefix("sid="));
    let touch = sqlx::query("UPDATE sessions SET last_active_at = now() WHERE token = $1 RETURNING username")
        .bind(cookie.unwrap_or_default());
    match touch.fetch_optional(&pool).await {
        Ok(Some(row)) => Ok(format!("hello, {}", row.get::<String, _>(0))),
        Ok(None) => Err(StatusCode::UNAUTHORIZED),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    sort: String,
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    username: String,
    #[serde(default)]
    address: String,
}

async fn list(State(pool): State<PgPool>, Query(asked): Query<Asked>) -> Result<Json<Value>, StatusCode> {
    page(&pool, &asked).await.map(Json).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

/// The keys of a page come from an index alone, the rows afterwards.
async fn page(pool: &PgPool, asked: &Asked) -> sqlx::Result<Value> {
    let order = if asked.sort == "username" { "username, id" } else { "last_active_at DESC, id DESC" };
    let condition = match (asked.username.is_empty(), asked.address.is_empty()) {
        (false, _) => "WHERE username LIKE $1",
        (_, false) => "WHERE address LIKE $1",
        _ => "WHERE $1 <> ''",
    };
    let part = format!("%{}{}%", asked.username, asked.address);
    let total = sqlx::query(&format!("SELECT count(*) FROM sessions {condition}")).bind(&part).fetch_one(pool).await?;
    let rows = format!(
        "SELECT id, username, session_type, address, server_name, user_agent, created_at::text, last_active_at::text
        FROM sessions WHERE id IN (SELECT id FROM sessions {condition} ORDER BY {order} OFFSET $2 LIMIT 50)
        ORDER BY {order}"
    );
    let rows = sqlx::query(&rows).bind(&part).bind(asked.offset).fetch_all(pool).await?;
    let text = |row: &sqlx::postgres::PgRow, column: usize| row.get::<String, _>(column);
    let sessions: Vec<_> = rows
        .iter()
        .map(|row| {
            json!({
                "id": row.get::<i64, _>(0), "username": text(row, 1), "session_type": row.get::<i16, _>(2),
                "address": text(row, 3), "server_name": text(row, 4), "user_agent": text(row, 5),
                "created_at": text(row, 6), "last_active_at": text(row, 7),
            })
        })
        .collect();
    Ok(json!({ "total": total.get::<i64, _>(0), "sessions": sessions }))
}

async fn create(State(pool): State<PgPool>, name: String) -> Result<(StatusCode, String), StatusCode> {
    let insert = sqlx::query(
        "INSERT INTO sessions
        SELECT id, md5(id::text || 'c') || md5(random()::text), $1, 2, '10.0.0.1', 'keep-01', '', now(), now()
        FROM (SELECT 1000000000 + (random() * 1000000000000)::bigint AS id) AS fresh",
    );
    insert.bind(&name).execute(&pool).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((StatusCode::CREATED, name))
}

async fn delete(State(pool): State<PgPool>, Json(ids): Json<Vec<i64>>) -> Result<Json<Value>, StatusCode> {
    let delete = sqlx::query("DELETE FROM sessions WHERE id = ANY($1)").bind(ids);
    let deleted = delete.execute(&pool).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "deleted": deleted.rows_affected() })))
}

