//! The live channel as a tab sees it: connected again and again, replaced by polling while it cannot be had.
//!
//! One per document. What arrives is handed on in the callback that brings it: signals and effects are batched and
//! would lose messages.

mod polling;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use gloo_timers::callback::Timeout;
use js_sys::{Function, Math, Uint8Array};
use leptos::prelude::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use self::polling::Polling;
use super::{callback, every, listen, load_anew, now, sign_in_again};
use crate::{
    live::{CLOSE_OTHER_VERSION, CLOSE_SESSION_ENDED, ClientMessage, ServerMessage, View},
    paths,
    session::{Session, page::Page, query::SessionQuery},
    time::Timestamp,
    wire::{decode, encode},
};

/// A link on which nothing has come for so long is dead: the server says something every 2 s. After failures it may take
/// longer: a line may be slow.
const SILENCE: Duration = Duration::from_secs(5);
/// A link on which nothing has come for so long is not trusted by a page that comes to the front.
const DOUBT: Duration = Duration::from_secs(3);
/// How old a page is at least that loads itself anew.
const LEAST_AGE: Duration = Duration::from_secs(10);
/// Input of the user is told at most this often.
const INPUT_EVERY: Duration = Duration::from_secs(20);
/// A link that has lived for so long was no failure.
const SETTLED: Duration = Duration::from_secs(20);

/// How the page gets its news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Not yet.
    Connecting,
    /// By the live channel.
    Live,
    /// Not just now.
    Lost,
    /// By asking every few seconds.
    Polling,
}

/// What comes in.
pub(crate) enum Heard {
    /// The link has changed.
    Link(Link),
    /// By the live channel.
    Message(ServerMessage),
    /// The answer to a poll of this query.
    Polled(SessionQuery, Page),
    /// The answer to a poll of one's own sessions.
    Own(Vec<Session>),
}

struct Channel {
    heard: Box<dyn Fn(Heard)>,
    /// What is shown: asked for again at each connection.
    wanted: RefCell<Option<ClientMessage>>,
    socket: RefCell<Option<WebSocket>>,
    handlers: [Function; 3],
    opened_at: Timestamp,
    failures: Cell<u32>,
    last_frame: Cell<Timestamp>,
    last_input: Cell<Timestamp>,
    /// Whether the user has done something that the server has not been told.
    untold_input: Cell<bool>,
    retry: RefCell<Option<Timeout>>,
    connected_at: Cell<Timestamp>,
    polling: Polling,
}

thread_local! {
    static CHANNEL: RefCell<Option<Rc<Channel>>> = const { RefCell::new(None) };
}

/// Opens the channel and hands `heard` all that comes in, for as long as the page lives. When the session ends, the
/// page goes to sign-in.
pub(crate) fn open(heard: impl Fn(Heard) + 'static) {
    let channel = Rc::new(Channel {
        heard: Box::new(heard),
        wanted: RefCell::default(),
        socket: RefCell::default(),
        handlers: [
            callback(|_| with(Channel::opened)),
            callback(|event| with(|channel| channel.received(event))),
            callback(|event| with(|channel| channel.closed(event))),
        ],
        opened_at: now(),
        failures: Cell::new(0),
        last_frame: Cell::new(now()),
        last_input: Cell::default(),
        untold_input: Cell::new(false),
        retry: RefCell::default(),
        connected_at: Cell::default(),
        polling: Polling::default(),
    });
    CHANNEL.set(Some(Rc::clone(&channel)));
    channel.connect();
    watch_over();
}

/// Shows this view from now on.
pub(crate) fn watch(view: View) {
    want(ClientMessage::Watch(view));
}

/// Shows one's own sessions from now on.
pub(crate) fn watch_own() {
    want(ClientMessage::WatchOwn);
}

/// Asks something of the server; whether it could be asked.
pub(crate) fn ask(message: &ClientMessage) -> bool {
    CHANNEL.with_borrow(Clone::clone).is_some_and(|channel| channel.send(message))
}

fn want(message: ClientMessage) {
    with(|channel| {
        *channel.wanted.borrow_mut() = Some(message);
        channel.ask();
        if channel.is_polling() {
            channel.poll();
        }
    });
}

fn with(action: impl FnOnce(&Rc<Channel>)) {
    if let Some(channel) = CHANNEL.with_borrow(Clone::clone) {
        action(&channel);
    }
}

/// Keeps the link when the page sleeps, wakes, loses its network or is silent; tells of input.
fn watch_over() {
    let window = window();
    every(1_000, || with(Channel::listen_for_silence));
    // Another network: what the old link was is gone, whether anyone has noticed or not.
    listen(&window, "online", |_| with(Channel::replace));
    listen(&document(), "visibilitychange", |_| {
        if !document().hidden() {
            with(Channel::wake);
        }
    });
    listen(&window, "pagehide", |_| with(Channel::rest));
    listen(&window, "pageshow", |_| with(Channel::wake));
    for input in ["pointerdown", "keydown", "wheel"] {
        listen(&window, input, |_| with(Channel::input));
    }
}

impl Channel {
    fn connect(self: &Rc<Self>) {
        drop(self.retry.take());
        if self.socket.borrow().is_some() {
            return;
        }
        let Ok(socket) = WebSocket::new(&address()) else {
            return self.failed();
        };
        socket.set_binary_type(BinaryType::Arraybuffer);
        let [opened, received, closed] = &self.handlers;
        socket.set_onopen(Some(opened));
        socket.set_onmessage(Some(received));
        socket.set_onclose(Some(closed));
        self.last_frame.set(now());
        self.connected_at.set(now());
        *self.socket.borrow_mut() = Some(socket);
    }

    fn opened(self: &Rc<Self>) {
        self.stop_polling();
        (self.heard)(Heard::Link(Link::Live));
        self.ask();
        self.tell_input();
    }

    fn received(self: &Rc<Self>, event: Event) {
        self.last_frame.set(now());
        if now().since(self.connected_at.get()) >= SETTLED {
            self.failures.set(0);
        }
        let message = Uint8Array::new(&event.unchecked_into::<MessageEvent>().data()).to_vec();
        match decode(&message) {
            Ok(message) => {
                self.note_what_is_held(&message);
                (self.heard)(Heard::Message(message));
            }
            Err(_) => self.is_outdated(),
        }
    }

    /// What is held is asked for again at the next connection, from a server that does not remember it.
    fn note_what_is_held(&self, message: &ServerMessage) {
        if let (ServerMessage::Held(part), Some(ClientMessage::Watch(view))) = (message, &mut *self.wanted.borrow_mut())
            && part.view == view.key()
        {
            view.held = Some(part.held.clone());
        }
    }

    fn closed(self: &Rc<Self>, event: Event) {
        let event: CloseEvent = event.unchecked_into();
        drop(self.socket.take());
        match event.code() {
            CLOSE_SESSION_ENDED => sign_in_again(&event.reason()),
            CLOSE_OTHER_VERSION => self.is_outdated(),
            _ => self.failed(),
        }
    }

    /// Loads the page anew, which is then of the server's version. Behind two servers of different versions it might not be:
    /// hence not again and again.
    fn is_outdated(self: &Rc<Self>) {
        if now().since(self.opened_at) >= LEAST_AGE {
            load_anew();
        } else {
            self.hang_up();
            self.failed();
        }
    }

    /// Polls meanwhile, and tries again after up to 0.5 s, 1 s, 2 s ... 30 s: spread by chance, so that a server that comes
    /// back is not met by all tabs at once.
    fn failed(self: &Rc<Self>) {
        self.failures.set(self.failures.get() + 1);
        self.lost();
        let delay = f64::from(longest_delay(self.failures.get())) * Math::random();
        *self.retry.borrow_mut() = Some(Timeout::new(delay as u32, || with(Channel::connect)));
    }

    /// Replaces a socket that has been silent for too long: the network may have gone without a word, or the computer slept.
    fn listen_for_silence(self: &Rc<Self>) {
        if self.has_been_silent(longest_silence(self.failures.get())) {
            self.hang_up();
            self.failed();
        }
    }

    fn has_been_silent(&self, long: Duration) -> bool {
        self.socket.borrow().is_some() && now().since(self.last_frame.get()) >= long
    }

    /// Connects at once, instead of any socket there is.
    fn replace(self: &Rc<Self>) {
        self.hang_up();
        self.lost();
        self.connect();
    }

    /// The page has come to the front, after who knows how long.
    fn wake(self: &Rc<Self>) {
        if self.is_polling() {
            self.connect();
            self.poll();
        } else if self.socket.borrow().is_none() || self.has_been_silent(DOUBT) {
            self.replace();
        }
    }

    /// A page in the back-forward cache keeps no socket and no timers.
    fn rest(self: &Rc<Self>) {
        drop(self.retry.take());
        self.stop_polling();
        self.hang_up();
    }

    /// Lets go of the socket without waiting for the other side.
    fn hang_up(&self) {
        if let Some(socket) = self.socket.take() {
            socket.set_onopen(None);
            socket.set_onmessage(None);
            socket.set_onclose(None);
            _ = socket.close();
        }
    }

    fn ask(self: &Rc<Self>) {
        if let Some(wanted) = &*self.wanted.borrow() {
            self.send(wanted);
        }
    }

    fn input(self: &Rc<Self>) {
        let now = now();
        if now.since(self.last_input.get()) >= INPUT_EVERY {
            self.last_input.set(now);
            self.untold_input.set(true);
            self.tell_input();
        }
    }

    /// While there is no socket, the next poll tells it.
    fn tell_input(&self) {
        if self.untold_input.get() && self.send(&ClientMessage::Active) {
            self.untold_input.set(false);
        }
    }

    fn send(&self, message: &ClientMessage) -> bool {
        let socket = self.socket.borrow();
        let socket = socket.as_ref().filter(|socket| socket.ready_state() == WebSocket::OPEN);
        socket.is_some_and(|socket| socket.send_with_u8_array(&encode(message)).is_ok())
    }
}

/// The longest wait after so many failures in a row, in milliseconds.
fn longest_delay(failures: u32) -> u32 {
    (500_u32 << failures.saturating_sub(1).min(6)).min(30_000)
}

/// How long a link may be silent after so many failures in a row.
fn longest_silence(failures: u32) -> Duration {
    SILENCE * (1 << failures.min(3))
}

fn address() -> String {
    let location = window().location();
    let scheme = if location.protocol().is_ok_and(|protocol| protocol == "https:") { "wss://" } else { "ws://" };
    scheme.to_owned() + &location.host().unwrap_or_default() + paths::LIVE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_minute() {
        assert_eq!([1, 2, 3, 6, 7, 8, 1_000].map(longest_delay), [500, 1_000, 2_000, 16_000, 30_000, 30_000, 30_000]);
    }

    #[test]
    fn a_slow_line_gets_more_time_each_time() {
        assert_eq!([0, 1, 3, 1_000].map(|failures| longest_silence(failures).as_secs()), [5, 10, 40, 40]);
    }
}
