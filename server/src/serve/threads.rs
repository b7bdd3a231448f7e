//! The threads where requests are answered on the spot. Whatever else the server does, it does on others: a check waits for
//! nothing but its turn on a processor.

use std::{io, thread};

use tokio::{
    net::TcpStream,
    runtime,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{Accepted, Answers, Serving, spot::answer_on_the_spot};

/// One for each processor. They end after the connections that were given to them.
pub(super) struct SpotThreads<A> {
    threads: Vec<SpotThread>,
    serving: Serving<A>,
}

struct SpotThread {
    connections: UnboundedSender<(Accepted, TaskTrackerToken)>,
    /// Its connections, those on the way to it included.
    tasks: TaskTracker,
}

impl<A: Answers> SpotThreads<A> {
    pub(super) fn start(serving: &Serving<A>) -> Self {
        let count = thread::available_parallelism().map_or(1, usize::from);
        let threads = (0..count).map_while(|number| {
            start(number, serving.clone())
                .inspect_err(|error| tracing::warn!("checks have {number} threads for {count} processors: {error}"))
                .ok()
        });
        Self { threads: threads.collect(), serving: serving.clone() }
    }

    /// Gives a connection to the thread that has the fewest.
    pub(super) fn take(&self, accepted: Accepted) {
        match self.threads.iter().min_by_key(|thread| thread.tasks.len()) {
            // It ends when this does.
            Some(thread) => _ = thread.connections.send((accepted, thread.tasks.token())),
            None => self.serving.go_on(accepted, Vec::new()),
        }
    }
}

fn start<A: Answers>(number: usize, serving: Serving<A>) -> io::Result<SpotThread> {
    let (connections, receiver) = unbounded_channel();
    let tasks = TaskTracker::new();
    let answering = answer_all(receiver, tasks.clone(), serving);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = thread::Builder::new().name(format!("checks-{number}"));
    thread.spawn(move || runtime.block_on(answering))?;
    Ok(SpotThread { connections, tasks })
}

async fn answer_all<A: Answers>(
    mut connections: UnboundedReceiver<(Accepted, TaskTrackerToken)>,
    tasks: TaskTracker,
    serving: Serving<A>,
) {
    while let Some((accepted, counted)) = connections.recv().await {
        let answering = answer(accepted, serving.clone());
        let answering = async move {
            answering.await;
            drop(counted);
        };
        tokio::spawn(serving.tasks.track_future(answering));
    }
    tasks.close();
    tasks.wait().await;
}

async fn answer<A: Answers>(accepted: Accepted, serving: Serving<A>) {
    let peer = accepted.peer;
    if let Err(error) = try_to_answer(accepted, serving).await {
        tracing::debug!("connection from {peer}: {error}");
    }
}

async fn try_to_answer<A: Answers>(accepted: Accepted, serving: Serving<A>) -> io::Result<()> {
    let Accepted { stream, peer, place } = accepted;
    let mut stream = TcpStream::from_std(stream)?;
    if let Some(read) = answer_on_the_spot(&mut stream, peer, &serving.answers, &serving.shutdown).await {
        serving.go_on(Accepted { stream: stream.into_std()?, peer, place }, read);
    }
    Ok(())
}
