//! Where a tab is written to: by the views that it is shown, from any thread and without waiting, and by its own task.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::Notify,
    time::Instant,
};

/// How long a tab may read nothing of what it is sent.
const READ_PATIENCE: Duration = Duration::from_secs(5);
/// The most that the system holds of what it has not begun to send to a tab, and what it has begun: it would take some
/// megabytes, and a tab that does not read would get frames of long ago before the newest.
const MOST_HELD: u32 = 16 * 1_024;
/// The most that waits for a tab beside the rest of a frame: answers to its own pings, and what its task says.
const MOST_UNSENT: usize = 256 * 1_024;

/// A tab's socket, for those who write. A message goes out whole: what the socket does not take at once waits here, and
/// no frame of a view is added to it.
pub(super) struct Outlet {
    stream: TcpStream,
    unsent: Mutex<Unsent>,
    /// Something has come to wait.
    stuck: Notify,
}

#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    /// How much of it is no part of a frame.
    said: usize,
    /// Whether a frame has been taken since someone asked.
    has_spoken: bool,
    /// Since when something has been waiting of which nothing could be sent.
    since: Option<Instant>,
    is_broken: bool,
    /// Whether the last message has been said: nothing may come after it (RFC 6455, 5.5.1).
    is_over: bool,
}

impl Unsent {
    fn is_free(&self) -> bool {
        self.bytes.is_empty() && !self.is_broken && !self.is_over
    }
}

impl Outlet {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Where the system does not know of it, a slow tab is some seconds behind.
        #[cfg(target_os = "linux")]
        if let Err(error) = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(MOST_HELD) {
            tracing::debug!("the system may hold more than {MOST_HELD} bytes for a tab: {error}");
        }
        Self { stream, unsent: Mutex::default(), stuck: Notify::new() }
    }

    /// Whether nothing waits: a frame that is offered is then most likely sent.
    pub(super) fn is_free(&self) -> bool {
        self.lock().is_free()
    }

    /// Sends a frame, or the beginning of it and the rest later, unless something waits before it; whether it did.
    pub(super) fn offer(&self, frame: &[u8]) -> bool {
        let mut unsent = self.lock();
        let is_free = unsent.is_free();
        if is_free {
            unsent.has_spoken = true;
            _ = self.append(&mut unsent, frame);
        }
        is_free
    }

    /// Whether a frame has been taken since this was asked before.
    pub(super) fn has_spoken(&self) -> bool {
        std::mem::take(&mut self.lock().has_spoken)
    }

    /// Sends a message, after what waits.
    pub(super) fn send(&self, message: &[u8]) {
        let mut unsent = self.lock();
        unsent.said += self.append(&mut unsent, message);
        if unsent.said > MOST_UNSENT {
            self.give_up(&mut unsent);
        }
    }

    /// Sends the last message, after what waits.
    pub(super) fn send_last(&self, message: &[u8]) {
        self.send(message);
        self.lock().is_over = true;
    }

    /// Returns how much of the message waits.
    fn append(&self, unsent: &mut Unsent, message: &[u8]) -> usize {
        if unsent.is_broken || unsent.is_over {
            return 0;
        }
        let sent = if unsent.bytes.is_empty() { self.write(message) } else { Ok(0) };
        let Ok(sent) = sent else {
            self.give_up(unsent);
            return 0;
        };
        let waits = &message[sent..];
        if !waits.is_empty() {
            unsent.bytes.extend_from_slice(waits);
            unsent.since.get_or_insert_with(Instant::now);
            self.stuck.notify_one();
        }
        waits.len()
    }

    /// Nobody knows how much was written of what: nothing is written any more.
    fn give_up(&self, unsent: &mut Unsent) {
        unsent.is_broken = true;
        self.stuck.notify_one();
    }

    /// Writes as much as the socket takes.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.try_write(&bytes[written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => written += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Waits until something has waited and has been sent. May be begun anew at any time.
    ///
    /// # Errors
    /// The tab has not read for [`READ_PATIENCE`], has let too much pile up, or is gone.
    pub(super) async fn drained(&self) -> io::Result<()> {
        loop {
            let since = {
                let unsent = self.lock();
                if unsent.is_broken {
                    return Err(io::ErrorKind::BrokenPipe.into());
                }
                unsent.since
            };
            let Some(since) = since else {
                self.stuck.notified().await;
                continue;
            };
            let writable = tokio::time::timeout_at(since + READ_PATIENCE, self.stream.writable());
            writable.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            let mut unsent = self.lock();
            let sent = match self.write(&unsent.bytes) {
                Ok(sent) => sent,
                Err(error) => {
                    self.give_up(&mut unsent);
                    return Err(error);
                }
            };
            unsent.bytes.drain(..sent);
            if sent > 0 {
                unsent.since = Some(Instant::now());
            }
            if unsent.bytes.is_empty() {
                *unsent = Unsent { is_over: unsent.is_over, ..Unsent::default() };
                return Ok(());
            }
        }
    }

    /// Waits until nothing waits, for [`READ_PATIENCE`] at most, however much is read meanwhile; whether everything was sent.
    pub(super) async fn emptied(&self) -> bool {
        let (is_waiting, is_broken) = {
            let unsent = self.lock();
            (unsent.since.is_some(), unsent.is_broken)
        };
        if !is_waiting {
            return !is_broken;
        }
        tokio::time::timeout(READ_PATIENCE, self.drained()).await.is_ok_and(|drained| drained.is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, Unsent> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same socket, for what reads it and answers its pings.
pub(super) struct Inlet(pub(super) Arc<Outlet>);

impl AsyncRead for Inlet {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = &self.0.stream;
        loop {
            ready!(stream.poll_read_ready(context))?;
            match stream.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Inlet {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.send(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{io::AsyncReadExt, net::TcpListener};

    use super::*;

    async fn pair() -> (Arc<Outlet>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let reader = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Arc::new(Outlet::new(listener.accept().await.unwrap().0)), reader)
    }

    #[tokio::test]
    async fn whoever_does_not_read_is_sent_one_frame_whole_and_no_other_until_then() {
        let (outlet, mut reader) = pair().await;
        // More than any socket takes at once.
        let frame: Vec<u8> = (0..32 * 1_024 * 1_024).map(|byte| byte as u8).collect();
        assert!(outlet.offer(&frame));
        assert!(!outlet.offer(b"another frame"));
        outlet.send(b"a ping");
        let expected = [&frame[..], b"a ping"].concat();
        let mut read = vec![0; expected.len()];
        let draining = tokio::spawn({
            let outlet = outlet.clone();
            async move { outlet.drained().await }
        });
        reader.read_exact(&mut read).await.unwrap();
        assert!(read == expected);
        draining.await.unwrap().unwrap();
        assert!(outlet.offer(b"the newest"));
        let mut newest = [0; 10];
        reader.read_exact(&mut newest).await.unwrap();
        assert_eq!(&newest, b"the newest");
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn whoever_does_not_read_finds_few_frames_of_before() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let narrow = tokio::net::TcpSocket::new_v4().unwrap();
        narrow.set_recv_buffer_size(4 * 1_024).unwrap();
        let _reader = narrow.connect(listener.local_addr().unwrap()).await.unwrap();
        let outlet = Outlet::new(listener.accept().await.unwrap().0);
        let frames = (0..1_000).take_while(|_| outlet.offer(&[7; 6_000])).count();
        assert!(frames < 20, "{frames} frames of 6 kB were taken");
    }

    #[tokio::test]
    async fn nothing_comes_after_the_last_message() {
        let (outlet, mut reader) = pair().await;
        outlet.send_last(b"close");
        outlet.send(b"a sign of life");
        assert!(!outlet.offer(b"a frame"));
        drop(outlet);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"close");
    }

    #[tokio::test]
    async fn whoever_asks_and_does_not_read_the_answers_is_given_up() {
        let (outlet, _reader) = pair().await;
        assert!(outlet.offer(&vec![0; 32 * 1_024 * 1_024]));
        let pong = vec![0; MOST_UNSENT / 2];
        outlet.send(&pong);
        outlet.send(&pong);
        assert!(!outlet.lock().is_broken);
        outlet.send(&pong);
        assert_eq!(outlet.drained().await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let waiting = outlet.lock().bytes.len();
        outlet.send(b"nothing more");
        assert_eq!(outlet.lock().bytes.len(), waiting);
    }
}
