//! When requests are due, and how long they took from then.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::connection::Connection;

/// Senders of one kind of request: as many may wait for their answers at a time.
const SENDERS: u64 = 8;

/// What has come of a request that was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Answered,
    /// There was no session that it could have been about.
    Left,
}

/// So many requests in a second, from one instant to another.
#[derive(Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    pub(crate) rate: u64,
    pub(crate) until: Instant,
}

/// How long requests took from when they were due.
pub(crate) struct Delays(Vec<Duration>);

impl Schedule {
    /// Sends the requests that are due, and waits for the last. Ends at the first error.
    pub(crate) fn run(
        self,
        open: impl Fn() -> anyhow::Result<Connection> + Sync,
        act: impl Fn(&mut Connection) -> anyhow::Result<Done> + Sync,
    ) -> anyhow::Result<Delays> {
        let delays = Mutex::new(Vec::new());
        let senders = SENDERS.min(self.rate);
        thread::scope(|scope| {
            let (delays, open, act) = (&delays, &open, &act);
            let senders: Vec<_> =
                (0..senders).map(|sender| scope.spawn(move || self.send(sender, senders, open, act, delays))).collect();
            senders
                .into_iter()
                .try_for_each(|sender| sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })?;
        let mut delays = delays.into_inner().unwrap_or_else(PoisonError::into_inner);
        delays.sort_unstable();
        Ok(Delays(delays))
    }

    fn send(
        self,
        sender: u64,
        senders: u64,
        open: impl Fn() -> anyhow::Result<Connection>,
        act: impl Fn(&mut Connection) -> anyhow::Result<Done>,
        delays: &Mutex<Vec<Duration>>,
    ) -> anyhow::Result<()> {
        let mut connection = open()?;
        for request in (sender..).step_by(senders as usize) {
            let due = self.start + Duration::from_secs_f64(request as f64 / self.rate as f64);
            if due >= self.until {
                break;
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if act(&mut connection)? == Done::Answered {
                delays.lock().unwrap_or_else(PoisonError::into_inner).push(due.elapsed());
            }
        }
        Ok(())
    }
}

impl Delays {
    /// How many requests were answered.
    pub(crate) fn answers(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Delays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |part: f64| {
            let place = (self.0.len() as f64 * part) as usize;
            let delay = self.0.get(place.min(self.0.len().saturating_sub(1))).copied().unwrap_or_default();
            format!("{:.2} ms", delay.as_secs_f64() * 1_000.0)
        };
        write!(f, "{} | {} | {} | {} |", self.answers(), at(0.5), at(0.99), at(1.0))
    }
}
