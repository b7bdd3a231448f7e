//! The tabs of the live channel: a process of its own that opens many, each on another part of the list, and notes when
//! their frames arrive. Or bare sockets, which swallow what they are sent.

use std::{
    cell::RefCell,
    env,
    io::{self, BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use app::{
    live::{ClientMessage, Held, Patch, ServerMessage, Snapshot, View},
    session::query::{Filter, SessionQuery},
    wire,
};
use clap::Args;
use futures_util::{SinkExt, StreamExt, stream::FuturesUnordered};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    sync::watch,
    task::JoinSet,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, protocol::WebSocketConfig},
};

use crate::{events::Events, peer::EventStream, pinned};

/// The longest wait for the first frame of a tab, and for the last.
const PATIENCE: Duration = Duration::from_secs(60);
/// What is on the way to a tab arrives without a pause of this length.
const AT_ONCE: Duration = Duration::from_millis(200);
/// How often it is looked whether all have heard.
const LOOK: Duration = Duration::from_millis(10);
/// How much a tab reads at once.
const READ_AT_ONCE: usize = 16 * 1_024;

/// Which tabs.
#[derive(Clone, Debug, Args)]
pub(crate) struct TabsArgs {
    address: SocketAddr,
    token: String,
    tabs: u32,
    /// Rows that each shows.
    #[arg(long, default_value_t = 40)]
    rows: u32,
    /// Parts of the list that they show: the first tab after so many shows the first part again.
    #[arg(long, default_value_t = 1)]
    parts: u32,
    /// The parts are spread over the whole list: else the next is the one below.
    #[arg(long)]
    spread: bool,
    /// They hold the order of their part, as the console does once somebody has scrolled.
    #[arg(long)]
    held: bool,
    /// Each part is the first of a search of its own: for a network, for a word, or for several things.
    #[arg(long)]
    searched: bool,
    /// Rows there are.
    #[arg(long, default_value_t = 0)]
    sessions: u64,
    /// So many of them read nothing after their first frame.
    #[arg(long, default_value_t = 0)]
    stalled: u32,
    /// Bare sockets instead.
    #[arg(long)]
    bare: bool,
    /// Streams of events instead, as a launcher describes them in JSON.
    #[arg(long)]
    events: Option<String>,
    /// Counts the sessions that are new instead of telling revisions.
    #[arg(long)]
    counts: bool,
}

/// What the tabs have received.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Received {
    /// Frames after the first of each tab.
    pub(crate) frames: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The bytes that were on the way to tabs that did not read, when the others had heard all.
    pub(crate) waiting: u64,
    /// For each tab that reads: what each frame knows of, a revision or the number of new sessions, and when it came.
    pub(crate) arrivals: Vec<Vec<(u64, u64)>>,
}

impl Received {
    /// How late the tabs have heard of changes, in seconds: of each, by its revision or number, from when it was made to the
    /// first frame that knows of it. Every tab must have heard of every change.
    pub(crate) fn lateness(&self, made: &[(u64, u64)]) -> anyhow::Result<Vec<f64>> {
        let mut late = Vec::new();
        for arrivals in &self.arrivals {
            let mut arrivals = arrivals.iter().peekable();
            for (change, at) in made {
                while arrivals.next_if(|(known, _)| known < change).is_some() {}
                let (_, arrived) =
                    arrivals.peek().with_context(|| format!("a tab has not heard of change {change}"))?;
                late.push(arrived.saturating_sub(*at) as f64 / 1e9);
            }
        }
        Ok(late)
    }
}

/// Nanoseconds since 1970: a clock that both processes have.
#[expect(clippy::disallowed_methods, reason = "two processes are timed by one clock")]
pub(crate) fn nanos_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Opens the tabs, says `ready`, and says what they have received when the standard input ends. If a number comes before, it
/// says `heard` once each tab knows of so many changes.
pub(crate) fn run(arguments: &TabsArgs) -> anyhow::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let received = if arguments.bare {
            swallow(arguments).await?
        } else if let Some(stream) = &arguments.events {
            listen(&serde_json::from_str(stream)?, arguments.tabs).await?
        } else {
            watch(arguments).await?
        };
        println!("{}", serde_json::to_string(&received)?);
        Ok(())
    })
}

/// What the standard input says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Nothing,
    /// How many changes each tab is to have heard of.
    Changes(u64),
    End,
}

/// Says that all tabs are open, and follows the standard input.
fn ready() -> watch::Receiver<Said> {
    println!("ready");
    let (say, said) = watch::channel(Said::Nothing);
    thread::spawn(move || {
        // An error is an end, too.
        for line in io::stdin().lines().map_while(Result::ok) {
            say.send_replace(line.parse().map_or(Said::End, Said::Changes));
        }
        say.send_replace(Said::End);
    });
    said
}

/// What a tab has heard so far.
#[derive(Default)]
struct Heard {
    bytes: u64,
    /// What each frame knows of, and when it came.
    arrivals: Vec<(u64, u64)>,
}

/// Where the frames of a tab come from.
trait Frames {
    /// What the next frame knows of, and its bytes.
    async fn next(&mut self) -> anyhow::Result<(u64, u64)>;
}

/// Has all of them hear until the standard input ends.
async fn hear(tabs: Vec<impl Frames>) -> anyhow::Result<Received> {
    let mut said = ready();
    let all: Vec<_> = tabs.iter().map(|_| RefCell::new(Heard::default())).collect();
    let mut hearing: FuturesUnordered<_> = tabs
        .into_iter()
        .zip(&all)
        .map(|(mut tab, heard)| async move {
            loop {
                let (known, bytes) = match tab.next().await {
                    Ok(frame) => frame,
                    Err(error) => return error,
                };
                let mut heard = heard.borrow_mut();
                heard.bytes += bytes;
                heard.arrivals.push((known, nanos_now()));
            }
        })
        .collect();
    let knows = |heard: &RefCell<Heard>| heard.borrow().arrivals.last().map_or(0, |(known, _)| *known);
    let following = async {
        loop {
            match *said.borrow_and_update() {
                Said::Changes(changes) => {
                    let start = Instant::now();
                    while !all.iter().all(|heard| knows(heard) >= changes) {
                        ensure!(start.elapsed() < PATIENCE, "tabs have not heard of every change");
                        tokio::time::sleep(LOOK).await;
                    }
                    println!("heard");
                }
                Said::End => return Ok(()),
                Said::Nothing => {}
            }
            if said.changed().await.is_err() {
                return Ok(());
            }
        }
    };
    tokio::select! {
        followed = following => followed?,
        Some(error) = hearing.next() => return Err(error),
    }
    drop(hearing);
    let mut received = Received::default();
    for Heard { bytes, arrivals } in all.into_iter().map(RefCell::into_inner) {
        received.frames += arrivals.len() as u64;
        received.bytes += bytes;
        received.arrivals.push(arrivals);
    }
    Ok(received)
}

async fn watch(arguments: &TabsArgs) -> anyhow::Result<Received> {
    let mut tabs = Vec::new();
    for number in 0..arguments.tabs {
        tabs.push(Tab::open(arguments, number).await?);
    }
    let stalled = tabs.split_off(tabs.len() - arguments.stalled as usize);
    let mut received = hear(tabs).await?;
    for tab in stalled {
        received.waiting += tab.waiting().await;
    }
    Ok(received)
}

async fn listen(stream: &EventStream, tabs: u32) -> anyhow::Result<Received> {
    let mut streams = Vec::new();
    for _ in 0..tabs {
        streams.push(Events::open(stream).await?);
    }
    hear(streams).await
}

impl Frames for Events {
    async fn next(&mut self) -> anyhow::Result<(u64, u64)> {
        self.told().await
    }
}

struct Tab {
    socket: WebSocketStream<TcpStream>,
    /// The newest session when it was opened, if new ones are counted.
    newest: Option<u64>,
}

impl Tab {
    /// Opens a tab and waits for its first frame.
    async fn open(arguments: &TabsArgs, number: u32) -> anyhow::Result<Self> {
        let TabsArgs { address, token, rows, parts, spread, held, searched, sessions, counts, .. } = arguments;
        let mut request = format!("ws://{address}/live").into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        // A tab of a browser is a process of its own: all tabs in one are not to be late because each read clears 128 kB.
        let settings = WebSocketConfig::default().read_buffer_size(READ_AT_ONCE);
        let opening = client_async_with_config(request, stream, Some(settings));
        let (socket, _) = opening.await.context("opening a tab")?;
        let mut tab = Self { socket, newest: None };
        let apart = if *spread { sessions / u64::from(*parts) } else { u64::from(*rows) };
        let part = number % parts;
        let first = if *searched { 0 } else { u64::from(part) * apart % (*sessions).max(1) };
        let search = match (searched, part % 3) {
            (false, _) => String::new(),
            (true, 0) => format!("ip:10.{part}.0.0/16"),
            (true, 1) => format!("okafor{part}"),
            (true, _) => format!("agent:firefox -user:rossi{part} idle<20m"),
        };
        let filter = Filter { session_type: None, search };
        let query = SessionQuery { filter, first, limit: *rows, ..SessionQuery::default() };
        let mut shown = tab.watch(View { query: query.clone(), held: None }).await?;
        if *held {
            let ids = shown.sessions.iter().map(|session| session.id).collect();
            let held = Held { as_of: shown.as_of, first, limit: *rows, ids };
            shown = tab.watch(View { query, held: Some(held) }).await?;
        }
        tab.newest = counts.then_some(shown.as_of.0);
        Ok(tab)
    }

    /// Shows a view from now on; its first state.
    async fn watch(&mut self, view: View) -> anyhow::Result<Snapshot> {
        let key = view.key();
        self.socket.send(Message::binary(wire::encode(&ClientMessage::Watch(view)))).await?;
        let first = async {
            while let Some(message) = self.socket.next().await {
                if let Message::Binary(frame) = message?
                    && let ServerMessage::Snapshot(snapshot) = wire::decode(&frame)?
                    && snapshot.view == key
                {
                    return Ok(snapshot);
                }
            }
            bail!("a tab was closed")
        };
        tokio::time::timeout(PATIENCE, first).await.context("a tab without a first frame")?
    }
}

impl Tab {
    /// How many bytes have arrived, or are on the way, that it has not read. What comes later is none of them.
    async fn waiting(self) -> u64 {
        let mut stream = self.socket.into_inner();
        let (mut buffer, mut waiting) = (vec![0; 1 << 20], 0);
        while let Ok(read) = tokio::time::timeout(AT_ONCE, stream.read(&mut buffer)).await {
            match read {
                // The server has given it up.
                Ok(0) | Err(_) => break,
                Ok(read) => waiting += read as u64,
            }
        }
        waiting
    }
}

impl Frames for Tab {
    /// The next frame that shows something.
    async fn next(&mut self) -> anyhow::Result<(u64, u64)> {
        while let Some(message) = self.socket.next().await {
            if let Message::Binary(frame) = message?
                && let Some((revision, newest)) = told(&frame)?
            {
                let known = self.newest.map_or(revision, |before| newest - before);
                return Ok((known, frame.len() as u64));
            }
        }
        bail!("a tab was closed")
    }
}

/// The revision that a frame tells, and the newest session; a tick tells none.
fn told(frame: &[u8]) -> anyhow::Result<Option<(u64, u64)>> {
    Ok(match wire::decode(frame)? {
        ServerMessage::Snapshot(Snapshot { revision, as_of, .. })
        | ServerMessage::Patch(Patch { revision, as_of, .. }) => Some((revision.0, as_of.0)),
        ServerMessage::Held(_) | ServerMessage::Range(_) | ServerMessage::Tick(_) => None,
    })
}

async fn swallow(arguments: &TabsArgs) -> anyhow::Result<Received> {
    let mut sockets = JoinSet::new();
    for _ in 0..arguments.tabs {
        let mut socket = TcpStream::connect(arguments.address).await?;
        socket.write_all(b"!").await?;
        sockets.spawn(async move {
            let mut buffer = vec![0; READ_AT_ONCE];
            while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
    }
    _ = ready().wait_for(|said| *said == Said::End).await;
    sockets.shutdown().await;
    Ok(Received::default())
}

/// The process of the tabs.
pub(crate) struct Tabs {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Tabs {
    /// Opens so many tabs. Whatever else is said of them is an argument.
    pub(crate) fn open(
        address: SocketAddr,
        token: &str,
        tabs: u32,
        more: impl FnOnce(&mut Command),
    ) -> anyhow::Result<Self> {
        let mut command = pinned::client(&env::current_exe()?);
        command.args(["tabs", &address.to_string(), token, &tabs.to_string()]);
        more(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("starting the tabs")?;
        let mut output = BufReader::new(child.stdout.take().context("a process without output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        ensure!(line == "ready\n", "the tabs could not be opened");
        Ok(Self { child, output })
    }

    /// Waits until each knows of so many changes.
    pub(crate) fn have_heard_of(&mut self, changes: u64) -> anyhow::Result<()> {
        writeln!(self.child.stdin.as_mut().context("a process without input")?, "{changes}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        ensure!(line == "heard\n", "not all tabs have heard of every change");
        Ok(())
    }

    /// Closes the tabs; what they have received.
    pub(crate) fn close(&mut self) -> anyhow::Result<Received> {
        drop(self.child.stdin.take());
        let received = serde_json::from_reader(&mut self.output).context("reading what the tabs have received")?;
        let status = self.child.wait()?;
        ensure!(status.success(), "the tabs failed: {status}");
        Ok(received)
    }
}

impl Drop for Tabs {
    fn drop(&mut self) {
        // It is most likely gone.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
