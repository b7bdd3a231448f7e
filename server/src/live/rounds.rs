//! When the views that are read at once are read anew.

use std::time::Duration;

use app::session::page::Revision;
use futures_core::stream::BoxStream;
use futures_util::StreamExt;
use tokio::time::Instant;

use super::hub::PACE;

/// The shortest time from a round to one that has nothing but touches to tell: these are told with what else is new, and do not
/// have it wait for more than the round that tells of them.
const TOUCHES_PACE: Duration = Duration::from_millis(150);

/// See the module.
#[derive(Default)]
pub(super) struct Rounds {
    /// Something is new.
    is_wanted: bool,
    /// Up to which change the last round has told.
    told_up_to: Revision,
    /// When the last round began, and the last that had more than touches to tell.
    last: Option<Instant>,
    last_with_changes: Option<Instant>,
}

impl Rounds {
    /// Waits until the next is due; `None` when none will ever be. May be begun anew at any time. `changed_up_to` tells the
    /// newest revision that more than touches has led to.
    pub(super) async fn next(
        &mut self,
        changed_up_to: impl Fn() -> Revision,
        revisions: &mut BoxStream<'static, Revision>,
    ) -> Option<()> {
        loop {
            let has_changed = changed_up_to() > self.told_up_to;
            let (last, pace) = if has_changed { (self.last_with_changes, PACE) } else { (self.last, TOUCHES_PACE) };
            let due = last.map_or_else(Instant::now, |last| last + pace);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(due), if self.is_wanted => return Some(()),
                revision = revisions.next() => {
                    revision?;
                    self.is_wanted = true;
                }
            }
        }
    }

    /// Begins one, which tells of everything up to this revision.
    pub(super) fn begin(&mut self, changed_up_to: Revision) {
        let now = Instant::now();
        if changed_up_to > self.told_up_to {
            self.last_with_changes = Some(now);
        }
        (self.is_wanted, self.told_up_to, self.last) = (false, changed_up_to, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join;
    use tokio::{sync::mpsc, time::sleep};
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn changes_are_told_at_their_own_pace_and_touches_with_them() {
        let start = Instant::now();
        let changed_up_to = Cell::new(Revision(0));
        let (say, revisions) = mpsc::unbounded_channel();
        // What happens when, in milliseconds, and whether it is a change.
        let happening = async {
            for (number, (at, is_change)) in
                (1..).zip([(1_000, true), (1_010, false), (1_100, true), (1_110, true), (1_120, false), (1_400, false)])
            {
                sleep((start + Duration::from_millis(at)) - Instant::now()).await;
                if is_change {
                    changed_up_to.set(Revision(number));
                }
                say.send(Revision(number)).unwrap();
            }
            drop(say);
        };
        let following = async {
            let (mut rounds, mut told) = (Rounds::default(), Vec::new());
            let mut revisions: BoxStream<'static, Revision> = UnboundedReceiverStream::new(revisions).boxed();
            while rounds.next(|| changed_up_to.get(), &mut revisions).await.is_some() {
                rounds.begin(changed_up_to.get());
                told.push(start.elapsed().as_millis());
            }
            told
        };
        let (told, ()) = join(following, happening).await;
        assert_eq!(told, [1_000, 1_100, 1_165, 1_400]);
    }
}
