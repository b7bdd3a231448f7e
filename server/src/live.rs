//! `/live`: one WebSocket per tab.
//!
//! The tab says what it shows, the server answers with the state and then with patches. Only the newest state waits for
//! a slow reader; it gets a snapshot, never a backlog. The socket is bound to its session and closes with it.

mod held_order;
pub mod hub;

use std::{sync::Arc, time::Duration};

use app::{
    live::{CLOSE_OTHER_VERSION, CLOSE_SESSION_ENDED, ClientMessage, ServerMessage, View},
    principal::{Principal, Role},
    session::{query::MAX_LIMIT, store::EndReason},
    wire::{self, WireError},
};
use axum::{
    Extension,
    extract::{
        State,
        ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade},
    },
    response::Response,
};
use tokio::{sync::watch, time::Instant};

use self::{
    held_order::HeldOrder,
    hub::{Frame, Watched},
};
use crate::state::AppState;

/// How often the tab is told that the link is alive.
const TICK: Duration = Duration::from_secs(15);
/// A tab that has said nothing for this long, not even the answer to a ping, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a tab may take to read one frame.
const READ_PATIENCE: Duration = Duration::from_secs(5);
/// The largest message of a tab: a view that holds a thousand rows.
const MESSAGE_BYTES: usize = 64 * 1_024;
/// What a tab's socket reads into: it says little. Cleared at every read, so that the usual 128 kB cost more than a frame.
const READ_BUFFER_BYTES: usize = 2 * 1_024;

/// Opens the live channel. Origin and session have been checked before.
pub async fn upgrade(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    upgrade: WebSocketUpgrade,
) -> Response {
    // The upgraded connection is no task of the accept loop any more, but its close frame is to be sent all the same.
    let waited_for = state.tasks.token();
    let upgrade = upgrade.max_message_size(MESSAGE_BYTES).read_buffer_size(READ_BUFFER_BYTES).write_buffer_size(0);
    upgrade.on_upgrade(async move |socket| {
        let _waited_for = waited_for;
        state.metrics.live_tabs.inc();
        let metrics = state.metrics.clone();
        Tab { state, asker, socket, frames: None, shown: None, order: None }.converse().await;
        metrics.live_tabs.dec();
    })
}

struct Tab {
    state: AppState,
    asker: Principal,
    socket: WebSocket,
    frames: Option<watch::Receiver<Arc<Frame>>>,
    /// The number of the last frame that was sent.
    shown: Option<u64>,
    /// The order that the tab holds, if it has scrolled since.
    order: Option<HeldOrder>,
}

/// Why a conversation is over.
enum Over {
    Gone,
    Close { code: u16, reason: &'static str },
}

impl Tab {
    async fn converse(mut self) {
        let over = self.until_over().await;
        if let Over::Close { code, reason } = over {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            _ = tokio::time::timeout(READ_PATIENCE, self.socket.send(Message::Close(Some(frame)))).await;
        }
    }

    async fn until_over(&mut self) -> Over {
        let mut ended = self.state.store.watch_end(self.asker.session_id);
        let mut tick = tokio::time::interval(TICK);
        let shutdown = self.state.shutdown.clone();
        let mut heard_at = Instant::now();
        loop {
            let step = tokio::select! {
                biased;
                reason = &mut ended => {
                    let reason = reason.unwrap_or(EndReason::Expired).as_str();
                    Err(Over::Close { code: CLOSE_SESSION_ENDED, reason })
                }
                () = shutdown.cancelled() => Err(Over::Close { code: 1001, reason: "the server stops" }),
                message = self.socket.recv() => {
                    heard_at = Instant::now();
                    self.hear(message).await
                }
                () = changed(&mut self.frames) => self.show().await,
                _ = tick.tick() => {
                    if heard_at.elapsed() > SILENCE { Err(Over::Gone) } else { self.tick().await }
                }
            };
            if let Err(over) = step {
                return over;
            }
        }
    }

    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Over> {
        let message = match message {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Over::Gone),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(_))) => return Err(Over::Close { code: 1003, reason: "send binary messages" }),
            Some(Ok(Message::Binary(message))) => message,
        };
        match wire::decode(&message) {
            Ok(ClientMessage::Active) => {
                self.state.sessions.touch(self.asker.session_id);
                Ok(())
            }
            Ok(ClientMessage::Watch(_)) if self.asker.role != Role::Administrator => {
                Err(Over::Close { code: 4403, reason: "only an administrator may watch" })
            }
            Ok(ClientMessage::Watch(view)) if is_reasonable(&view) => self.watch_list(view).await,
            Ok(ClientMessage::Watch(_)) => {
                Err(Over::Close { code: 1008, reason: "the view is too large or its search cannot be understood" })
            }
            Ok(ClientMessage::WatchOwn) => self.watch(Watched::Own(self.asker.username.clone())).await,
            Err(WireError::OtherVersion) => {
                Err(Over::Close { code: CLOSE_OTHER_VERSION, reason: "the page is of another release: load it anew" })
            }
            Err(WireError::Damaged) => Err(Over::Close { code: 1008, reason: "the message cannot be read" }),
        }
    }

    async fn watch_list(&mut self, mut view: View) -> Result<(), Over> {
        if view.held.is_none() {
            self.order = None;
        }
        if view.turns_to_another_part() {
            let order = match self.order.take().filter(|order| order.is_of(&view)) {
                Some(order) => Some(order),
                None => self.state.hub.read_order(&view).await,
            };
            let Some(order) = order else {
                return Err(Over::Close { code: 1011, reason: "the order cannot be read" });
            };
            let part = order.part(&view);
            self.order = Some(order).filter(HeldOrder::can_be_kept);
            view.held = Some(part.held.clone());
            // As in `watch`: it may have ended while the order was read.
            if self.state.sessions.still_signed_in(&self.asker).is_err() {
                return Ok(());
            }
            self.say(&ServerMessage::Held(part)).await?;
        }
        self.watch(Watched::List(view)).await
    }

    async fn watch(&mut self, view: Watched) -> Result<(), Over> {
        let Some(frames) = self.state.hub.watch(view).await else {
            return Err(Over::Close { code: 1011, reason: "the view cannot be read" });
        };
        // The session may have ended meanwhile: the socket is then about to be closed, and says nothing more.
        if self.state.sessions.still_signed_in(&self.asker).is_err() {
            return Ok(());
        }
        self.frames = Some(frames);
        self.shown = None;
        self.show().await?;
        // A frame that others share may be old; the clock must not be.
        self.tick().await
    }

    /// Sends the newest frame: as a patch to a tab that has the one before, else from scratch.
    async fn show(&mut self) -> Result<(), Over> {
        let Some(frames) = &mut self.frames else { return Ok(()) };
        let frame = frames.borrow_and_update().clone();
        let message = match self.shown {
            Some(shown) if shown == frame.number => return Ok(()),
            Some(shown) if shown + 1 == frame.number => frame.patch(),
            _ => frame.snapshot(),
        };
        self.shown = Some(frame.number);
        self.send(Message::Binary(message)).await
    }

    async fn tick(&mut self) -> Result<(), Over> {
        self.say(&ServerMessage::Tick(self.state.sessions.now())).await?;
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn say(&mut self, message: &ServerMessage) -> Result<(), Over> {
        self.send(Message::Binary(wire::encode(message).into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Over> {
        match tokio::time::timeout(READ_PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over::Gone),
        }
    }
}

async fn changed(frames: &mut Option<watch::Receiver<Arc<Frame>>>) {
    let going_on = match frames {
        Some(frames) => frames.changed().await.is_ok(),
        None => false,
    };
    if !going_on {
        std::future::pending().await
    }
}

fn is_reasonable(view: &View) -> bool {
    let most = MAX_LIMIT as usize;
    view.query.validated().is_ok() && view.held.as_ref().is_none_or(|held| held.ids.len() <= most)
}
