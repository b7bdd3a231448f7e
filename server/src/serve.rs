//! The accept loop: HTTP/1.1 with a header timeout, which `axum::serve` lacks, and a bounded stop.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{extract::ConnectInfo, response::Response};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service;

/// How long a client may take to send a request's headers; also how long an idle connection is kept.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long open requests get when the server stops.
const DRAIN: Duration = Duration::from_secs(4);
/// The most connections at a time, live sockets apart; others wait until one is free.
const MOST: usize = 8_192;
/// The most that the headers of one request may take.
const HEADER_BYTES: usize = 32 * 1_024;

/// What answers requests.
pub trait Answers:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static> + Clone + Send + 'static
{
}

impl<S> Answers for S where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

/// Accepts connections until `shutdown` is cancelled; each is a task of `tasks` and ends within [`DRAIN`] after that.
pub async fn serve<S: Answers>(listener: TcpListener, answers: S, tasks: &TaskTracker, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(MOST));
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, peer)| (stream, peer, place))
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = accept => match accepted {
                Ok((stream, peer, place)) => {
                    let connection = connection(stream, peer, answers.clone(), shutdown.clone());
                    tasks.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors: accepting again at once would only spin.
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn connection<S: Answers>(stream: TcpStream, peer: SocketAddr, answers: S, shutdown: CancellationToken) {
    _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        answers.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(DRAIN, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!("connection from {peer}: {error}");
    }
}
