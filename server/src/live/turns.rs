//! Work that takes its time, so much of it at once and no more.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::spawn_blocking};

/// Turns that work takes on threads of its own. Whoever comes first is first.
pub(super) struct Turns(Arc<Semaphore>);

impl Turns {
    /// So many at a time.
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Waits for a turn and does the work. The turn lasts as long as the work does, also when nobody waits for it any more:
    /// whoever asks and leaves, again and again, has no more done at once than others. `None` if the work panics.
    pub(super) async fn take<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let turn = self.0.clone().acquire_owned().await.ok()?;
        spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn a_turn_lasts_until_the_work_is_done_whoever_waits_for_it() {
        let turns = Turns::new(1);
        let (release, released) = mpsc::channel::<()>();
        let (begin, begun) = mpsc::channel();
        let impatient = turns.take(move || {
            begin.send(()).unwrap();
            _ = released.recv();
        });
        timeout(Duration::from_millis(10), impatient).await.unwrap_err();
        begun.recv().unwrap();
        timeout(Duration::from_millis(50), turns.take(|| ())).await.expect_err("two at once");
        drop(release);
        assert_eq!(turns.take(|| 7).await, Some(7));
        assert_eq!(turns.take(|| -> u32 { panic!("on purpose") }).await, None);
        assert_eq!(turns.take(|| 8).await, Some(8), "a turn is not lost with the work");
    }
}
