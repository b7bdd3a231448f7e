//! The threads where requests are answered on the spot. Whatever else the server does, it does on others: a check waits for
//! nothing but its turn on a processor.

use std::{io, thread};

use tokio::{
    net::TcpStream,
    runtime,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_util::task::TaskTracker;

use super::{Accepted, Answers, Serving, spot::answer_on_the_spot};

/// One for each processor. They end after the connections that were given to them.
pub(super) struct SpotThreads<A> {
    threads: Vec<UnboundedSender<Accepted>>,
    next: usize,
    serving: Serving<A>,
}

impl<A: Answers> SpotThreads<A> {
    pub(super) fn start(serving: &Serving<A>) -> Self {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..count).map_while(|number| {
            start(number, serving.clone())
                .inspect_err(|error| tracing::warn!("checks have {number} threads for {count} processors: {error}"))
                .ok()
        });
        Self { threads: threads.collect(), next: 0, serving: serving.clone() }
    }

    /// Gives a connection to the next thread in turn.
    pub(super) fn take(&mut self, accepted: Accepted) {
        self.next += 1;
        match self.threads.get(self.next.checked_rem(self.threads.len()).unwrap_or(0)) {
            // It ends when this does.
            Some(thread) => _ = thread.send(accepted),
            None => self.serving.go_on(accepted, Vec::new()),
        }
    }
}

fn start<A: Answers>(number: usize, serving: Serving<A>) -> io::Result<UnboundedSender<Accepted>> {
    let (sender, receiver) = unbounded_channel();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name(format!("checks-{number}"));
    thread.spawn(move || runtime.block_on(answer_all(receiver, serving)))?;
    Ok(sender)
}

async fn answer_all<A: Answers>(mut accepted: UnboundedReceiver<Accepted>, serving: Serving<A>) {
    let of_this_thread = TaskTracker::new();
    while let Some(accepted) = accepted.recv().await {
        let connection = answer(accepted, serving.clone());
        of_this_thread.spawn(serving.tasks.track_future(connection));
    }
    of_this_thread.close();
    of_this_thread.wait().await;
}

async fn answer<A: Answers>(accepted: Accepted, serving: Serving<A>) {
    let Accepted { stream, peer, place } = accepted;
    let Ok(mut stream) = TcpStream::from_std(stream) else { return };
    let read = answer_on_the_spot(&mut stream, peer, &serving.answers, &serving.shutdown).await;
    if let (Some(read), Ok(stream)) = (read, stream.into_std()) {
        serving.go_on(Accepted { stream, peer, place }, read);
    }
}
