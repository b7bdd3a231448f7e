//! The accept loop: HTTP/1.1 with a header timeout, which `axum::serve` lacks, and a bounded stop.

mod answer;
mod spot;
mod threads;
mod whole;

use std::{
    convert::Infallible,
    io::{self, Cursor},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use axum::{
    BoxError, Router,
    body::{Bytes, HttpBody},
    extract::ConnectInfo,
    response::Response,
};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn, upgrade::Upgraded};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, Chain, Join},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

use self::threads::SpotThreads;
pub use self::{answer::Answer, whole::Whole};

/// How long a client may take to send a request's headers, from the first byte that hyper sees of them; also how long an
/// idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long open requests get when the server stops.
const DRAIN: Duration = Duration::from_secs(4);
/// The most connections at a time, live sockets apart; others wait until one is free.
const MOST: usize = 8_192;
/// The most that the headers of one request may take.
const HEADER_BYTES: usize = 32 * 1_024;

/// What answers requests.
pub trait Answers: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response> + Send + use<Self, B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static;

    /// Answers what a peer has sent, if it is a whole request that is worth it. `false` hands the connection to hyper, with
    /// what was read, for as long as it lasts.
    fn answer_on_the_spot(
        &self,
        _read: &[u8],
        _peer: SocketAddr,
        _answer: &mut Answer,
    ) -> impl Future<Output = bool> + Send {
        std::future::ready(false)
    }
}

impl Answers for Router {
    fn answer<B>(&self, request: Request<B>) -> impl Future<Output = Response> + Send + use<B>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let answer = self.clone().call(request);
        async move { answer.await.unwrap_or_else(|never| match never {}) }
    }
}

/// Accepts connections until `shutdown` is cancelled; each is a task of `tasks` and ends within [`DRAIN`] after that.
///
/// Each begins on a thread where requests are answered on the spot, and goes on, with the first request that is not, as a
/// task of the runtime that this is called on.
pub async fn serve<A: Answers>(listener: TcpListener, answers: A, tasks: &TaskTracker, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST));
    let serving = Serving { answers, tasks: tasks.clone(), shutdown: shutdown.clone(), runtime: Handle::current() };
    let threads = SpotThreads::start(&serving);
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            let (stream, peer) = listener.accept().await?;
            _ = stream.set_nodelay(true);
            Ok::<_, io::Error>(Accepted { stream: stream.into_std()?, peer, place })
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept => match accepted {
                Ok(accepted) => threads.take(accepted),
                Err(error) => {
                    // Out of file descriptors: accepting again at once would only spin.
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// What hyper reads from and writes to.
type Duplex = Join<Chain<Cursor<Vec<u8>>, OwnedReadHalf>, OwnedWriteHalf>;

/// The socket of a connection that [`serve`] has accepted and hyper has upgraded, and what was read of it beyond the request.
/// `None` for any other.
pub fn socket_of(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<Duplex>>().ok()?;
    let (reader, writer) = parts.io.into_inner().into_inner();
    let (begin, reader) = reader.into_inner();
    let unread = begin.get_ref().get(begin.position() as usize..).unwrap_or_default();
    let read = [&parts.read_buf, unread].concat();
    Some((reader.reunite(writer).ok()?, read))
}

/// A connection, and its place among the most there may be.
struct Accepted {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

/// What all connections have in common.
#[derive(Clone)]
struct Serving<A> {
    answers: A,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    /// Where whatever is not answered on the spot is answered.
    runtime: Handle,
}

impl<A: Answers> Serving<A> {
    /// Has hyper go on with a connection, after what was read of it.
    fn go_on(&self, accepted: Accepted, read: Vec<u8>) {
        let serving = self.clone();
        let connection = async move {
            let Accepted { stream, peer, place } = accepted;
            if let Err(error) = serving.by_hyper(stream, peer, read).await {
                tracing::debug!("connection from {peer}: {error}");
            }
            drop(place);
        };
        self.tasks.spawn_on(connection, &self.runtime);
    }

    async fn by_hyper(self, stream: std::net::TcpStream, peer: SocketAddr, read: Vec<u8>) -> Result<(), BoxError> {
        let Self { answers, shutdown, .. } = self;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = answers.answer(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let (reader, writer) = TcpStream::from_std(stream)?.into_split();
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIMEOUT)
            .max_buf_size(HEADER_BYTES)
            .serve_connection(TokioIo::new(tokio::io::join(Cursor::new(read).chain(reader), writer)), service)
            .with_upgrades();
        tokio::pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => Ok(ended?),
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(DRAIN, connection).await {
                    Ok(ended) => Ok(ended?),
                    Err(_) => Ok(()),
                }
            }
        }
    }
}
