//! Instants on the page: told relative to the server's clock, exact on hover and for screen readers.

use std::sync::Arc;

use leptos::prelude::*;

use super::reactive::text;
use crate::{
    browser,
    time::{BesideNow, Timestamp, UtcOffset},
};

/// How long after its last request a session counts as active.
const ACTIVE: u64 = 60;
/// How often it moves, in milliseconds.
const SECOND: u32 = 1_000;

/// In whose time instants are told exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    /// At the offset at which the server has written the page.
    Written(UtcOffset),
    /// In the device's time, whose offset may be another at another instant.
    Device,
}

/// The server's clock, as the page knows it.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    now: RwSignal<Timestamp>,
    /// Milliseconds by which the server's clock is ahead of the device's.
    ahead: StoredValue<i64>,
    zone: RwSignal<Zone>,
}

impl Clock {
    /// A clock that stands at the instant at which the page was made, in the zone in which it was: so both sides render
    /// the same.
    pub(crate) fn new(now: Timestamp, offset: UtcOffset) -> Self {
        Self { now: RwSignal::new(now), ahead: StoredValue::new(0), zone: RwSignal::new(Zone::Written(offset)) }
    }

    /// Lets it run. In the browser only. Tells whether the server has written the page in the device's time.
    pub(crate) fn start(self) -> bool {
        self.set(self.now.get_untracked());
        let is_local = tell_server_offset(self.zone.get_untracked());
        self.zone.set(Zone::Device);
        browser::every(SECOND, move || self.tick());
        is_local
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
    }

    /// In whose time it tells instants, not followed.
    pub(crate) fn zone_untracked(self) -> Zone {
        self.zone.get_untracked()
    }

    /// See [`Zone::exact`].
    pub(crate) fn exact(self, at: Timestamp) -> String {
        self.zone.get().exact(at)
    }
}

impl Zone {
    /// An instant to the second, with the offset at which it is told.
    pub(crate) fn exact(self, at: Timestamp) -> String {
        at.in_words_at(self.offset_at(at))
    }

    fn offset_at(self, at: Timestamp) -> UtcOffset {
        match self {
            Self::Written(offset) => offset,
            Self::Device => UtcOffset::from_minutes(-browser::minutes_behind_utc(at)).unwrap_or_default(),
        }
    }
}

/// Has the server write its next pages in the device's time, unless it does already; tells whether it does.
pub(crate) fn tell_server_offset(written: Zone) -> bool {
    let here = Zone::Device.offset_at(browser::now());
    let is_local = written == Zone::Written(here);
    if !is_local {
        browser::keep_cookie(UtcOffset::COOKIE, &here.as_minutes().to_string());
    }
    is_local
}

/// Whether a session that was last active at `at` counts as active now.
pub(crate) fn is_active(at: Timestamp, now: Timestamp) -> bool {
    now.since(at).as_secs() < ACTIVE
}

/// How an instant is told beside another, now.
pub(crate) type Tell = fn(Timestamp, Timestamp) -> BesideNow;

/// An instant that follows signals; nothing while there is none.
pub(crate) fn instant(clock: Clock, tell: Tell, at: Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>) -> AnyView {
    let written = |write: fn(Clock, Timestamp) -> String| {
        let at = at.clone();
        text(move || at().map(|at| write(clock, at)).unwrap_or_default())
    };
    let told = {
        let at = at.clone();
        text(move || at().map(|at| tell(at, clock.now.get()).to_string()).unwrap_or_default())
    };
    view! {
        <time datetime=written(|_, at| at.to_string()) title=written(Clock::exact)>
            {told}
        </time>
        <span class="visually-hidden">{written(Clock::exact)}</span>
    }
    .into_any()
}

fn signed(at: Timestamp) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}
