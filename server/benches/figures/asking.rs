//! The client of whatever is measured over a socket: a process of its own, on a core of its own. It reads what to ask from
//! its standard input, asks over some connections for a while, and says how that went. A wrong answer is an error.
//!
//! One thread serves all connections: many that take turns would spend more on being woken than a server on an answer.

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::TcpStream,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use mio::{Events, Interest, Poll, Token};
use serde::{Deserialize, Serialize};

use crate::{peer::Request, pinned, prepared::Prepared, process, statistics::percentile, tabs::nanos_now};

/// The longest wait for an answer: deleting many takes some products that long.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long before a request is due the client is awake.
const ROUSED: Duration = Duration::from_millis(2);
/// More than most answers; the place for a longer one grows.
const ANSWER_BYTES: usize = 64 * 1_024;

/// What to ask.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) address: String,
    /// Each in turn.
    pub(crate) requests: Vec<Request>,
    pub(crate) connections: usize,
    pub(crate) until: Until,
    /// How many requests a second, whether or not answers come; only [`Until::Seconds`]. Without it, each connection asks as
    /// soon as it has its answer.
    #[serde(default)]
    pub(crate) rate: Option<f64>,
}

/// When it is enough. Every connection asks at least once.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Until {
    /// After so many seconds.
    Seconds(f64),
    /// After so many answers to each connection.
    Each(u32),
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    /// From a request to its answer, the median, in seconds.
    pub(crate) p50: f64,
    /// And what one of a hundred takes longer than.
    pub(crate) p99: f64,
    /// The part of the time that the client was at work: close to 1, the rate is its own and not the server's.
    pub(crate) busy: f64,
    /// At a rate: when each request was due, in nanoseconds since 1970, and how many seconds later it was answered.
    pub(crate) since_due: Vec<(u64, f64)>,
}

/// Has a child ask, on the second core.
pub(crate) fn ask(task: &Task) -> anyhow::Result<Answers> {
    let mut client = pinned::client(&env::current_exe()?);
    let mut child =
        client.arg("ask").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the client")?;
    // Closed afterwards: the client then begins.
    child.stdin.take().context("a process without input")?.write_all(&serde_json::to_vec(task)?)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the client of {} failed: {}", task.address, output.status);
    serde_json::from_slice(&output.stdout).context("reading what the client says")
}

/// Reads a [`Task`], performs it, and prints the [`Answers`].
pub(crate) fn run() -> anyhow::Result<()> {
    let task: Task = serde_json::from_reader(io::stdin().lock()).context("reading what to ask")?;
    println!("{}", serde_json::to_string(&ask_all(&task)?)?);
    Ok(())
}

fn ask_all(task: &Task) -> anyhow::Result<Answers> {
    let prepared: Vec<_> = task.requests.iter().map(|request| Prepared::new(request, &task.address)).collect();
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(1_024));
    let mut askers = (0..task.connections)
        // Each begins elsewhere.
        .map(|number| Asker::open(&task.address, number * prepared.len() / task.connections))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (number, asker) in askers.iter_mut().enumerate() {
        poll.registry().register(&mut asker.stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
    }
    let (start, cpu_at_start) = (Instant::now(), process::cpu_time()?);
    let since_due = match (task.rate, task.until) {
        (Some(rate), Until::Seconds(seconds)) => {
            let count = (rate * seconds) as u32;
            Steadily { prepared: &prepared, askers: &mut askers, rate, count }.ask(&mut poll, &mut events)?
        }
        _ => Vec::new(),
    };
    let mut waits: Vec<f64> = since_due.iter().map(|(_, wait)| *wait).collect();
    if task.rate.is_none() {
        for asker in &mut askers {
            asker.begin(&prepared)?;
        }
        let mut asking = askers.len();
        while asking > 0 {
            poll.poll(&mut events, Some(PATIENCE))?;
            ensure!(!events.is_empty(), "{} does not answer", task.address);
            for event in &events {
                let asker = &mut askers[event.token().0];
                let Some(wait) = asker.go_on(&prepared)? else { continue };
                waits.push(wait);
                asker.answers += 1;
                let is_enough = match task.until {
                    Until::Seconds(seconds) => start.elapsed().as_secs_f64() >= seconds,
                    Until::Each(answers) => asker.answers >= answers,
                };
                if is_enough {
                    // What it hears from now on is no answer.
                    poll.registry().deregister(&mut asker.stream)?;
                    asking -= 1;
                } else {
                    asker.begin(&prepared)?;
                }
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let busy = process::cpu_time()?.saturating_sub(cpu_at_start).as_secs_f64() / seconds;
    Ok(Answers {
        count: waits.len() as u64,
        seconds,
        p50: percentile(&waits, 0.5),
        p99: percentile(&waits, 0.99),
        busy,
        since_due,
    })
}

/// Connections that ask at a rate, each of them whenever it has nothing under way.
struct Steadily<'a> {
    prepared: &'a [Prepared],
    askers: &'a mut [Asker],
    rate: f64,
    count: u32,
}

impl Steadily<'_> {
    /// When each request was due, and how much later it was answered.
    fn ask(self, poll: &mut Poll, events: &mut Events) -> anyhow::Result<Vec<(u64, f64)>> {
        let Self { prepared, askers, rate, count } = self;
        let (start, start_nanos) = (Instant::now(), nanos_now());
        let due = |number: u32| Duration::from_secs_f64(f64::from(number) / rate);
        let mut free: Vec<_> = (0..askers.len()).collect();
        let mut under_way = vec![None; askers.len()];
        let (mut next, mut since_due) = (0, Vec::new());
        while since_due.len() < count as usize {
            while next < count && start.elapsed() >= due(next) {
                let Some(asker) = free.pop() else { break };
                under_way[asker] = Some(due(next));
                askers[asker].begin(prepared)?;
                next += 1;
            }
            // A sleeper wakes late.
            let until_next = due(next).saturating_sub(start.elapsed() + ROUSED);
            let wait = if next == count || free.is_empty() { PATIENCE } else { until_next };
            poll.poll(events, Some(wait))?;
            ensure!(wait < PATIENCE || !events.is_empty(), "there is no answer");
            for event in &*events {
                let asker = event.token().0;
                let Some(due) = under_way[asker] else { continue };
                if askers[asker].go_on(prepared)?.is_some() {
                    let wait = start.elapsed().saturating_sub(due).as_secs_f64();
                    since_due.push((start_nanos + due.as_nanos() as u64, wait));
                    under_way[asker] = None;
                    free.push(asker);
                }
            }
        }
        Ok(since_due)
    }
}

/// A connection that has one request under way at a time.
struct Asker {
    stream: mio::net::TcpStream,
    /// Which request is next.
    turn: usize,
    answers: u32,
    /// How much of the request is sent.
    sent: usize,
    answer: Vec<u8>,
    /// How much of the answer has come.
    come: usize,
    start: Instant,
}

impl Asker {
    fn open(address: &str, turn: usize) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = mio::net::TcpStream::from_std(stream);
        Ok(Self { stream, turn, answers: 0, sent: 0, answer: vec![0; ANSWER_BYTES], come: 0, start: Instant::now() })
    }

    /// Sends the next request, as much of it as goes at once.
    fn begin(&mut self, prepared: &[Prepared]) -> anyhow::Result<()> {
        (self.sent, self.come, self.start) = (0, 0, Instant::now());
        self.send(&prepared[self.turn])
    }

    fn send(&mut self, request: &Prepared) -> anyhow::Result<()> {
        while self.sent < request.bytes.len() {
            match self.stream.write(&request.bytes[self.sent..]) {
                Ok(sent) => self.sent += sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("sending a request"),
            }
        }
        Ok(())
    }

    /// Sends and reads on; the wait for the answer, in seconds, once it is all there.
    fn go_on(&mut self, prepared: &[Prepared]) -> anyhow::Result<Option<f64>> {
        let request = &prepared[self.turn];
        self.send(request)?;
        loop {
            if self.come == self.answer.len() {
                self.answer.resize(2 * self.come, 0);
            }
            match self.stream.read(&mut self.answer[self.come..]) {
                Ok(0) => anyhow::bail!("an answer ends after {} bytes", self.come),
                Ok(read) => self.come += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error).context("reading an answer"),
            }
            let wait = self.start.elapsed();
            if request.is_answered(&self.answer[..self.come])? {
                self.turn = (self.turn + 1) % prepared.len();
                return Ok(Some(wait.as_secs_f64()));
            }
        }
    }
}
