//! Keepwatch as one of the products that are measured side by side: the whole server in a process of its own.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    path::PathBuf,
    thread,
};

use anyhow::Context;
use app::{
    session::{Client, SessionType, service::Clock, store::NewSession},
    time::Timestamp,
};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use server::{auth::token::hash_of_presented, clock::SystemClock, store::RedbStore, user_agent};

use crate::{
    conditions::Conditions,
    http::Servers,
    peer::{Facts, Live, Request, Requests},
    population::scattered,
};
use app::session::store::SessionStore;

/// Sessions that requests are made with.
const ALIVE: u64 = 1_000;
/// Sessions that are created side by side.
const SIDE_BY_SIDE: usize = 1_000;
const USERNAME_PART: &str = "1234";
const ADDRESS_PART: &str = "10.77.";
const DELETES: u64 = 3;
/// Tokens of one request.
const BATCH: u64 = 64;

/// How many sessions, and where.
#[derive(Debug, Args)]
pub(crate) struct KeepwatchArgs {
    #[arg(long)]
    sessions: u64,
    #[arg(long)]
    dir: PathBuf,
}

/// Fills a store, serves it, says what can be asked, and stops at the end of the standard input.
pub(crate) fn run(arguments: &KeepwatchArgs) -> anyhow::Result<()> {
    let KeepwatchArgs { sessions, dir } = arguments;
    let conditions = Conditions::new(*sessions, 1)?;
    let store = RedbStore::open(&dir.join("data"), user_agent::in_words)?;
    let now = SystemClock::default().now();
    let create = |number: u64| {
        let (store, session) = (&store, session(number, *sessions, now));
        async move { store.create(session).await.map(|session| session.id) }
    };
    let ids: Vec<_> =
        conditions.runtime.block_on(stream::iter(0..*sessions).map(create).buffered(SIDE_BY_SIDE).try_collect())?;
    let servers = Servers::start(&conditions, &store)?;
    let facts = Facts {
        name: "Keepwatch".to_owned(),
        versions: concat!("Keepwatch ", env!("CARGO_PKG_VERSION")).to_owned(),
        durability: "two-phase commit, fdatasync before the answer; touches within seconds".to_owned(),
        address: servers.real().to_string(),
        requests: requests(*sessions, &servers.token, &ids.iter().map(|id| id.0).collect::<Vec<_>>()),
        live: Some(Live::Keepwatch { token: servers.token.clone() }),
    };
    println!("{}", serde_json::to_string(&facts)?);
    // An error is an end, too.
    thread::spawn(|| io::stdin().read(&mut [0])).join().ok();
    servers.stop(&conditions);
    store.close().context("closing the store")
}

fn session(number: u64, sessions: u64, now: Timestamp) -> NewSession {
    let dice = scattered(number);
    NewSession {
        token_hash: hash_of_presented(token(number).as_bytes()).unwrap_or(app::session::TokenHash([0; 32])),
        username: username(number % (sessions / 3).max(1)).into(),
        // Those that requests are made with need no account.
        session_type: if number < ALIVE { SessionType::Other } else { SessionType::ALL[(dice % 3) as usize] },
        client: Client::new(
            address(number).parse().unwrap_or([10, 0, 0, 1].into()),
            &format!("Mozilla/5.0 (X11; Linux x86_64) Firefox/{}", 100 + number % 200),
        ),
        server_name: format!("keep-0{}", number % 3).into(),
        // Nobody has been idle for too long.
        created_at: Timestamp::from_millis(now.as_millis() - dice % (20 * 60 * 1_000)),
        asker: None,
        standing: None,
    }
}

fn token(number: u64) -> String {
    (0..4).map(|lane| format!("{:016x}", scattered(number * 4 + lane))).collect()
}

fn username(user: u64) -> String {
    format!("user-{user:06}")
}

fn address(number: u64) -> String {
    let [a, b] = [number * 7_919 % 256, number * 104_729 % 256];
    format!("10.{a}.{b}.{}", number % 256)
}

fn requests(sessions: u64, administrator: &str, ids: &[u64]) -> BTreeMap<String, Requests> {
    let users = (sessions / 3).max(1);
    let bearer = |token: &str| BTreeMap::from([("Authorization".to_owned(), format!("Bearer {token}"))]);
    let get = |path: &str, token: &str, status: u16, contains: String| Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: bearer(token),
        status,
        contains,
        ..Request::default()
    };
    let check =
        |number: u64| get("/forward-auth", &token(number), 200, format!("remote-user: {}", username(number % users)));
    let introspect = |number: u64| Request {
        headers: BTreeMap::from([("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())])
            .into_iter()
            .chain(bearer(administrator))
            .collect(),
        method: "POST".to_owned(),
        body: format!("token={}", token(number)),
        ..get("/api/v1/introspect", administrator, 200, format!("\"username\":\"{}\"", username(number % users)))
    };
    let refused = |token: &str| get("/forward-auth", token, 401, String::new());
    // The session that asks is one more.
    let page = |query: &str, total: u64| {
        Requests::One(get(&format!("/api/v1/sessions{query}"), administrator, 200, format!("\"total\":{total},")))
    };
    let count = |is_meant: &dyn Fn(u64) -> bool| (0..sessions).filter(|number| is_meant(*number)).count() as u64;
    let post = |path: &str, body: String, status: u16, contains: String| Request {
        method: "POST".to_owned(),
        headers: BTreeMap::from([("Content-Type".to_owned(), "application/json".to_owned())])
            .into_iter()
            .chain(bearer(administrator))
            .collect(),
        body,
        ..Request { path: path.to_owned(), status, contains, ..Request::default() }
    };
    let tokens: Vec<_> = (0..BATCH).map(token).collect();
    let introspect_many = post(
        "/api/v1/introspect/batch",
        json!({ "tokens": tokens }).to_string(),
        200,
        format!("\"username\":\"{}\"", username((BATCH - 1) % users)),
    );
    let batches: Vec<_> = (0..DELETES)
        .map(|batch| {
            let length = sessions / 20;
            ALIVE + batch * length..ALIVE + (batch + 1) * length
        })
        .collect();
    let delete = |batch: &std::ops::Range<u64>| {
        let ids: Vec<_> = batch.clone().filter_map(|number| ids.get(number as usize)).collect();
        let deleted = format!("\"deleted\":{}", ids.len());
        post("/api/v1/sessions/delete", json!({ "ids": ids }).to_string(), 200, deleted)
    };
    let create = json!({ "username": "user-000001", "session_type": "other", "address": "10.0.0.1" }).to_string();
    let alive = ALIVE.min(sessions);
    [
        ("bare", Requests::One(get("/healthz", administrator, 200, String::new()))),
        ("check_spread", Requests::Many((0..alive).map(check).collect())),
        ("introspect", Requests::Many((0..alive).map(introspect).collect())),
        ("introspect_many", Requests::One(introspect_many)),
        ("check_unknown", Requests::One(refused(&"0".repeat(64)))),
        ("list_first", page("", sessions + 1)),
        ("list_middle", page(&format!("?first={}", sessions / 2), sessions + 1)),
        ("list_by_username", page("?sort=username", sessions + 1)),
        (
            "list_search",
            page(
                &format!("?q=user:{USERNAME_PART}"),
                count(&|number| username(number % users).contains(USERNAME_PART)),
            ),
        ),
        (
            "list_search_address",
            page(&format!("?q={ADDRESS_PART}"), count(&|number| address(number).contains(ADDRESS_PART))),
        ),
        ("create", Requests::One(post("/api/v1/sessions", create, 201, "\"token\"".to_owned()))),
        ("delete_many", Requests::Many(batches.iter().map(delete).collect())),
        ("deleted_check", Requests::Many(batches.iter().map(|batch| refused(&token(batch.start))).collect())),
    ]
    .map(|(name, requests)| (name.to_owned(), requests))
    .into()
}
