//! The tabs of the live channel: a process of its own that opens many, each on another part of the list, and notes when
//! their frames arrive. Or bare sockets, which swallow what they are sent.

use std::{
    io::{self, Read},
    net::SocketAddr,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, ensure};
use app::{
    live::{ClientMessage, Patch, ServerMessage, Snapshot, View},
    session::query::SessionQuery,
    wire,
};
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    task::JoinSet,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message, tungstenite::client::IntoClientRequest};
use tokio_util::sync::CancellationToken;

/// The longest wait for the first frame of a tab.
const PATIENCE: Duration = Duration::from_secs(30);

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
}

/// What the tabs have received.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Received {
    /// Frames after the first of each tab.
    pub(crate) frames: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// For each tab that reads: the revision of each frame and when it came.
    pub(crate) arrivals: Vec<Vec<(u64, u64)>>,
}

/// Nanoseconds since 1970: a clock that both processes have.
#[expect(clippy::disallowed_methods, reason = "two processes are timed by one clock")]
pub(crate) fn nanos_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Opens the tabs, says `ready`, and says what they have received when the standard input ends.
pub(crate) fn run(arguments: &TabsArgs) -> anyhow::Result<()> {
    runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let over = CancellationToken::new();
        let received = if arguments.bare { swallow(arguments, &over).await? } else { watch(arguments, &over).await? };
        println!("{}", serde_json::to_string(&received)?);
        Ok(())
    })
}

/// Says that all tabs are open, and cancels when the standard input ends.
fn ready(over: &CancellationToken) {
    println!("ready");
    let over = over.clone();
    thread::spawn(move || {
        // An error is an end, too.
        _ = io::stdin().read(&mut [0]);
        over.cancel();
    });
}

async fn watch(arguments: &TabsArgs, over: &CancellationToken) -> anyhow::Result<Received> {
    let mut tabs = Vec::new();
    for number in 0..arguments.tabs {
        tabs.push(Tab::open(arguments, number).await?);
    }
    let stalled = tabs.split_off(tabs.len() - arguments.stalled as usize);
    ready(over);
    let mut following: JoinSet<_> = tabs.into_iter().map(|tab| tab.follow(over.clone())).collect();
    let mut received = Received::default();
    while let Some(tab) = following.join_next().await {
        let tab = tab??;
        received.frames += tab.arrivals.len() as u64;
        received.bytes += tab.bytes;
        received.arrivals.push(tab.arrivals);
    }
    drop(stalled);
    Ok(received)
}

struct Tab {
    socket: WebSocketStream<TcpStream>,
    bytes: u64,
    arrivals: Vec<(u64, u64)>,
}

impl Tab {
    /// Opens a tab and waits for its first frame.
    async fn open(arguments: &TabsArgs, number: u32) -> anyhow::Result<Self> {
        let TabsArgs { address, token, rows, parts, sessions, .. } = arguments;
        let mut request = format!("ws://{address}/live").into_client_request()?;
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (socket, _) = client_async(request, stream).await.context("opening a tab")?;
        let mut tab = Self { socket, bytes: 0, arrivals: Vec::new() };
        let first = u64::from(number % parts) * u64::from(*rows) % (*sessions).max(1);
        let query = SessionQuery { first, limit: *rows, ..SessionQuery::default() };
        let watch = wire::encode(&ClientMessage::Watch(View { query, held: None }));
        tab.socket.send(Message::binary(watch)).await?;
        let frame = tokio::time::timeout(PATIENCE, tab.frame()).await.context("a tab without a first frame")??;
        ensure!(frame.is_some(), "a tab was closed before its first frame");
        Ok(tab)
    }

    async fn follow(mut self, over: CancellationToken) -> anyhow::Result<Self> {
        loop {
            let frame = tokio::select! {
                () = over.cancelled() => return Ok(self),
                frame = self.frame() => frame?,
            };
            let (revision, bytes) = frame.context("a tab was closed")?;
            self.bytes += bytes;
            self.arrivals.push((revision, nanos_now()));
        }
    }

    /// The revision and the bytes of the next frame that shows something; `None` at the end.
    async fn frame(&mut self) -> anyhow::Result<Option<(u64, u64)>> {
        while let Some(message) = self.socket.next().await {
            if let Message::Binary(frame) = message?
                && let Some(revision) = revision(&frame)?
            {
                return Ok(Some((revision, frame.len() as u64)));
            }
        }
        Ok(None)
    }
}

/// The revision that a frame tells; a tick tells none.
fn revision(frame: &[u8]) -> anyhow::Result<Option<u64>> {
    Ok(match wire::decode(frame)? {
        ServerMessage::Snapshot(Snapshot { revision, .. }) | ServerMessage::Patch(Patch { revision, .. }) => {
            Some(revision.0)
        }
        ServerMessage::Held(_) | ServerMessage::Tick(_) => None,
    })
}

async fn swallow(arguments: &TabsArgs, over: &CancellationToken) -> anyhow::Result<Received> {
    let mut sockets = JoinSet::new();
    for _ in 0..arguments.tabs {
        let mut socket = TcpStream::connect(arguments.address).await?;
        socket.write_all(b"!").await?;
        sockets.spawn(async move {
            let mut buffer = vec![0; 16 * 1_024];
            while socket.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        });
    }
    ready(over);
    over.cancelled().await;
    sockets.shutdown().await;
    Ok(Received::default())
}
