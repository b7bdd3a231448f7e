//! A client that asks at a steady pace, whether or not it has got its answers: a process of its own. It is told to stop by
//! the end of its standard input, and says how long each answer took, counted from when it was due.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    ops::Range,
    process::{Child, ChildStdout, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use clap::Args;

use crate::{peer::Request, pinned, prepared::Prepared, statistics::percentile, tabs::nanos_now};

/// Between two requests: 2,000 a second.
const PACE: Duration = Duration::from_micros(500);
/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// More than the longest answer.
const ANSWER_BYTES: usize = 4 * 1_024;

/// Whom to ask, and what.
#[derive(Debug, Args)]
pub(crate) struct SteadyArgs {
    address: SocketAddr,
    path: String,
    token: String,
}

/// Asks until the standard input ends. Every answer must be 200.
pub(crate) fn run(arguments: &SteadyArgs) -> anyhow::Result<()> {
    let SteadyArgs { address, path, token } = arguments;
    let request = Prepared::new(&Request::get(path, token), &address.to_string());
    let mut stream = TcpStream::connect(address).context("connecting to the server")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    ask(&mut stream, &request)?;
    println!("ready");
    static OVER: AtomicBool = AtomicBool::new(false);
    thread::spawn(|| {
        // An error is an end, too.
        _ = io::stdin().read(&mut [0]);
        OVER.store(true, Ordering::Relaxed);
    });
    let (start, start_nanos) = (Instant::now(), nanos_now());
    let mut waits: Vec<(u64, f64)> = Vec::new();
    while !OVER.load(Ordering::Relaxed) {
        let due = PACE * waits.len() as u32;
        // Awake all the time: a sleeper wakes late.
        while start.elapsed() < due {
            std::hint::spin_loop();
        }
        ask(&mut stream, &request)?;
        waits.push((start_nanos + due.as_nanos() as u64, start.elapsed().saturating_sub(due).as_secs_f64()));
    }
    println!("{}", serde_json::to_string(&waits)?);
    Ok(())
}

fn ask(stream: &mut TcpStream, request: &Prepared) -> anyhow::Result<()> {
    stream.write_all(&request.bytes)?;
    let (mut answer, mut come) = ([0; ANSWER_BYTES], 0);
    while !request.is_answered(&answer[..come])? {
        let read = stream.read(&mut answer[come..])?;
        ensure!(read > 0, "an answer ends after {come} bytes");
        come += read;
    }
    Ok(())
}

/// Such a client, while it runs.
pub(crate) struct Steady {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Steady {
    pub(crate) fn start(address: SocketAddr, path: &str, token: &str) -> anyhow::Result<Self> {
        let mut client = pinned::client(&env::current_exe()?);
        client.args(["steady", &address.to_string(), path, token]);
        let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the client")?;
        let mut output = BufReader::new(child.stdout.take().context("a process without output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(line == "ready\n", "the client gets no answers");
        Ok(Self { child, output })
    }

    /// Stops it.
    pub(crate) fn stop(mut self) -> anyhow::Result<Waits> {
        drop(self.child.stdin.take());
        let waits = serde_json::from_reader(&mut self.output).context("reading the client's waits")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the client failed: {status}");
        Ok(Waits(waits))
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        // It is most likely gone.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// When each answer was due, in nanoseconds since 1970, and how many seconds later it was there.
pub(crate) struct Waits(Vec<(u64, f64)>);

impl Waits {
    /// The wait that 99 of 100 answers due meanwhile do not exceed.
    pub(crate) fn p99(&self, meanwhile: Range<u64>) -> anyhow::Result<f64> {
        Ok(percentile(&self.due(meanwhile)?, 0.99))
    }

    /// The longest wait for an answer due meanwhile.
    pub(crate) fn longest(&self, meanwhile: Range<u64>) -> anyhow::Result<f64> {
        Ok(percentile(&self.due(meanwhile)?, 1.0))
    }

    fn due(&self, meanwhile: Range<u64>) -> anyhow::Result<Vec<f64>> {
        let due: Vec<_> = self.0.iter().filter(|(due, _)| meanwhile.contains(due)).map(|(_, wait)| *wait).collect();
        ensure!(!due.is_empty(), "nobody asked meanwhile");
        Ok(due)
    }
}
