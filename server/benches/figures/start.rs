//! How long a store takes to open, and how much memory, in a process that does nothing else.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use app::{
    session::{Lifetimes, query::SessionQuery, service::Clock, store::SessionStore},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use server::{clock::SystemClock, store::RedbStore, user_agent};
use tokio::runtime;

use crate::{
    conditions::Conditions,
    floor,
    full_store::FullStore,
    population::{self, Population},
    process,
    redb_alone::{self, RedbAlone},
    report::{Report, Unit},
    statistics::Pair,
};

/// How long a process creates sessions before it is killed.
const KILLED_AFTER: Duration = Duration::from_millis(500);
/// Sessions that such a process creates side by side, and how often at most.
const SIDE_BY_SIDE: u64 = 64;
const BATCHES: u64 = 10_000;
/// SIGKILL, which no process can catch.
const KILL: i32 = 9;

/// The list as it is looked at: by each column, and searched.
const LOOKS: [&str; 4] = ["sort=username", "sort=-address", "sort=user_agent", "q=firefox+10.20+-type%3Arest"];

/// Reports memory, and the start after the store was closed.
pub(crate) fn after_closing(conditions: &Conditions, full: &FullStore, report: &mut Report) -> anyhow::Result<()> {
    let (mut memory, mut resident, mut starts) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..conditions.rounds {
        let opened = open_in_child(&full.data_dir)?;
        ensure!(opened.sessions == conditions.sessions, "{} sessions after a restart", opened.sessions);
        memory.push(opened.bytes as f64 / conditions.sessions as f64);
        resident.push(opened.resident as f64);
        starts.push(Pair { value: opened.seconds, floor: floor::read_through(&full.data_dir)? });
    }
    report.state("memory, by session", Unit::Bytes, &memory);
    report.state("memory of the process that has opened, sorted and searched it", Unit::Bytes, &resident);
    report.compare("start", Unit::Seconds, &starts);
    Ok(())
}

/// Reports the start after the process before was killed: beside redb's repair of the same sessions when it has no table
/// beside it, and beside its repair of the very file that is opened.
pub(crate) fn after_kill(conditions: &Conditions, full: &FullStore, report: &mut Report) -> anyhow::Result<()> {
    let alone = RedbAlone::fill(conditions)?;
    let (mut beside_alone, mut beside_own) = (Vec::new(), Vec::new());
    let mut sessions = conditions.sessions;
    for round in 0..u64::from(conditions.rounds) {
        // Numbers that no session has had, so that no token occurs twice.
        let first = conditions.sessions + round * BATCHES * SIDE_BY_SIDE;
        sessions += crash(&full.data_dir, first)?;
        let own = repair(&full.data_dir, &conditions.path("repaired"))?;
        let opened = open_in_child(&full.data_dir)?;
        ensure!(opened.sessions >= sessions, "{} of {sessions} sessions after kill -9", opened.sessions);
        sessions = opened.sessions;
        beside_alone.push(Pair { value: opened.seconds, floor: alone.repair()? });
        beside_own.push(Pair { value: opened.seconds, floor: own });
    }
    report.compare("start after kill -9, beside redb alone", Unit::Seconds, &beside_alone);
    report.compare("start after kill -9, beside redb's repair of that file", Unit::Seconds, &beside_own);
    Ok(())
}

/// How long redb takes to open a copy of the store, in seconds.
fn repair(data_dir: &Path, copies: &Path) -> anyhow::Result<f64> {
    fs::create_dir_all(copies)?;
    let copy = copies.join(server::store::FILE);
    fs::copy(data_dir.join(server::store::FILE), &copy)?;
    let (database, seconds) = redb_alone::open(&copy)?;
    drop(database);
    fs::remove_file(copy)?;
    Ok(seconds)
}

/// What a process says that has opened a store.
#[derive(Debug, Serialize, Deserialize)]
struct Opened {
    /// In its first answer.
    sessions: u64,
    /// From the call to the first answer.
    seconds: f64,
    /// What it has grown by.
    bytes: u64,
    /// What it has after [`LOOKS`].
    resident: u64,
}

fn open_in_child(data_dir: &Path) -> anyhow::Result<Opened> {
    let mut child = Command::new(env::current_exe()?);
    let output = child.arg("open").arg(data_dir).stderr(Stdio::inherit()).output().context("starting a process")?;
    ensure!(output.status.success(), "the process that opens the store failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("reading what the process says that has opened the store")
}

/// As a child: opens a store, says what that took, and closes it.
pub(crate) fn open(data_dir: &Path) -> anyhow::Result<()> {
    let before = process::resident_bytes()?;
    let start = Instant::now();
    let store = RedbStore::open(data_dir, user_agent::in_words)?;
    let sessions = store.list(&SessionQuery::default(), &Lifetimes::default(), Timestamp::default()).total;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = process::resident_bytes()?.saturating_sub(before);
    for look in LOOKS {
        let query = SessionQuery::parse(look)?;
        store.list(&query, &Lifetimes::default(), SystemClock::default().now());
    }
    let resident = process::resident_bytes()?;
    store.close()?;
    println!("{}", serde_json::to_string(&Opened { sessions, seconds, bytes, resident })?);
    Ok(())
}

/// Has a process create sessions until it is killed; how many were acknowledged.
fn crash(data_dir: &Path, first: u64) -> anyhow::Result<u64> {
    let mut child = Command::new(env::current_exe()?);
    child.arg("crash").arg(data_dir).arg(first.to_string()).stdout(Stdio::piped());
    let mut child = Doomed(child.spawn().context("starting a process")?);
    let output = child.0.stdout.take().context("a process without output")?;
    let mut lines = BufReader::new(output).lines();
    let mut acknowledged = lines.next().context("the process to be killed has ended before")??;
    thread::sleep(KILLED_AFTER);
    child.0.kill()?;
    let status = child.0.wait()?;
    ensure!(status.signal() == Some(KILL), "the process to be killed has ended before: {status}");
    for line in lines {
        acknowledged = line?;
    }
    acknowledged.parse::<u64>().context("reading how many sessions were acknowledged")
}

/// A child that does not outlive its handle.
struct Doomed(Child);

impl Drop for Doomed {
    fn drop(&mut self) {
        // It is most likely gone.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// As a child: creates sessions, says after each batch how many were acknowledged, and waits to be killed.
pub(crate) fn create_until_killed(data_dir: &Path, first: u64) -> anyhow::Result<()> {
    let store = RedbStore::open(data_dir, user_agent::in_words)?;
    let population = Population::new(SIDE_BY_SIDE * BATCHES, SystemClock::default().now());
    let runtime = runtime::Builder::new_current_thread().build()?;
    let mut output = io::stdout().lock();
    for batch in 0..BATCHES {
        let from = first + batch * SIDE_BY_SIDE;
        runtime.block_on(population::fill(&store, &population, from..from + SIDE_BY_SIDE))?;
        // An error also when nobody reads any more: then nobody is left to kill this process.
        writeln!(output, "{}", (batch + 1) * SIDE_BY_SIDE)?;
    }
    bail!("nobody has killed this process")
}
