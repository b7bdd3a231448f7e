//! The whole server beside one that knows its answers, both in this process, asked by a child.

use std::net::{Ipv4Addr, SocketAddr};

use app::{
    principal::Role,
    session::{Client, Lifetimes, SessionType, query::SessionQuery, store::SessionStore},
};
use axum::{Router, body::Bytes, http::header, routing::get};
use server::{
    api::wire::SessionListBody,
    background,
    checks::Answering,
    config::Config,
    serve::{self, Answers},
    state::AppState,
    store::RedbStore,
};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    asking::{self, Task, Until},
    conditions::Conditions,
    peer::Request,
    pinned::Pinned,
    population::LIFETIMES,
    process,
    statistics::Pair,
};

/// The connections that share the requests of a round.
pub(crate) const CONNECTIONS: u32 = 16;
const USER: &str = "Anna";

/// The real server and the bare one.
pub(crate) struct Servers {
    real: SocketAddr,
    bare: SocketAddr,
    /// The token of a session on the real one.
    pub(crate) token: String,
    pinned: Pinned,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

/// What the rounds came to.
#[derive(Default)]
pub(crate) struct Rounds {
    pub(crate) answers_per_second: Vec<Pair>,
    pub(crate) cpu_seconds_each: Vec<Pair>,
    /// From a request to its answer, one connection.
    pub(crate) p50: Vec<Pair>,
}

impl Servers {
    /// Both servers. The bare one answers `/empty` with nothing and `/page` with the bytes of a page of the list.
    pub(crate) fn start(conditions: &Conditions, store: &RedbStore) -> anyhow::Result<Self> {
        conditions.runtime.block_on(async {
            let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
            let pinned = Pinned::server(conditions.cores);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let real = listener.local_addr()?;
            let state = AppState::new(&config(), real, store.clone(), shutdown.clone())?;
            let token = sign_in(&state).await?;
            background::spawn(&state);
            spawn(listener, Answering::new(state), &tasks, &shutdown);

            let page =
                SessionListBody::from(store.list(&SessionQuery::default(), &Lifetimes::default(), conditions.now));
            let page = Bytes::from(serde_json::to_vec(&page)?);
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let bare = listener.local_addr()?;
            let json = [(header::CONTENT_TYPE, "application/json")];
            let routes = Router::new()
                .route("/empty", get(|| async {}))
                .route("/page", get(move || async move { (json, page) }));
            spawn(listener, routes, &tasks, &shutdown);
            Ok(Self { real, bare, token, pinned, tasks, shutdown })
        })
    }

    /// Where the real one listens.
    pub(crate) fn real(&self) -> SocketAddr {
        self.real
    }

    /// Asks both in turn. The first round is to get warm and does not count.
    pub(crate) fn rounds(
        &self,
        conditions: &Conditions,
        path: &str,
        bare_path: &str,
        requests: u32,
    ) -> anyhow::Result<Rounds> {
        let mut rounds = Rounds::default();
        for round in 0..=conditions.rounds {
            let both = |requests, connections| {
                let real = self.load(self.real, path, requests, connections)?;
                anyhow::Ok((real, self.load(self.bare, bare_path, requests, connections)?))
            };
            let (many, alone) = (both(requests, CONNECTIONS)?, both(requests / CONNECTIONS, 1)?);
            if round > 0 {
                let pair = |(real, bare): &(Load, Load), figure: fn(&Load) -> f64| Pair {
                    value: figure(real),
                    floor: figure(bare),
                };
                rounds.answers_per_second.push(pair(&many, |load| load.answers_per_second));
                rounds.cpu_seconds_each.push(pair(&many, |load| load.cpu_seconds_each));
                rounds.p50.push(pair(&alone, |load| load.p50));
            }
        }
        Ok(rounds)
    }

    /// Stops both.
    pub(crate) fn stop(self, conditions: &Conditions) {
        self.shutdown.cancel();
        self.tasks.close();
        conditions.runtime.block_on(self.tasks.wait());
        drop(self.pinned);
    }

    /// Has a child send the requests, so that the CPU time of this process is the server's. Every answer must be 200.
    pub(crate) fn load(
        &self,
        address: SocketAddr,
        path: &str,
        requests: u32,
        connections: u32,
    ) -> anyhow::Result<Load> {
        let request = Request::get(path, &self.token);
        let task = Task {
            address: address.to_string(),
            requests: vec![request],
            connections: connections as usize,
            until: Until::Each(requests / connections),
            rate: None,
        };
        let before = process::cpu_time()?;
        let asking::Answers { count, seconds, p50, p99, .. } = asking::ask(&task)?;
        let spent = process::cpu_time()?.saturating_sub(before);
        let count = count as f64;
        Ok(Load { answers_per_second: count / seconds, cpu_seconds_each: spent.as_secs_f64() / count, p50, p99 })
    }
}

/// What one round of requests came to.
pub(crate) struct Load {
    pub(crate) answers_per_second: f64,
    cpu_seconds_each: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

fn spawn(listener: TcpListener, answers: impl Answers, tasks: &TaskTracker, shutdown: &CancellationToken) {
    let (connections, shutdown) = (tasks.clone(), shutdown.clone());
    tasks.spawn(async move { serve::serve(listener, answers, &connections, shutdown).await });
}

/// The token of a user with an account: a check also looks up the role.
async fn sign_in(state: &AppState) -> anyhow::Result<String> {
    if state.accounts.find(USER).is_none() {
        state.accounts.add(USER, Role::Administrator, "correct horse battery", state.sessions.now(), None).await?;
    }
    let client = Client::new(Ipv4Addr::LOCALHOST.into(), "figures");
    let (token, _) = state.sign_in.establish(USER.into(), SessionType::RestApi, client).await?;
    Ok(token.expose().to_owned())
}

fn config() -> Config {
    Config { listen: (Ipv4Addr::LOCALHOST, 0).into(), lifetimes: LIFETIMES, ..Config::default() }
}
