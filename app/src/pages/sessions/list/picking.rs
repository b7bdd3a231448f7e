//! Selecting rows.

use std::{mem, time::Duration};

use leptos::{prelude::*, task::spawn_local};

use super::List;
use crate::{
    browser::{self, channel},
    live::{ClientMessage, HeldPart, MAX_RANGE},
    pages::sessions::{
        content::{Content, put},
        follower::Follower,
        picked::{Header, Picked, range},
    },
    server_fns::count_selected,
    session::{
        SessionId,
        selection::{SelectedCounts, grouped},
    },
};

/// What is said when a range is none.
const ONLY_THIS: &str = "Only this row has changed.";

/// A range that reaches beyond the rows in the document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranging {
    /// The key of the view that was asked, and for which rows.
    asked: (u32, u64, u32),
    /// The session that was picked or dropped before, and where it stands.
    from: (SessionId, u64),
    to: SessionId,
    picked: bool,
}

/// A selection is counted this long after it, or the list, has changed.
const PAUSE: Duration = Duration::from_millis(250);

impl List {
    /// Picks or drops the session in a place; with `from_last`, all from the last one on.
    pub(in crate::pages::sessions) fn pick_one(self, place: usize, picked: bool, from_last: bool) {
        let Some(id) = self.deletable(place) else {
            return;
        };
        let number = self.first.get_untracked() + place as u64;
        let last = self.picked_last.get_value().filter(|_| from_last);
        self.picked_last.set_value(Some((id, number)));
        let pickable = self.pickable();
        let mut all = self.picked.get_untracked();
        all.set(&range(&pickable, last.map(|(last, _)| last), id), picked);
        self.pick(all);
        if let Some(last) = last.filter(|(last, _)| !pickable.contains(last)) {
            self.ask_for_range(last, (id, number), picked);
        }
    }

    /// Asks the server for the sessions between two rows of which one is not in the document.
    fn ask_for_range(self, from: (SessionId, u64), to: (SessionId, u64), picked: bool) {
        let (first, rows) = (from.1.min(to.1), from.1.abs_diff(to.1) + 1);
        if rows > u64::from(MAX_RANGE) {
            let most = grouped(MAX_RANGE.into());
            return self.refuse_range(from, &format!("A range has at most {most} rows: search, and select all."));
        }
        let rows = rows as u32;
        let asked = self.follower.with_value(Follower::held_view).and_then(|view| {
            let asked = (view.key(), first, rows);
            channel::ask(&ClientMessage::Range { view, first, rows }).then_some(asked)
        });
        match asked {
            Some(asked) => self.ranging.update_value(|all| all.push(Ranging { asked, from, to: to.0, picked })),
            None => self.refuse_range(from, "The rows between cannot be asked for just now: try again."),
        }
    }

    /// Says why a range is none. The next one begins where this one did.
    fn refuse_range(self, from: (SessionId, u64), why: &str) {
        self.picked_last.set_value(Some(from));
        self.say(format!("{ONLY_THIS} {why}"));
    }

    /// Gives up the ranges that have been asked for: nobody will answer.
    pub(super) fn forget_ranges(self) {
        if let Some(ranging) = self.ranging.try_update_value(|all| mem::take(all).pop()).flatten() {
            self.refuse_range(ranging.from, "The connection was lost before the others were known: try again.");
        }
    }

    /// Picks or drops the sessions of the range that was asked for.
    pub(super) fn pick_range(self, part: &HeldPart) {
        let answered = (part.view, part.held.first, part.held.limit);
        let find = |all: &mut Vec<Ranging>| {
            let index = all.iter().position(|one| one.asked == answered)?;
            Some(all.remove(index))
        };
        let Some(Ranging { from, to, picked, .. }) = self.ranging.try_update_value(find).flatten() else {
            return;
        };
        let ids = &part.held.ids;
        let ends = (ids.first().copied(), ids.last().copied());
        if ends != (Some(from.0), Some(to)) && ends != (Some(to), Some(from.0)) {
            return self.refuse_range(from, "Where the range begins is not known any more.");
        }
        let mut all = self.picked.get_untracked();
        all.set(ids, picked);
        self.pick(all);
    }

    /// Picks all in view that may be deleted, or drops them. What was picked one by one stays while every row in view is
    /// known; else "all" takes its place, and the user is told what was let go.
    pub(in crate::pages::sessions) fn pick_all(self) {
        self.ranging.update_value(Vec::clear);
        let pickable = self.pickable();
        let is_full = self.header_of(&pickable) == Header::Full;
        let is_whole = self.follower.with_value(|follower| follower.is_whole());
        let before = self.picked.get_untracked();
        if is_whole && pickable.is_empty() && !is_full {
            // Set again, for the checkbox has changed by itself.
            return self.pick(before);
        }
        let picked = match before {
            Picked::These(_) if is_whole => {
                let mut these = before;
                these.set(&pickable, !is_full);
                these
            }
            Picked::AllBut { .. } | Picked::These(_) if is_full => Picked::default(),
            Picked::AllBut { .. } | Picked::These(_) => {
                let as_of = self.follower.with_value(|follower| follower.as_of());
                if let Some(SelectedCounts { outside: outside @ 1.., .. }) = self.counted.get_untracked() {
                    let count = grouped(outside);
                    self.say(format!("All in this view are selected, instead of the {count} selected elsewhere."));
                }
                let filter = self.query.with_untracked(|query| query.filter.clone());
                Picked::all(filter, as_of, self.clock.now_untracked())
            }
        };
        self.pick(picked);
    }

    /// Changes the selection.
    pub(in crate::pages::sessions) fn pick(self, picked: Picked) {
        let is_something = !picked.is_empty();
        if !is_something {
            // What was asked for is not wanted any more, and what was told is not so.
            self.ranging.update_value(Vec::clear);
            put(self.told, String::new());
        }
        self.counted.update(|counted| {
            *counted = match &picked {
                Picked::These(ids) => {
                    let sessions = ids.len() as u64;
                    let outside = counted.map_or(0, |counted| counted.outside.min(sessions));
                    Some(SelectedCounts { sessions, outside })
                }
                Picked::AllBut { .. } => None,
            };
        });
        self.draw(|rows| rows.mark(&picked));
        self.picked.set(picked);
        self.hands(|hands| hands.selected = is_something);
        self.count();
    }

    /// Drops all that is selected. The button that did it goes with the selection: the keyboard moves on to the table.
    pub(in crate::pages::sessions) fn drop_selection(self) {
        self.pick(Picked::default());
        self.focus_sheet();
    }

    /// Has the server count the selection when nothing more changes for a moment: it alone knows what has ended out of
    /// sight, and what is not in view.
    pub(super) fn count(self) {
        let number = self.counting.get_value().wrapping_add(1);
        self.counting.set_value(number);
        browser::after(PAUSE, move || {
            if self.counting.get_value() == number {
                spawn_local(async move {
                    if self.count_now(number).await {
                        let words = || format!("Selected: {}{}", self.picked_count(), self.outside_in_words());
                        self.tell(untrack(words));
                    }
                });
            }
        });
    }

    /// Counts again because the list has changed: a second later, and not while such a count is under way.
    pub(super) fn count_again(self) {
        if self.is_recounting.get_value() || self.picked.with_untracked(Picked::is_empty) {
            return;
        }
        self.is_recounting.set_value(true);
        browser::after(Duration::from_secs(1), move || {
            spawn_local(async move {
                self.count_now(self.counting.get_value()).await;
                self.is_recounting.set_value(false);
            });
        });
    }

    /// Counts, unless there is nothing to count; whether something is. The answer is for nothing when the selection or the view
    /// has changed meanwhile. An error says nothing: the next count corrects it, and a delete counts by itself.
    async fn count_now(self, number: u32) -> bool {
        if self.picked.with_untracked(Picked::is_empty) {
            return false;
        }
        let selection = self.picked.with_untracked(Picked::selection);
        let view = self.query.with_untracked(|query| query.filter.clone());
        let counted = count_selected(selection, view).await;
        match counted {
            _ if self.counting.get_value() != number => false,
            // Nothing that could be deleted is left of it.
            Ok(SelectedCounts { sessions: 0, .. }) => {
                self.pick(Picked::default());
                false
            }
            Ok(counted) => {
                self.counted.set(Some(counted));
                true
            }
            Err(_) => false,
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
        format!("{} selected{}", self.picked_count(), self.outside_in_words())
    }

    fn outside_in_words(self) -> String {
        match self.counted.get() {
            Some(SelectedCounts { outside: 0, .. }) | None => String::new(),
            Some(SelectedCounts { outside, sessions }) if outside == sessions => ", not in this view".to_owned(),
            Some(SelectedCounts { outside, .. }) => format!(", {} of them not in this view", grouped(outside)),
        }
    }

    /// Whether all that is shown belongs to whoever looks.
    pub(in crate::pages::sessions) fn is_all_own(self) -> bool {
        let total = self.total.get();
        self.contents.with(|contents| {
            let there = contents.iter().filter_map(Content::shown).filter(|shown| !shown.ended).count() as u64;
            there >= total && !contents.iter().any(Content::is_others)
        })
    }

    /// What the header checkbox shows, followed.
    pub(in crate::pages::sessions) fn header_now(self) -> Header {
        self.picked.track();
        self.is_whole.track();
        let pickable: Vec<_> = self.contents.with(|contents| contents.iter().filter_map(Content::deletable).collect());
        self.header_of(&pickable)
    }

    fn header_of(self, pickable: &[SessionId]) -> Header {
        let is_whole = self.follower.with_value(|follower| follower.is_whole());
        let view = self.query.with_untracked(|query| query.filter.clone());
        self.picked.with_untracked(|picked| picked.header(&view, is_whole.then_some(pickable)))
    }

    /// The shown sessions that may be picked, in order.
    fn pickable(self) -> Vec<SessionId> {
        self.picked.with_untracked(|picked| {
            let pickable = |content: &Content| {
                let shown = content.shown().filter(|shown| shown.is_deletable())?;
                picked.may_contain(&shown.session).then_some(shown.session.id)
            };
            self.contents.with_untracked(|contents| contents.iter().filter_map(pickable).collect())
        })
    }

    /// The session in a place, if it can be deleted.
    pub(super) fn deletable(self, place: usize) -> Option<SessionId> {
        self.contents.with_untracked(|contents| contents.get(place)?.deletable())
    }
}
