//! Server-sent events (WHATWG HTML, 9.2), as far as they have to be read to count what they tell.

use anyhow::{Context, ensure};
use memchr::memmem::Finder;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    peer::{EventStream, Request},
    prepared::Prepared,
};

/// More than most events.
const BYTES: usize = 16 * 1_024;

/// An open stream.
pub(crate) struct Events {
    stream: TcpStream,
    told: Finder<'static>,
    /// How many sessions it has told of.
    count: u64,
    /// What has come and may be the beginning of what tells of one.
    rest: Vec<u8>,
}

impl Events {
    /// Opens a stream, and waits until it is there.
    pub(crate) async fn open(events: &EventStream) -> anyhow::Result<Self> {
        let EventStream { address, open, first, subscribe, told } = events;
        let mut stream = send(address, open).await?;
        let mut come = String::new();
        while !come.contains(first.as_str()) {
            let mut buffer = [0; BYTES];
            let read = stream.read(&mut buffer).await?;
            ensure!(read > 0, "{address} does not open a stream: {come}");
            come += &String::from_utf8_lossy(&buffer[..read]);
        }
        if let Some(subscribe) = subscribe {
            let client = come.split_once("\"clientId\":\"").and_then(|(_, rest)| rest.split('"').next());
            let client = client.with_context(|| format!("a stream without a name: {come}"))?;
            let subscribe = Request { body: subscribe.body.replace("CLIENT_ID", client), ..subscribe.clone() };
            let (mut answered, mut answer) = (send(address, &subscribe).await?, Vec::new());
            while !Prepared::new(&subscribe, address).is_answered(&answer)? {
                ensure!(answered.read_buf(&mut answer).await? > 0, "an answer ends too early");
            }
        }
        Ok(Self { stream, told: Finder::new(told).into_owned(), count: 0, rest: Vec::new() })
    }

    /// How many sessions have been told of so far, once it is more; and the bytes until then.
    pub(crate) async fn told(&mut self) -> anyhow::Result<(u64, u64)> {
        let (before, mut bytes) = (self.count, 0);
        while self.count == before {
            let kept = self.rest.len();
            let read = self.stream.read_buf(&mut self.rest).await?;
            ensure!(read > 0, "a stream has ended");
            bytes += read as u64;
            self.count += self.told.find_iter(&self.rest).count() as u64;
            // Less than what tells of one: it is not counted twice.
            let spare = (kept + read).min(self.told.needle().len() - 1);
            self.rest.drain(..kept + read - spare);
        }
        Ok((self.count, bytes))
    }
}

/// Sends a request on a connection of its own.
async fn send(address: &str, request: &Request) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
    stream.write_all(&Prepared::new(request, address).bytes).await?;
    Ok(stream)
}
