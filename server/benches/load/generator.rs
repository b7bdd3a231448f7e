//! Registers, uses, deletes and signs in at given rates.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};

use super::{
    connection::{Answer, Connection},
    schedule::{Delays, Done, Schedule},
};

/// Loads a Keepwatch on this machine
#[derive(Debug, Parser)]
#[command(name = "load")]
pub(crate) struct Cli {
    /// Where it listens
    #[arg(long, default_value = "127.0.0.1:3000")]
    address: SocketAddr,
    /// An administrator, who registers and deletes
    #[arg(long, default_value = "Admin")]
    username: String,
    /// A file with the administrator's password
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
    /// For how long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Sessions registered beforehand
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    sessions: u64,
    /// Requests of registered sessions in a second
    #[arg(long, value_name = "RATE", default_value_t = 1_000)]
    touches: u64,
    /// Sessions registered in a second
    #[arg(long, value_name = "RATE", default_value_t = 20)]
    registrations: u64,
    /// Sessions deleted in a second
    #[arg(long, value_name = "RATE", default_value_t = 20)]
    deletes: u64,
    /// Sign-ins with the password in a second; each costs the server a password hash
    #[arg(long, value_name = "RATE", default_value_t = 2)]
    sign_ins: u64,
    /// Said by cargo
    #[arg(long = "bench", hide = true)]
    _bench: bool,
}

/// A session that the load has registered.
struct Registered {
    id: u64,
    token: String,
}

/// What all kinds of requests share.
struct Load {
    address: SocketAddr,
    username: String,
    password: String,
    /// The administrator's token.
    token: String,
    sessions: Mutex<Vec<Registered>>,
}

/// One request of a kind, sent over a kept connection.
type Act = fn(&Load, &mut Connection) -> anyhow::Result<Done>;

/// How the requests of a kind were answered.
pub(crate) struct Report {
    pub(crate) name: &'static str,
    /// Those that were wanted in a second.
    pub(crate) rate: u64,
    pub(crate) delays: Delays,
}

/// Sends all that is wanted.
///
/// # Errors
/// The first answer that is not the right one.
pub(crate) fn run(cli: &Cli) -> anyhow::Result<Vec<Report>> {
    ensure!(cli.address.ip().is_loopback(), "--address {} is not on this machine", cli.address);
    let load = Load::sign_in(cli)?;
    load.fill(cli.sessions)?;

    let start = Instant::now();
    let schedule = |rate: u64| Schedule { start, rate, until: start + Duration::from_secs(cli.seconds) };
    let kinds: [(&str, u64, Act); 4] = [
        ("touch", cli.touches, Load::touch),
        ("register", cli.registrations, Load::register),
        ("delete", cli.deletes, Load::delete),
        ("sign in", cli.sign_ins, Load::sign_in_again),
    ];
    let outcomes = thread::scope(|scope| {
        let load = &load;
        let send = |(_, rate, act): (_, u64, Act)| {
            scope.spawn(move || schedule(rate).run(|| Connection::open(load.address), |one| act(load, one)))
        };
        kinds.map(send).map(|sending| sending.join())
    });
    let report = |((name, rate, _), outcome): (_, thread::Result<anyhow::Result<Delays>>)| match outcome {
        Ok(delays) => {
            let delays = delays.with_context(|| format!("while sending requests of the kind '{name}'"))?;
            Ok(Report { name, rate, delays })
        }
        Err(_) => bail!("the sender of '{name}' panicked"),
    };
    kinds.into_iter().zip(outcomes).map(report).collect()
}

impl Load {
    fn sign_in(cli: &Cli) -> anyhow::Result<Self> {
        let password = std::fs::read_to_string(&cli.password_file)
            .with_context(|| format!("reading the password from {}", cli.password_file.display()))?;
        let password = password.lines().next().unwrap_or_default().to_owned();
        let mut load = Self {
            address: cli.address,
            username: cli.username.clone(),
            password,
            token: String::new(),
            sessions: Mutex::default(),
        };
        let answer = load.ask_to_sign_in(&mut Connection::open(cli.address)?)?;
        load.token = text(&answer.json()?["token"])?;
        Ok(load)
    }

    fn fill(&self, sessions: u64) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.address)?;
        (0..sessions).try_for_each(|_| self.register(&mut connection).map(drop))
    }

    fn register(&self, connection: &mut Connection) -> anyhow::Result<Done> {
        let number = self.lock().len();
        let body = json!({
            "username": format!("load-{}", number % 500),
            "session_type": "other",
            "address": format!("10.99.{}.{}", number / 256 % 256, number % 256),
            "user_agent": "load/1",
        });
        let answer = connection.ask("POST", "/api/v1/sessions", Some(&self.token), Some(&body))?.expecting(201)?;
        let body = answer.json()?;
        let id = body["session"]["id"].as_u64().context("a session without an id")?;
        self.lock().push(Registered { id, token: text(&body["token"])? });
        Ok(Done::Answered)
    }

    fn touch(&self, connection: &mut Connection) -> anyhow::Result<Done> {
        let Some(session) = self.take_one() else { return Ok(Done::Left) };
        let answer = connection.ask("GET", "/api/v1/session", Some(&session.token), None)?.expecting(200);
        self.lock().push(session);
        answer.map(|_| Done::Answered)
    }

    fn delete(&self, connection: &mut Connection) -> anyhow::Result<Done> {
        let Some(session) = self.take_one() else { return Ok(Done::Left) };
        let path = format!("/api/v1/sessions/{}", session.id);
        connection.ask("DELETE", &path, Some(&self.token), None)?.expecting(204)?;
        let again = connection.ask("GET", "/api/v1/session", Some(&session.token), None)?;
        ensure!(again.status == 401, "session {} was let in after its delete was acknowledged", session.id);
        Ok(Done::Answered)
    }

    fn sign_in_again(&self, connection: &mut Connection) -> anyhow::Result<Done> {
        let token = text(&self.ask_to_sign_in(connection)?.json()?["token"])?;
        connection.ask("DELETE", "/api/v1/session", Some(&token), None)?.expecting(204).map(|_| Done::Answered)
    }

    fn ask_to_sign_in(&self, connection: &mut Connection) -> anyhow::Result<Answer> {
        let body = json!({"username": self.username, "password": self.password});
        connection.ask("POST", "/api/v1/sessions", None, Some(&body))?.expecting(201)
    }

    /// One of the sessions, taken so that nobody else uses it meanwhile.
    fn take_one(&self) -> Option<Registered> {
        let mut sessions = self.lock();
        let last = sessions.len().checked_sub(1)?;
        let place = sessions[last].id as usize * 7_919 % (last + 1);
        Some(sessions.swap_remove(place))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Registered>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(value: &Value) -> anyhow::Result<String> {
    value.as_str().map(str::to_owned).context("a text is missing in an answer")
}
