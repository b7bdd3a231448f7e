//! The tabs of the live channel: a process of its own that opens many, each on another part of the list, and notes when
//! their frames arrive. Or bare sockets, which swallow what they are sent.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, bail, ensure};
use app::{
    live::{ClientMessage, Patch, ServerMessage, Snapshot, View},
    session::query::SessionQuery,
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
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message, tungstenite::client::IntoClientRequest};

use crate::{events::Events, peer::EventStream, pinned};

/// The longest wait for the first frame of a tab, and for the last.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which tabs.
#[derive(Clone, Debug, Args)]
pub(crate) struct TabsArgs {
    address: SocketAddr,
    token: String,
    tabs: u32,
    /// Rows that each shows; the next tab shows those below.
    #[arg(long, default_value_t = 40)]
    rows: u32,
    /// Parts of the list that they show: the first tab after so many shows the first part again.
    #[arg(long, default_value_t = 1)]
    parts: u32,
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

/// Opens the tabs, says `ready`, and says what they have received when the standard input ends. If a number stands there, it
/// waits until each tab knows of so many changes.
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

/// When it is over: not yet, or once a tab knows of so many changes.
pub(crate) type Over = watch::Receiver<Option<u64>>;

/// Says that all tabs are open.
fn ready() -> Over {
    println!("ready");
    let (tell, over) = watch::channel(None);
    thread::spawn(move || {
        let mut wanted = String::new();
        // An error is an end, too.
        _ = io::stdin().read_to_string(&mut wanted);
        tell.send_replace(Some(wanted.trim().parse().unwrap_or(0)));
        // Were it dropped, it would be over for all.
        loop {
            thread::park();
        }
    });
    over
}

/// What a tab has heard so far.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) bytes: u64,
    /// What each frame knows of, and when it came.
    pub(crate) arrivals: Vec<(u64, u64)>,
}

impl Heard {
    /// Hears of frames until it is over. `next` gives what a frame knows of, and its bytes.
    pub(crate) async fn follow(
        mut self,
        mut over: Over,
        mut next: impl AsyncFnMut() -> anyhow::Result<(u64, u64)>,
    ) -> anyhow::Result<Self> {
        let mut known = 0;
        loop {
            let is_over = |wanted: &Option<u64>| wanted.is_some_and(|wanted| known >= wanted);
            let frame = tokio::select! {
                biased;
                frame = next() => frame?,
                _ = over.wait_for(is_over) => return Ok(self),
            };
            known = frame.0;
            self.bytes += frame.1;
            self.arrivals.push((known, nanos_now()));
        }
    }
}

/// Collects what all have heard, and fails if they have not heard everything after a while.
async fn collect(
    mut following: FuturesUnordered<impl Future<Output = anyhow::Result<Heard>>>,
    mut over: Over,
) -> anyhow::Result<Received> {
    let mut received = Received::default();
    let mut collecting = async || {
        while let Some(tab) = following.next().await {
            let Heard { bytes, arrivals } = tab?;
            received.frames += arrivals.len() as u64;
            received.bytes += bytes;
            received.arrivals.push(arrivals);
        }
        anyhow::Ok(())
    };
    let too_late = async {
        _ = over.wait_for(Option::is_some).await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        collected = collecting() => collected?,
        () = too_late => bail!("tabs have not heard of every change"),
    }
    Ok(received)
}

async fn watch(arguments: &TabsArgs) -> anyhow::Result<Received> {
    let mut tabs = Vec::new();
    for number in 0..arguments.tabs {
        tabs.push(Tab::open(arguments, number).await?);
    }
    let stalled = tabs.split_off(tabs.len() - arguments.stalled as usize);
    let over = ready();
    let following = tabs.into_iter().map(|mut tab| {
        let over = over.clone();
        async move { Heard::default().follow(over, async || tab.frame().await).await }
    });
    let received = collect(following.collect(), over.clone()).await;
    drop(stalled);
    received
}

async fn listen(stream: &EventStream, tabs: u32) -> anyhow::Result<Received> {
    let mut streams = Vec::new();
    for _ in 0..tabs {
        streams.push(Events::open(stream).await?);
    }
    let over = ready();
    let following = streams.into_iter().map(|mut events| {
        let over = over.clone();
        async move { Heard::default().follow(over, async || events.next().await).await }
    });
    collect(following.collect(), over.clone()).await
}

struct Tab {
    socket: WebSocketStream<TcpStream>,
    /// The newest session when it was opened, if new ones are counted.
    newest: Option<u64>,
}

impl Tab {
    /// Opens a tab and waits for its first frame.
    async fn open(arguments: &TabsArgs, number: u32) -> anyhow::Result<Self> {
        let TabsArgs { address, token, rows, parts, sessions, counts, .. } = arguments;
        let mut request = format!("ws://{address}/live").into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(request, stream).await.context("opening a tab")?;
        let mut tab = Self { socket, newest: counts.then_some(0) };
        let first = u64::from(number % parts) * u64::from(*rows) % (*sessions).max(1);
        let query = SessionQuery { first, limit: *rows, ..SessionQuery::default() };
        let watch = wire::encode(&ClientMessage::Watch(View { query, held: None }));
        tab.socket.send(Message::binary(watch)).await?;
        let frame = tokio::time::timeout(PATIENCE, tab.frame()).await.context("a tab without a first frame")??;
        tab.newest = tab.newest.map(|_| frame.0);
        Ok(tab)
    }

    /// What the next frame knows of that shows something, and its bytes.
    async fn frame(&mut self) -> anyhow::Result<(u64, u64)> {
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
        ServerMessage::Held(_) | ServerMessage::Tick(_) => None,
    })
}

async fn swallow(arguments: &TabsArgs) -> anyhow::Result<Received> {
    let mut sockets = JoinSet::new();
    for _ in 0..arguments.tabs {
        let mut socket = TcpStream::connect(arguments.address).await?;
        socket.write_all(b"!").await?;
        sockets.spawn(async move {
            let mut buffer = vec![0; 16 * 1_024];
            while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
    }
    _ = ready().wait_for(Option::is_some).await;
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

    /// Closes the tabs, or has them closed once each knows of so many changes; what they have received.
    pub(crate) fn close(&mut self, changes: Option<u64>) -> anyhow::Result<Received> {
        let mut input = self.child.stdin.take().context("tabs that were closed before")?;
        if let Some(changes) = changes {
            write!(input, "{changes}")?;
        }
        drop(input);
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
