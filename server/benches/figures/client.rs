//! The client of the checks: a process of its own, which sends requests over some connections as fast as it gets answers.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::statistics::{median, percentile};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than the longest answer.
const ANSWER_BYTES: usize = 64 * 1_024;

/// Whom to ask, what, and how often.
#[derive(Debug, Args)]
pub(crate) struct ClientArgs {
    address: SocketAddr,
    path: String,
    token: String,
    requests: u32,
    connections: u32,
}

/// How long it took, in seconds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Times {
    /// All requests.
    pub(crate) all: f64,
    /// From a request to its answer, the median.
    pub(crate) p50: f64,
    /// And what one of a hundred takes longer than.
    pub(crate) p99: f64,
}

/// Sends all requests and prints the [`Times`]. Ends with an error at the first answer that is not 200.
pub(crate) fn run(arguments: &ClientArgs) -> anyhow::Result<()> {
    let ClientArgs { address, path, token, requests, connections } = arguments;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    let each = requests / connections;
    ensure!(each * connections == *requests, "{requests} requests cannot be shared by {connections} connections");
    // All are open before the first request, so that nobody waits at the barrier for one that cannot be opened.
    let connections = (0..*connections).map(|_| Connection::open(*address)).collect::<anyhow::Result<Vec<_>>>()?;
    println!("{}", serde_json::to_string(&send_all(connections, request.as_bytes(), each)?)?);
    Ok(())
}

fn send_all(connections: Vec<Connection>, request: &[u8], each: u32) -> anyhow::Result<Times> {
    let ready = &Barrier::new(connections.len() + 1);
    thread::scope(|scope| {
        let senders: Vec<_> = connections
            .into_iter()
            .map(|mut connection| {
                scope.spawn(move || {
                    ready.wait();
                    (0..each).map(|_| connection.ask(request)).collect::<anyhow::Result<Vec<_>>>()
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        let mut waits = Vec::new();
        for sender in senders {
            waits.extend(sender.join().map_err(|_| anyhow!("a sender panicked"))??);
        }
        Ok(Times { all: start.elapsed().as_secs_f64(), p50: median(&waits), p99: percentile(&waits, 0.99) })
    })
}

/// One connection, kept open.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, answer: vec![0; ANSWER_BYTES] })
    }

    /// Sends a request and reads its answer, all of it; how long that took, in seconds.
    pub(crate) fn ask(&mut self, request: &[u8]) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.stream.write_all(request)?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.answer[filled..])?;
            ensure!(read > 0, "an answer ends after {filled} bytes");
            filled += read;
            if is_whole(&self.answer[..filled])? {
                return Ok(start.elapsed().as_secs_f64());
            }
        }
    }
}

/// Whether an answer is here, headers and body. It must be a 200.
fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(end_of_headers) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(false) };
    let headers = str::from_utf8(&answer[..end_of_headers]).context("headers that are not text")?;
    let (status, headers) = headers.split_once("\r\n").unwrap_or((headers, ""));
    if !status.starts_with("HTTP/1.1 200 ") {
        bail!("the answer is {status}");
    }
    let length = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.context("an answer does not tell its length")?;
    Ok(answer.len() >= end_of_headers + 4 + length)
}
