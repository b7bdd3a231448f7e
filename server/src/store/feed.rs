//! What tells followers that the table has changed.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use app::session::page::Revision;
use futures_core::stream::BoxStream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

/// The newest revision, for whoever follows it. A follower that is slow sees the newest only.
pub(crate) struct Feed {
    revisions: watch::Sender<Revision>,
    /// The newest that more than touches has led to.
    changed_up_to: AtomicU64,
    /// Whether a session was touched since the last announcement.
    touched: AtomicBool,
}

impl Feed {
    pub(crate) fn new() -> Self {
        Self {
            revisions: watch::Sender::new(Revision::default()),
            changed_up_to: AtomicU64::new(0),
            touched: AtomicBool::new(false),
        }
    }

    /// Announces a revision, and the newest that more than touches has led to, unless newer ones have been announced. Either
    /// may be new without the other: a change counts before it is durable, and may have been announced with touches.
    pub(crate) fn publish(&self, revision: Revision, changed_up_to: Revision) {
        let has_changed = self.changed_up_to.fetch_max(changed_up_to.0, Ordering::SeqCst) < changed_up_to.0;
        self.revisions.send_if_modified(|newest| {
            let is_newer = revision > *newest;
            *newest = revision.max(*newest);
            is_newer || has_changed
        });
    }

    /// The newest revision that more than touches has led to, as far as announced.
    pub(crate) fn changed_up_to(&self) -> Revision {
        Revision(self.changed_up_to.load(Ordering::SeqCst))
    }

    /// The revisions announced from now on. Ends with the store.
    pub(crate) fn follow(&self) -> BoxStream<'static, Revision> {
        Box::pin(WatchStream::from_changes(self.revisions.subscribe()))
    }

    /// Notes that a session was touched. Called for every accepted request, so it writes only when it must.
    pub(crate) fn note_touch(&self) {
        // In one order with what takes it, as the bits of what has changed.
        if !self.touched.load(Ordering::SeqCst) {
            self.touched.store(true, Ordering::SeqCst);
        }
    }

    /// Whether a session was touched since this was last asked.
    pub(crate) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt;

    use super::*;

    #[tokio::test]
    async fn a_slow_follower_sees_the_newest_revision_only() {
        let feed = Feed::new();
        let mut revisions = feed.follow();
        for revision in [1, 2, 5, 4] {
            feed.publish(Revision(revision), Revision(0));
        }
        assert_eq!(revisions.next().await, Some(Revision(5)));
        // A change that was announced with touches is one all the same.
        feed.publish(Revision(5), Revision(4));
        assert_eq!((revisions.next().await, feed.changed_up_to()), (Some(Revision(5)), Revision(4)));
        // Nothing is new.
        feed.publish(Revision(5), Revision(3));
        drop(feed);
        assert_eq!(revisions.next().await, None);
    }

    #[test]
    fn touches_are_told_once() {
        let feed = Feed::new();
        feed.note_touch();
        feed.note_touch();
        assert!(feed.take_touched());
        assert!(!feed.take_touched());
    }
}
