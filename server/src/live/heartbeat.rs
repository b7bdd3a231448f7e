//! The sign of life that a tab gets which has been told nothing else for a while.
//!
//! One task for all tabs: a timer of its own for each would cost more, while frames come, than the frames.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use app::{live::ServerMessage, session::service::Sessions, wire};

use super::{outlet::Outlet, websocket};

/// How often. Whoever was told something right after it was asked is told twice as late at most.
const EVERY: Duration = Duration::from_secs(1);
/// How many tabs are told before other tasks have their turn.
const TOGETHER: usize = 256;

/// See the module.
pub(super) struct Heartbeat {
    sessions: Arc<Sessions>,
    tabs: Mutex<Tabs>,
}

#[derive(Default)]
struct Tabs {
    outlets: Vec<Weak<Outlet>>,
    /// Whether there is a task for them.
    are_told: bool,
}

impl Heartbeat {
    pub(super) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions, tabs: Mutex::default() }
    }

    /// Tells a tab from now on, for as long as it is there.
    pub(super) fn keep_alive(self: &Arc<Self>, outlet: &Arc<Outlet>) {
        let mut tabs = self.lock();
        tabs.outlets.push(Arc::downgrade(outlet));
        if !mem::replace(&mut tabs.are_told, true) {
            tokio::spawn(tell(Arc::downgrade(self)));
        }
    }

    /// The tabs that are there. After none the task ends.
    fn outlets(&self) -> Vec<Arc<Outlet>> {
        let mut tabs = self.lock();
        let outlets: Vec<_> = tabs.outlets.iter().filter_map(Weak::upgrade).collect();
        tabs.outlets.retain(|outlet| outlet.strong_count() > 0);
        tabs.are_told = !tabs.outlets.is_empty();
        outlets
    }

    fn lock(&self) -> MutexGuard<'_, Tabs> {
        self.tabs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until there is no tab. It holds nothing while it waits: a server that stops need not wait for it.
async fn tell(heartbeat: Weak<Heartbeat>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(heartbeat) = heartbeat.upgrade() else { return };
        let outlets = heartbeat.outlets();
        if outlets.is_empty() {
            return;
        }
        for some in outlets.chunks(TOGETHER) {
            let sign = websocket::binary(&wire::encode(&ServerMessage::Tick(heartbeat.sessions.now())));
            some.iter().filter(|outlet| !outlet.has_spoken()).for_each(|outlet| outlet.send(&sign));
            tokio::task::yield_now().await;
        }
    }
}
