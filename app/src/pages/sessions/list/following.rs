//! From the live channel into the rows.

use std::time::Duration;

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{Event, KeyboardEvent};

use super::List;
use crate::{
    browser::{
        self,
        channel::{self, Heard, Link},
    },
    live::{ServerMessage, View},
    pages::sessions::{
        content::{Content, put},
        drawn::Telling,
        follower::Follower,
        hold::Hands,
        picked::Picked,
    },
    session::selection::grouped,
    time::Timestamp,
};

/// After which time the page is measured with all that it shows once it is alive. By then it has mostly been laid out for
/// the screen: to measure it at once would lay it out for that alone.
const ALIVE: Duration = Duration::from_millis(100);

impl List {
    /// Comes alive. In the browser only, once.
    pub(in crate::pages::sessions) fn start(self) {
        // Before the clock starts: the rows tell times as the server has written them.
        self.adopt_rows();
        let is_local = self.clock.start();
        self.status.start();
        self.hydrated.set(true);
        Effect::new(move |told: Option<()>| {
            self.clock.track();
            self.columns.track();
            // What is written in the device's time stands until the clock moves; so do, for that second, instants on the
            // other side of a change of the clocks.
            if !is_local || told.is_some() {
                self.draw(|rows| rows.tell_times(self.telling()));
            }
        });
        self.scroll_to_first();
        // Measured as the server has written it, which the browser has laid out; and again once that has changed.
        self.lay_out();
        browser::after(ALIVE, move || self.lay_out());
        self.take_over_inputs();
        // Loading the page again is not to ask again, nor to tell again what a form did.
        browser::rename(&self.query.with_untracked(|query| query.href()));
        browser::listen(&window(), "scroll", move |_| self.scrolled());
        browser::listen(&window(), "resize", move |_| self.scrolled());
        browser::listen(&document(), "keydown", move |event| self.key(event));
        channel::open(move |heard| self.hear(heard));
        channel::watch(self.follower.with_value(Follower::view));
        self.hands(|hands| hands.asked = self.asking.with_untracked(Option::is_some));
        self.pick(Picked::These(self.checked_beforehand.get_value()));
    }

    /// Shows what has happened while the order held.
    pub(in crate::pages::sessions) fn show_news(self) {
        self.watch(self.follower.try_update_value(Follower::read));
        put(self.news, self.follower.with_value(Follower::news));
    }

    /// Notes what the user's hands do with the list.
    pub(in crate::pages::sessions) fn hands(self, change: impl FnOnce(&mut Hands)) {
        self.watch(self.follower.try_update_value(|follower| follower.hands(change)).flatten());
        put(self.news, self.follower.with_value(Follower::news));
    }

    pub(super) fn watch(self, view: Option<View>) {
        if let Some(view) = view {
            channel::watch(view);
        }
    }

    fn hear(self, heard: Heard) {
        let step = match heard {
            Heard::Link(link) => {
                if link != Link::Live {
                    self.forget_ranges();
                }
                put(self.link, link);
                None
            }
            Heard::Message(ServerMessage::Range(part)) => {
                self.pick_range(&part);
                None
            }
            Heard::Message(message) => {
                if let Some(now) = told_at(&message) {
                    self.clock.set(now);
                }
                self.follower.try_update_value(|follower| follower.receive(message)).flatten()
            }
            Heard::Own(_) => None,
            Heard::Polled(query, page) => {
                self.follower.try_update_value(|follower| follower.polled(&query, &page)).flatten()
            }
        };
        if let Some(view) = step {
            // Before anything is laid out: that may ask for yet another view, which is then the last one.
            self.watch(view);
            self.show();
        }
    }

    fn show(self) {
        let ended: Vec<_> = self.follower.with_value(|follower| {
            put(self.counts, follower.state().counts);
            put(self.total, follower.state().total);
            put(self.news, follower.news());
            follower.ended().collect()
        });
        if self.is_searching.try_update_value(std::mem::take).unwrap_or_default() {
            self.tell(format!("Sessions found: {}", grouped(self.total.get_untracked())));
        }
        let mut picked = self.picked.get_untracked();
        picked.forget(&ended);
        if picked != self.picked.get_untracked() {
            self.pick(picked);
        } else {
            self.count_again();
        }
        if self.laid_out.get_untracked() != self.follower.with_value(Follower::total) {
            // Measured before anything is written: afterwards the browser would have to lay out all that is, twice.
            self.lay_out();
        }
        if self.fill() {
            // Rows that were not there before can be measured only when they are.
            browser::after(Duration::ZERO, move || self.lay_out());
        }
    }

    /// Puts the rows that are known into their places. Tells whether a row, or a control that may have the keyboard, has
    /// come or gone.
    pub(super) fn fill(self) -> bool {
        let first = self.first.get_untracked();
        let viewer = self.viewer.get_value();
        let places = self.contents.with_untracked(Vec::len) as u64;
        let contents: Vec<_> = self.follower.with_value(|follower| {
            let content = |number| match follower.row(number) {
                Some(row) => Content::of(row, &viewer),
                None if number < follower.total() => Content::Awaited,
                None => Content::Beyond,
            };
            (first..first + places).map(content).collect()
        });
        self.picked.with_untracked(|picked| self.draw(|rows| rows.put(&contents, first, picked, self.telling())));
        put(self.is_whole, self.follower.with_value(Follower::is_whole));
        let shape =
            |content: &Content| (content.shown().is_some(), *content == Content::Beyond, content.deletable().is_some());
        // What others than the rows want to know of them.
        let role =
            |content: &Content| (content.shown().map(|shown| shown.ended), content.deletable(), content.is_others());
        let mut has_other_shape = false;
        self.contents.maybe_update(|now| {
            let before = std::mem::replace(now, contents);
            has_other_shape = !before.iter().map(shape).eq(now.iter().map(shape));
            !before.iter().map(role).eq(now.iter().map(role))
        });
        has_other_shape
    }

    pub(super) fn telling(self) -> Telling {
        Telling {
            now: self.clock.now_untracked(),
            zone: self.clock.zone_untracked(),
            columns: self.columns.get_untracked(),
        }
    }

    fn key(self, event: Event) {
        if browser::is_keyboard_taken(&event) {
            return;
        }
        let Ok(event) = event.dyn_into::<KeyboardEvent>() else {
            return;
        };
        let is_command = (event.ctrl_key() || event.meta_key()) && !event.shift_key();
        match (event.key().as_str(), self.elements.search.get_untracked()) {
            // Not a letter alone: whoever speaks to the browser would set it off (WCAG 2.1.4).
            // Caps Lock makes it a capital.
            ("k" | "K", Some(search)) if is_command => {
                event.prevent_default();
                _ = search.focus();
            }
            ("Escape", _) if has_keyboard(".clear, .delete-selected") => self.drop_selection(),
            ("Escape", _) => self.pick(Picked::default()),
            _ => {}
        }
    }
}

fn has_keyboard(selector: &str) -> bool {
    document().active_element().is_some_and(|element| element.matches(selector).unwrap_or(false))
}

fn told_at(message: &ServerMessage) -> Option<Timestamp> {
    match message {
        ServerMessage::Snapshot(snapshot) => Some(snapshot.now),
        ServerMessage::Patch(patch) => Some(patch.now),
        ServerMessage::Tick(now) => Some(*now),
        ServerMessage::Held(_) | ServerMessage::Range(_) => None,
    }
}
