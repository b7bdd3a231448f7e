//! Selecting rows.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};

use super::List;
use crate::{
    browser,
    pages::sessions::{
        picked::{Header, Picked, range},
        slot::Slot,
    },
    server_fns::count_selected,
    session::{
        SessionId,
        selection::{SelectedCounts, grouped},
    },
};

/// A selection is counted this long after it, or the list, has changed.
const PAUSE: Duration = Duration::from_millis(250);

impl List {
    /// Picks or drops the session in a place; with `from_last`, all from the last one on.
    pub(in crate::pages::sessions) fn pick_one(self, slot: Slot, picked: bool, from_last: bool) {
        let Some(id) = slot.deletable_now() else {
            return;
        };
        let last = self.picked_last.get_value().filter(|_| from_last);
        self.picked_last.set_value(Some(id));
        let mut all = self.picked.get_untracked();
        all.set(&range(&self.pickable(), last, id), picked);
        self.pick(all);
    }

    /// Picks all that match and may be deleted, or drops them. What is picked elsewhere stays, if it was picked one by one.
    pub(in crate::pages::sessions) fn pick_all(self) {
        let is_full = self.header_of(&self.pickable()) == Header::Full;
        let is_whole = self.follower.with_value(|follower| follower.is_whole());
        let before = self.picked.get_untracked();
        let picked = match before {
            Picked::These(_) if is_whole => {
                let mut these = before;
                these.set(&self.pickable(), !is_full);
                these
            }
            Picked::AllBut { .. } | Picked::These(_) if is_full => Picked::default(),
            Picked::AllBut { .. } | Picked::These(_) => {
                let as_of = self.follower.with_value(|follower| follower.as_of());
                Picked::all(self.query.with_untracked(|query| query.filter.clone()), as_of)
            }
        };
        self.pick(picked);
    }

    /// Changes the selection.
    pub(in crate::pages::sessions) fn pick(self, picked: Picked) {
        let is_something = !picked.is_empty();
        self.counted.set(match &picked {
            Picked::These(ids) => Some(SelectedCounts { sessions: ids.len() as u64, outside: 0 }),
            Picked::AllBut { .. } => None,
        });
        self.picked.set(picked);
        self.hands(|hands| hands.selected = is_something);
        self.count();
    }

    /// Has the server count the selection when nothing more changes for a moment: it alone knows what has ended out of
    /// sight, and what is not in view.
    pub(super) fn count(self) {
        let number = self.counting.get_value().wrapping_add(1);
        self.counting.set_value(number);
        if self.picked.with_untracked(Picked::is_empty) {
            return;
        }
        browser::after(PAUSE, move || {
            if self.counting.get_value() == number {
                spawn_local(self.count_now(number));
            }
        });
    }

    /// Counts again because the list has changed: once a second at most.
    pub(super) fn count_again(self) {
        if self.is_recounting.get_value() || self.picked.with_untracked(Picked::is_empty) {
            return;
        }
        self.is_recounting.set_value(true);
        browser::after(Duration::from_secs(1), move || {
            self.is_recounting.set_value(false);
            self.count();
        });
    }

    async fn count_now(self, number: u32) {
        let selection = self.picked.with_untracked(Picked::selection);
        let view = self.query.with_untracked(|query| query.filter.clone());
        let counted = count_selected(selection, view).await;
        if self.counting.get_value() != number {
            return;
        }
        match counted {
            // Nothing that could be deleted is left of it.
            Ok(SelectedCounts { sessions: 0, .. }) => self.pick(Picked::default()),
            Ok(counted) => self.counted.set(Some(counted)),
            Err(error) => self.failed(&error),
        }
    }

    /// How many are selected; `…` until the server has counted.
    pub(in crate::pages::sessions) fn picked_count(self) -> String {
        match self.counted.get() {
            Some(SelectedCounts { sessions: 0, .. }) => String::new(),
            Some(SelectedCounts { sessions, .. }) => grouped(sessions),
            None => "…".to_owned(),
        }
    }

    /// `214 selected, 3 of them not in this view`.
    pub(in crate::pages::sessions) fn picked_in_words(self) -> String {
        let outside = match self.counted.get() {
            Some(SelectedCounts { outside: 0, .. }) | None => String::new(),
            Some(SelectedCounts { outside, sessions }) if outside == sessions => ", not in this view".to_owned(),
            Some(SelectedCounts { outside, .. }) => format!(", {} of them not in this view", grouped(outside)),
        };
        format!("{} selected{outside}", self.picked_count())
    }

    /// Whether all that is shown belongs to whoever looks.
    pub(in crate::pages::sessions) fn is_all_own(self) -> bool {
        let total = self.total.get();
        self.slots.with(|slots| slots.len() as u64 >= total && !slots.iter().any(|slot| slot.is_others()))
    }

    /// What the header checkbox shows, followed.
    pub(in crate::pages::sessions) fn header_now(self) -> Header {
        self.picked.track();
        self.slots.track();
        let pickable: Vec<_> =
            self.slots.with_untracked(|slots| slots.iter().filter_map(|slot| slot.deletable()).collect());
        self.header_of(&pickable)
    }

    fn header_of(self, pickable: &[SessionId]) -> Header {
        let is_whole = self.follower.with_value(|follower| follower.is_whole());
        let view = self.query.with_untracked(|query| query.filter.clone());
        self.picked.with_untracked(|picked| picked.header(&view, is_whole.then_some(pickable)))
    }

    /// The shown sessions that may be picked, in order.
    fn pickable(self) -> Vec<SessionId> {
        let now = self.clock.now_untracked();
        self.picked.with_untracked(|picked| {
            let pickable =
                |slot: &Slot| slot.deletable_now().filter(|_| slot.is_now(|session| picked.may_contain(session, now)));
            self.slots.with_untracked(|slots| slots.iter().filter_map(pickable).collect())
        })
    }
}
