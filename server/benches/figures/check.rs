//! What it costs to decide whether a token is good.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use app::{
    principal::Role,
    session::{
        Client, SessionType, TokenHash,
        store::{Activity, SessionStore},
    },
};
use axum::{Router, routing::get};
use server::{config::Config, router, serve, state::AppState, store::RedbStore};
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    conditions::Conditions,
    floor,
    population::{self, LIFETIMES, Population},
    process,
    report::{Report, Unit},
    statistics::Pair,
};

/// Look-ups in a round.
const LOOK_UPS: u64 = 1_000_000;
/// Requests in a round, and the connections that share them.
const REQUESTS: u32 = 30_000;
const CONNECTIONS: u32 = 16;
/// What is asked for.
const PATH: &str = "/forward-auth";
const USER: &str = "Anna";

/// Reports a check without HTTP around it.
pub(crate) fn in_memory(conditions: &Conditions, store: &RedbStore, report: &mut Report) -> anyhow::Result<()> {
    let before_all = Population::new(conditions.sessions, conditions.now).before_all();
    let index = floor::index(conditions.sessions);
    let tokens: Vec<_> =
        (0..LOOK_UPS).map(|number| population::token(population::scattered(number) % conditions.sessions)).collect();
    let check = |token: &TokenHash| store.check(token, &LIFETIMES, before_all, Activity::User).is_some();
    let mut rounds = Vec::new();
    for _ in 0..conditions.rounds {
        rounds.push(Pair {
            value: seconds_of_each(|| tokens.iter().filter(|token| check(token)).count())?,
            floor: seconds_of_each(|| floor::look_up(&index, &tokens))?,
        });
    }
    report.compare("check in memory", Unit::Seconds, &rounds);
    Ok(())
}

/// The seconds of one of all look-ups; each must have found its token.
fn seconds_of_each(look_up_all: impl FnOnce() -> usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    let found = look_up_all();
    let seconds = start.elapsed().as_secs_f64();
    ensure!(found as u64 == LOOK_UPS, "{found} instead of {LOOK_UPS} tokens were found");
    Ok(seconds / LOOK_UPS as f64)
}

/// Reports a check as reverse proxies ask for it.
pub(crate) fn over_http(conditions: &Conditions, store: &RedbStore, report: &mut Report) -> anyhow::Result<()> {
    let servers = conditions.runtime.block_on(Servers::start(store))?;
    let measured = rounds(conditions, &servers);
    conditions.runtime.block_on(servers.stop());
    let (real, bare): (Vec<_>, Vec<_>) = measured?.into_iter().unzip();

    let compare = |figure: fn(&Load) -> f64| -> Vec<Pair> {
        real.iter().zip(&bare).map(|(real, bare)| Pair { value: figure(real), floor: figure(bare) }).collect()
    };
    report.compare("check over HTTP, answers", Unit::PerSecond, &compare(|load| load.answers_per_second));
    report.compare("check over HTTP, CPU of one", Unit::Seconds, &compare(|load| load.cpu_seconds_each));
    Ok(())
}

/// The load on the real server and on the bare one, in each round. The first round is to get warm and does not count.
fn rounds(conditions: &Conditions, servers: &Servers) -> anyhow::Result<Vec<(Load, Load)>> {
    let both = || anyhow::Ok((load(servers.real, &servers.token)?, load(servers.bare, &servers.token)?));
    both()?;
    (0..conditions.rounds).map(|_| both()).collect()
}

/// What one round of requests came to.
struct Load {
    answers_per_second: f64,
    cpu_seconds_each: f64,
}

/// Has a child send the requests, so that the CPU time of this process is the server's.
fn load(address: SocketAddr, token: &str) -> anyhow::Result<Load> {
    let mut client = Command::new(env::current_exe()?);
    client.args(["client", &address.to_string(), PATH, token, &REQUESTS.to_string(), &CONNECTIONS.to_string()]);
    client.stderr(Stdio::inherit());
    let before = process::cpu_time()?;
    let output = client.output().context("starting the client")?;
    let spent = process::cpu_time()?.saturating_sub(before);
    ensure!(output.status.success(), "the client of {address} failed: {}", output.status);
    let nanos = String::from_utf8_lossy(&output.stdout).trim().parse::<u64>().context("reading the client's time")?;
    Ok(Load {
        answers_per_second: f64::from(REQUESTS) / Duration::from_nanos(nanos).as_secs_f64(),
        cpu_seconds_each: spent.as_secs_f64() / f64::from(REQUESTS),
    })
}

/// The real server and the bare one.
struct Servers {
    real: SocketAddr,
    bare: SocketAddr,
    /// The token of a session on the real one.
    token: String,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Servers {
    async fn start(store: &RedbStore) -> anyhow::Result<Self> {
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let real = listener.local_addr()?;
        let state = AppState::new(&config(), real, store.clone(), shutdown.clone())?;
        let token = sign_in(&state).await?;
        spawn(listener, router::router(state), &tasks, &shutdown);

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let bare = listener.local_addr()?;
        spawn(listener, Router::new().route(PATH, get(|| async {})), &tasks, &shutdown);
        Ok(Self { real, bare, token, tasks, shutdown })
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn spawn(listener: TcpListener, router: Router, tasks: &TaskTracker, shutdown: &CancellationToken) {
    let (connections, shutdown) = (tasks.clone(), shutdown.clone());
    tasks.spawn(async move { serve::serve(listener, router, &connections, shutdown).await });
}

/// The token of a user with an account: a check also looks up the role.
async fn sign_in(state: &AppState) -> anyhow::Result<String> {
    state.accounts.add(USER, Role::User, "correct horse battery", state.sessions.now()).await?;
    let client = Client::new(Ipv4Addr::LOCALHOST.into(), "figures");
    let (token, _) = state.sign_in.establish(USER.into(), SessionType::RestApi, client).await?;
    Ok(token.expose().to_owned())
}

fn config() -> Config {
    Config {
        listen: (Ipv4Addr::LOCALHOST, 0).into(),
        data_dir: PathBuf::new(),
        server_name: "keep-01".to_owned(),
        public_url: None,
        lifetimes: LIFETIMES,
        applications: Vec::new(),
        admin_password_file: None,
        simulation: None,
    }
}
