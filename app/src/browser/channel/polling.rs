//! What replaces the channel while it cannot be had: the page asks for what it shows.
//!
//! What is shown is right within 2 s of the link's return: while the server cannot be reached, it is asked every second or so
//! whether it is there, without waiting for the answers to the questions before, and the first answer has the channel opened.
//! A browser delays WebSockets that have failed many times; it does not delay questions.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use gloo_timers::callback::Timeout;
use js_sys::Math;
use leptos::{prelude::document, task::spawn_local};

use super::{Channel, Heard, Link, with};
use crate::{
    browser::{is_signed_out, is_there, within},
    error::AppError,
    live::{ClientMessage, View},
    server_fns::{list_own_sessions, list_sessions},
};

/// Between two polls that are answered, in milliseconds.
const POLL_EVERY: u32 = 5_000;
/// Between two polls while the server cannot be reached, and up to half as much more by chance.
const KNOCK_EVERY: u32 = 1_000;
/// The same on a page that nobody sees.
const KNOCK_EVERY_UNSEEN: u32 = 15_000;
/// What has not been answered for so long is given up. Few enough wait at a time for the browser to ask once more.
const POLL_PATIENCE: Duration = Duration::from_secs(10);
const KNOCK_PATIENCE: Duration = Duration::from_secs(4);
/// A socket that is not open after so long is replaced, the first few times: its first packet may have been lost with the
/// link, and a question may have gone out on a connection that is dead.
const HANDSHAKE: Duration = Duration::from_secs(1);
const FEW: u32 = 4;

/// Where polling is.
#[derive(Default)]
pub(super) struct Polling {
    /// What comes next, while there is polling.
    next: RefCell<Option<Timeout>>,
    /// How many polls have been begun.
    begun: Cell<u32>,
    /// The last one whose answer counts.
    last: Cell<u32>,
    /// Whether the server answers, and whether it has not since the link was lost.
    is_reachable: Cell<bool>,
    was_away: Cell<bool>,
}

impl Channel {
    /// Says so, and polls, unless it does.
    pub(super) fn lost(self: &Rc<Self>) {
        if !self.is_polling() {
            (self.heard)(Heard::Link(Link::Lost));
            self.polling.is_reachable.set(false);
            self.polling.was_away.set(false);
            self.poll();
        }
    }

    pub(super) fn stop_polling(&self) {
        drop(self.polling.next.take());
        // Whatever was asked is older than what comes now.
        self.polling.last.set(self.polling.begun.get());
    }

    pub(super) fn is_polling(&self) -> bool {
        self.polling.next.borrow().is_some()
    }

    /// Asks for what is shown, or while the server cannot be reached whether it is there, now and again and again.
    pub(super) fn poll(self: &Rc<Self>) {
        let is_reachable = self.polling.is_reachable.get();
        let are_few = self.failures.get() < FEW;
        let next = match (is_reachable, document().hidden()) {
            // The socket may have been asked for just before the link returned, and never hear of it.
            (true, false) if are_few => KNOCK_EVERY,
            (true, _) => POLL_EVERY,
            (false, false) => KNOCK_EVERY + (f64::from(KNOCK_EVERY / 2) * Math::random()) as u32,
            (false, true) => KNOCK_EVERY_UNSEEN,
        };
        *self.polling.next.borrow_mut() = Some(Timeout::new(next, || with(Channel::poll)));
        if are_few && self.has_been_silent(HANDSHAKE) {
            self.failures.set(self.failures.get() + 1);
            self.hang_up();
            self.connect();
        }
        if is_reachable {
            spawn_local(Rc::clone(self).ask_for_what_is_shown());
        } else {
            spawn_local(Rc::clone(self).knock());
        }
    }

    /// Costs a server that is overloaded next to nothing.
    async fn knock(self: Rc<Self>) {
        let is_there = within(KNOCK_PATIENCE, is_there()).await.unwrap_or(false);
        if !self.is_polling() || self.polling.is_reachable.get() {
            return;
        }
        if !is_there {
            self.polling.was_away.set(true);
            return;
        }
        self.polling.is_reachable.set(true);
        // Where only the socket fails, the pauses between attempts hold.
        if self.polling.was_away.take() {
            self.hang_up();
            self.connect();
        }
        self.poll();
    }

    async fn ask_for_what_is_shown(self: Rc<Self>) {
        let number = self.polling.begun.get() + 1;
        self.polling.begun.set(number);
        let wanted = self.wanted.borrow().clone();
        let input = self.untold_input.take();
        let answer = async {
            match wanted {
                Some(ClientMessage::Watch(View { query, .. })) => {
                    list_sessions(query.clone(), input).await.map(|page| Heard::Polled(query, page))
                }
                Some(ClientMessage::WatchOwn | ClientMessage::Range { .. } | ClientMessage::Active) | None => {
                    list_own_sessions(input).await.map(Heard::Own)
                }
            }
        };
        let answer = within(POLL_PATIENCE, answer).await.unwrap_or(Err(AppError::Unreachable));
        if answer.is_err() && input {
            self.untold_input.set(true);
            self.tell_input();
        }
        // A later one may have been answered before.
        if !self.is_polling() || number <= self.polling.last.get() {
            return;
        }
        self.polling.last.set(number);
        match answer {
            Ok(polled) => {
                (self.heard)(Heard::Link(Link::Polling));
                (self.heard)(polled);
            }
            Err(error) if is_signed_out(&error) => self.rest(),
            Err(AppError::Unreachable) => {
                (self.heard)(Heard::Link(Link::Lost));
                self.polling.is_reachable.set(false);
                self.polling.was_away.set(true);
                self.poll();
            }
            Err(_) => (self.heard)(Heard::Link(Link::Polling)),
        }
    }
}
