//! The requests of a connection that are answered on the spot, before hyper sees the first that is not.

use std::{net::SocketAddr, pin::pin};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Answer, Answers, DRAIN, HEADER_TIMEOUT};

/// The most bytes that are read in one piece.
const PIECE: usize = 8 * 1_024;

/// Answers until a request comes that is not answered on the spot, and gives what was read of it; `None` when the
/// connection is over. It is closed on `shutdown`, when it was idle for the header timeout (twice that at most), and when
/// an answer is not taken within [`DRAIN`].
pub(super) async fn answer_on_the_spot<A: Answers>(
    stream: &mut TcpStream,
    peer: SocketAddr,
    answers: &A,
    shutdown: &CancellationToken,
) -> Option<Vec<u8>> {
    let mut piece = vec![0; PIECE];
    let mut answer = Answer::default();
    // One timer for all requests: to set one for each would cost more than the look-up.
    let (mut idle, mut was_busy) = (pin!(sleep(HEADER_TIMEOUT)), false);
    let mut stopping = pin!(shutdown.cancelled());
    loop {
        let read = tokio::select! {
            biased;
            read = stream.read(&mut piece) => read.ok().filter(|read| *read > 0)?,
            () = idle.as_mut() => {
                if !std::mem::take(&mut was_busy) {
                    return None;
                }
                idle.as_mut().reset(Instant::now() + HEADER_TIMEOUT);
                continue;
            }
            () = stopping.as_mut() => return None,
        };
        was_busy = true;
        if !answers.answer_on_the_spot(&piece[..read], peer, &mut answer).await {
            return Some(piece[..read].to_vec());
        }
        // Nearly always all of it, and then no timer is needed. What is wrong shows at once again.
        let sent = stream.try_write(answer.as_bytes()).unwrap_or(0);
        let rest = &answer.as_bytes()[sent..];
        if !rest.is_empty() {
            timeout(DRAIN, stream.write_all(rest)).await.ok()?.ok()?;
        }
        // A client that asks without a pause is never found waiting.
        if shutdown.is_cancelled() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{
        body::{Bytes, HttpBody},
        response::Response,
    };
    use http::{Request, StatusCode};
    use tokio::net::TcpListener;

    use super::*;

    /// Says 200 on the spot to whatever is no `x`.
    #[derive(Clone)]
    struct Yes;

    impl Answers for Yes {
        fn answer<B>(&self, _: Request<B>) -> impl Future<Output = Response> + Send + use<B>
        where
            B: HttpBody<Data = Bytes> + Send + 'static,
        {
            std::future::ready(Response::default())
        }

        async fn answer_on_the_spot(&self, read: &[u8], _: SocketAddr, answer: &mut Answer) -> bool {
            answer.begin(StatusCode::OK, app::time::Timestamp::from_millis(0));
            answer.end(b"");
            read != b"x"
        }
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    async fn answer(stream: &mut TcpStream) -> Option<Vec<u8>> {
        let peer = stream.peer_addr().unwrap();
        answer_on_the_spot(stream, peer, &Yes, &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn what_is_not_answered_is_handed_over() {
        let (mut client, mut server) = pair().await;
        let asking = async {
            client.write_all(b"a").await.unwrap();
            assert!(client.read(&mut [0; 1_000]).await.unwrap() > 0);
            client.write_all(b"x").await.unwrap();
        };
        assert_eq!(tokio::join!(asking, answer(&mut server)).1, Some(b"x".to_vec()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_idle_for_too_long_is_closed() {
        let (mut client, mut server) = pair().await;
        let start = Instant::now();
        assert_eq!(answer(&mut server).await, None);
        assert_eq!(start.elapsed().as_secs(), HEADER_TIMEOUT.as_secs());

        let start = Instant::now();
        let asking = async {
            for _ in 0..3 {
                client.write_all(b"a").await.unwrap();
                assert!(client.read(&mut [0; 1_000]).await.unwrap() > 0);
                tokio::time::sleep(HEADER_TIMEOUT - Duration::from_secs(1)).await;
            }
        };
        let (answered, ()) = tokio::join!(answer(&mut server), asking);
        assert_eq!(answered, None);
        assert!(start.elapsed() >= HEADER_TIMEOUT * 3, "an asker is not cut off: {:?}", start.elapsed());
    }
}
