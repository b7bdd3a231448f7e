//! The client of the products that are measured side by side: a process of its own. It reads what to ask from its
//! standard input, asks over some connections for a while, and says how that went. A wrong answer is an error.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use serde::{Deserialize, Serialize};

use crate::{peer::Request, statistics::percentile};

/// The longest wait for an answer: deleting many takes some products that long.
const PATIENCE: Duration = Duration::from_secs(120);

/// What to ask.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) address: String,
    pub(crate) requests: Vec<Request>,
    pub(crate) connections: usize,
    /// How long. Every connection asks at least once.
    pub(crate) seconds: f64,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answers {
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Reads a [`Task`], performs it, and prints the [`Answers`].
pub(crate) fn run() -> anyhow::Result<()> {
    let task: Task = serde_json::from_reader(io::stdin().lock()).context("reading what to ask")?;
    println!("{}", serde_json::to_string(&ask_all(&task)?)?);
    Ok(())
}

fn ask_all(task: &Task) -> anyhow::Result<Answers> {
    let prepared: Vec<_> = task.requests.iter().map(|request| (request, wire(request, &task.address))).collect();
    let connections = (0..task.connections)
        .map(|_| {
            let stream =
                TcpStream::connect(&task.address).with_context(|| format!("connecting to {}", task.address))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(Connection { stream, answer: Vec::new() })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let ready = Barrier::new(connections.len());
    let start = Instant::now();
    let waits = thread::scope(|scope| {
        let askers: Vec<_> = connections
            .into_iter()
            .enumerate()
            .map(|(number, mut connection)| {
                let (prepared, ready) = (&prepared, &ready);
                scope.spawn(move || {
                    ready.wait();
                    // Each begins elsewhere.
                    let turns = prepared.iter().cycle().skip(number * prepared.len() / task.connections);
                    let (start, mut waits) = (Instant::now(), Vec::new());
                    for (request, bytes) in turns {
                        waits.push(connection.ask(request, bytes)?);
                        if start.elapsed().as_secs_f64() >= task.seconds {
                            break;
                        }
                    }
                    anyhow::Ok(waits)
                })
            })
            .collect();
        let mut waits = Vec::new();
        for asker in askers {
            waits.extend(asker.join().map_err(|_| anyhow!("an asker panicked"))??);
        }
        anyhow::Ok(waits)
    })?;
    Ok(Answers {
        count: waits.len() as u64,
        seconds: start.elapsed().as_secs_f64(),
        p50: percentile(&waits, 0.5),
        p99: percentile(&waits, 0.99),
    })
}

/// A request as it is sent.
fn wire(request: &Request, address: &str) -> Vec<u8> {
    let Request { raw, method, path, headers, body, .. } = request;
    if let Some(raw) = raw {
        return raw.clone().into_bytes();
    }
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
    headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    format!("{text}\r\n{body}").into_bytes()
}

struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    /// Sends a request and reads its answer, all of it; how long that took, in seconds.
    fn ask(&mut self, request: &Request, bytes: &[u8]) -> anyhow::Result<f64> {
        self.answer.clear();
        let start = Instant::now();
        self.stream.write_all(bytes)?;
        let mut buffer = [0; 16 * 1_024];
        while !self.is_whole(request)? {
            let read = self.stream.read(&mut buffer)?;
            ensure!(read > 0, "{} {} is answered by {} bytes", request.method, request.path, self.answer.len());
            self.answer.extend_from_slice(&buffer[..read]);
        }
        let seconds = start.elapsed().as_secs_f64();
        self.verify(request)?;
        Ok(seconds)
    }

    fn is_whole(&self, request: &Request) -> anyhow::Result<bool> {
        if request.raw.is_some() {
            return Ok(self.answer.len() >= request.contains.len());
        }
        let Some((headers, body)) = split(&self.answer) else { return Ok(false) };
        if let Some(length) = header(headers, "content-length") {
            return Ok(body.len() >= length.parse::<usize>().context("a length that is no number")?);
        }
        let is_chunked =
            header(headers, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
        // No content has no length.
        Ok(if is_chunked { body.ends_with(b"0\r\n\r\n") } else { headers.starts_with("HTTP/1.1 204") })
    }

    fn verify(&self, request: &Request) -> anyhow::Result<()> {
        let Request { method, path, status, contains, raw, .. } = request;
        let text = String::from_utf8_lossy(&self.answer);
        let is_right = raw.is_some() || text.starts_with(&format!("HTTP/1.1 {status} "));
        ensure!(is_right && text.contains(contains.as_str()), "{method} {path:.120} is answered wrongly: {text:.400}");
        Ok(())
    }
}

/// Headers and body, once the headers are all there.
fn split(answer: &[u8]) -> Option<(&str, &[u8])> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some((str::from_utf8(&answer[..end]).ok()?, &answer[end + 4..]))
}

fn header<'a>(headers: &'a str, name: &str) -> Option<&'a str> {
    headers.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}
