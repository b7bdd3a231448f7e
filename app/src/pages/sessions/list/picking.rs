//! Selecting rows.

use leptos::{prelude::*, task::spawn_local};

use super::List;
use crate::{
    pages::sessions::{
        picked::{Header, Picked, range},
        slot::Slot,
    },
    server_fns::preview_delete,
    session::{SessionId, selection::grouped},
};

impl List {
    /// Picks or drops the session in a place; with `from_last`, all from the last one on.
    pub(in crate::pages::sessions) fn pick_one(self, slot: Slot, picked: bool, from_last: bool) {
        let Some(id) = slot.deletable_now() else {
            return;
        };
        let last = self.picked_last.get_value().filter(|_| from_last);
        self.picked_last.set_value(Some(id));
        let mut all = self.picked.get_untracked();
        all.set(&range(&self.deletable(), last, id), picked);
        self.pick(all);
    }

    /// Picks all that match and may be deleted, or drops all.
    pub(in crate::pages::sessions) fn pick_all(self) {
        if self.header(|slot| slot.deletable_now()) == Header::Full {
            self.pick(Picked::default());
        } else if self.follower.with_value(|follower| follower.is_whole()) {
            self.pick(Picked::These(self.deletable()));
        } else {
            let as_of = self.follower.with_value(|follower| follower.as_of());
            let all = Picked::all(self.query.with_untracked(|query| query.filter.clone()), as_of);
            self.pick(all.clone());
            spawn_local(async move {
                match preview_delete(all.selection()).await {
                    Ok(preview) => {
                        let mut picked = self.picked.get_untracked();
                        picked.count_all(&all, preview.sessions);
                        self.pick(picked);
                    }
                    Err(error) => self.failed(&error),
                }
            });
        }
    }

    /// Changes the selection.
    pub(in crate::pages::sessions) fn pick(self, picked: Picked) {
        let is_something = !picked.is_empty();
        self.picked.set(picked);
        self.hands(|hands| hands.selected = is_something);
    }

    /// How many are selected; `…` until the server has counted.
    pub(in crate::pages::sessions) fn picked_count(self) -> String {
        self.picked.with(|picked| match picked.count() {
            Some(0) => String::new(),
            Some(count) => grouped(count),
            None => "…".to_owned(),
        })
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
        self.header(Slot::deletable)
    }

    fn header(self, deletable: impl Fn(Slot) -> Option<SessionId>) -> Header {
        let every: Vec<_> = self.slots.with_untracked(|slots| slots.iter().copied().filter_map(deletable).collect());
        let is_whole = self.follower.with_value(|follower| follower.is_whole());
        self.picked.with_untracked(|picked| picked.header(is_whole.then_some(every.as_slice())))
    }

    /// The shown sessions that may be deleted, in order.
    fn deletable(self) -> Vec<SessionId> {
        self.slots.with_untracked(|slots| slots.iter().filter_map(|slot| slot.deletable_now()).collect())
    }
}
