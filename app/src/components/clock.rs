//! Instants on the page: told relative to the server's clock, exact on hover and for screen readers.

use std::sync::Arc;

use leptos::prelude::*;

use super::reactive::text;
use crate::{browser, time::Timestamp};

/// How long after its last request a session counts as active.
const ACTIVE: u64 = 60;
/// How often it moves, in milliseconds.
const SECOND: u32 = 1_000;

/// The server's clock, as the page knows it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    now: RwSignal<Timestamp>,
    /// Milliseconds by which the server's clock is ahead of the device's.
    ahead: StoredValue<i64>,
    /// Whether instants are told in the device's time zone, which the server does not know.
    local: RwSignal<bool>,
}

impl Clock {
    /// A clock that stands at the instant at which the page was made, so that both sides render the same.
    pub(crate) fn new(now: Timestamp) -> Self {
        Self { now: RwSignal::new(now), ahead: StoredValue::new(0), local: RwSignal::new(false) }
    }

    /// Lets it run. In the browser only.
    pub(crate) fn start(self) {
        self.set(self.now.get_untracked());
        self.local.set(true);
        browser::every(SECOND, move || self.tick());
    }

    /// Sets it by the server's. In the browser only. It moves once a second all the same, unless it was wrong by as much:
    /// were it to move with every frame, every frame would change rows that nothing has happened to.
    pub(crate) fn set(self, server: Timestamp) {
        self.ahead.set_value(signed(server).saturating_sub(signed(browser::now())));
        if signed(server).abs_diff(signed(self.now.get_untracked())) >= u64::from(SECOND) {
            self.tick();
        }
    }

    fn tick(self) {
        let millis = signed(browser::now()).saturating_add(self.ahead.get_value());
        self.now.set(Timestamp::from_millis(millis.unsigned_abs()));
    }

    /// The instant it shows, not followed.
    pub(crate) fn now_untracked(self) -> Timestamp {
        self.now.get_untracked()
    }

    /// Has whoever calls this called again whenever the clock moves.
    pub(crate) fn track(self) {
        self.now.track();
        self.local.track();
    }

    /// Whether instants are told in the time zone of the device, not followed.
    pub(crate) fn is_local_untracked(self) -> bool {
        self.local.get_untracked()
    }

    /// See [`exact`].
    pub(crate) fn exact(self, at: Timestamp) -> String {
        exact(at, self.local.get())
    }
}

/// Whether a session that was last active at `at` counts as active now.
pub(crate) fn is_active(at: Timestamp, now: Timestamp) -> bool {
    now.since(at).as_secs() < ACTIVE
}

/// An instant in words, in the time zone of the device if that is known.
pub(crate) fn exact(at: Timestamp, is_local: bool) -> String {
    if is_local { in_words_at(at, browser::minutes_behind_utc(at)) } else { at.in_words() }
}

/// How an instant is told beside another, now.
pub(crate) type Tell = fn(Timestamp, Timestamp) -> String;

/// An instant that follows signals; nothing while there is none.
pub(crate) fn instant(clock: Clock, tell: Tell, at: Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>) -> AnyView {
    let written = |write: fn(Clock, Timestamp) -> String| {
        let at = at.clone();
        text(move || at().map(|at| write(clock, at)).unwrap_or_default())
    };
    let told = {
        let at = at.clone();
        text(move || at().map(|at| tell(at, clock.now.get())).unwrap_or_default())
    };
    view! {
        <time datetime=written(|_, at| at.to_string()) title=written(Clock::exact)>
            {told}
        </time>
        <span class="visually-hidden">{written(Clock::exact)}</span>
    }
    .into_any()
}

/// `2026-11-24 00:04:05 local time`, where the device's clock is this many minutes behind UTC.
fn in_words_at(at: Timestamp, minutes_behind_utc: i64) -> String {
    let local = signed(at).saturating_sub(minutes_behind_utc.saturating_mul(60_000));
    let words = Timestamp::from_millis(local.unsigned_abs()).in_words();
    format!("{} local time", words.trim_end_matches(" UTC"))
}

fn signed(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_in_the_time_zone_of_the_device() {
        let at = Timestamp::from_millis(1_795_475_045_000);
        assert_eq!(at.in_words(), "2026-11-23 23:04:05 UTC");
        assert_eq!(in_words_at(at, -60), "2026-11-24 00:04:05 local time");
        assert_eq!(in_words_at(at, 480), "2026-11-23 15:04:05 local time");
    }
}
