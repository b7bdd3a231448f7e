//! `/live`: one WebSocket per tab.
//!
//! The tab says what it shows, the server answers with the state and then with patches. For a slow reader the rest of one
//! frame waits; after it the reader gets a snapshot, never a backlog. The socket is bound to its session and closes with it.

mod at_once;
mod frame;
mod heartbeat;
mod held_order;
pub mod hub;
mod outlet;
mod rounds;
mod turns;
mod view;
mod websocket;

use std::{collections::HashSet, io, sync::Arc, time::Duration};

use app::{
    live::{CLOSE_OTHER_VERSION, CLOSE_SESSION_ENDED, ClientMessage, HeldPart, MAX_RANGE, ServerMessage, View},
    principal::{Principal, Role},
    session::{SessionId, query::MAX_LIMIT, store::EndReason},
    wire::{self, WireError},
};
use axum::{
    Extension,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use futures_util::{SinkExt, StreamExt};
use http::Request;
use prometheus::IntGauge;
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{Role as Side, WebSocketConfig},
    },
};

use self::{
    held_order::HeldOrder,
    hub::Watched,
    outlet::{Inlet, Outlet},
    view::Place,
};
use crate::{serve, state::AppState};

/// How often the tab is asked whether it is there.
const PING: Duration = Duration::from_secs(15);
/// How long a tab may take to answer that its socket closes.
const FAREWELL: Duration = Duration::from_millis(250);
/// A tab that has said nothing for this long, not even the answer to a ping, is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// The largest message of a tab: a view that holds a thousand rows.
const MESSAGE_BYTES: usize = 64 * 1_024;
/// What a tab's socket reads into: it says little. Cleared at every read, so that the usual 128 kB cost more than a frame.
const READ_BUFFER_BYTES: usize = 2 * 1_024;

/// Opens the live channel. Origin and session have been checked before.
pub async fn upgrade(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request<Body>,
) -> Response {
    let (response, upgrade) = match websocket::accept(request) {
        Ok(accepted) => accepted,
        Err(no_handshake) => return no_handshake.into_response(),
    };
    // The upgraded connection is no task of the accept loop any more, but its close frame is to be sent all the same.
    let waited_for = state.tasks.token();
    tokio::spawn(async move {
        let _waited_for = waited_for;
        let Some((stream, read)) = upgrade.await.ok().and_then(serve::socket_of) else { return };
        let _counted = Counted::new(state.metrics.live_tabs.clone());
        Tab::new(state, asker, stream, read).await.converse().await;
    });
    response
}

/// Counts a tab while it is there, whatever becomes of it.
struct Counted(IntGauge);

impl Counted {
    fn new(tabs: IntGauge) -> Self {
        tabs.inc();
        Self(tabs)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

struct Tab {
    state: AppState,
    asker: Principal,
    messages: WebSocketStream<Inlet>,
    outlet: Arc<Outlet>,
    place: Option<Place>,
    /// The order that the tab holds, if it has scrolled since.
    order: Option<HeldOrder>,
}

/// Why a conversation is over.
enum Over {
    Gone,
    Close { code: u16, reason: &'static str },
}

impl Tab {
    async fn new(state: AppState, asker: Principal, stream: TcpStream, read: Vec<u8>) -> Self {
        let outlet = Arc::new(Outlet::new(stream));
        state.hub.heartbeat.keep_alive(&outlet);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_frame_size(Some(MESSAGE_BYTES))
            .max_message_size(Some(MESSAGE_BYTES));
        let inlet = Inlet(outlet.clone());
        let messages = WebSocketStream::from_partially_read(inlet, read, Side::Server, Some(config)).await;
        Self { state, asker, messages, outlet, place: None, order: None }
    }

    async fn converse(mut self) {
        if let Over::Close { code, reason } = self.until_over().await {
            // No frame comes after it.
            (self.place, self.order) = (None, None);
            self.outlet.send_last(&websocket::close(code, reason));
            if !self.outlet.emptied().await {
                return;
            }
            // Were it closed before the tab has answered, whatever the tab sends meanwhile would cost it what it has not read.
            let answered =
                async { while !matches!(self.messages.next().await, None | Some(Err(_) | Ok(Message::Close(_)))) {} };
            _ = tokio::time::timeout(FAREWELL, answered).await;
        }
    }

    async fn until_over(&mut self) -> Over {
        let mut ended = self.state.store.watch_end(self.asker.session_id);
        let mut ping = tokio::time::interval(PING);
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
                message = self.messages.next() => {
                    heard_at = Instant::now();
                    self.hear(message).await
                }
                drained = self.outlet.drained() => self.go_on(drained),
                _ = ping.tick() => {
                    self.outlet.send(&websocket::ping());
                    if heard_at.elapsed() > SILENCE { Err(Over::Gone) } else { Ok(()) }
                }
            };
            if let Err(over) = step {
                return over;
            }
        }
    }

    /// What a slow tab gets when it has read what was sent: the newest state, if that is another.
    fn go_on(&self, drained: io::Result<()>) -> Result<(), Over> {
        drained.map_err(|_| Over::Gone)?;
        if let Some(place) = &self.place {
            place.catch_up();
        }
        Ok(())
    }

    async fn hear(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Result<(), Over> {
        let message = match message {
            None | Some(Err(_) | Ok(Message::Frame(_))) => return Err(Over::Gone),
            Some(Ok(Message::Close(_))) => {
                self.place = None;
                // The answer to it is written by the next flush; who has closed may have gone.
                _ = self.messages.flush().await;
                self.outlet.emptied().await;
                return Err(Over::Gone);
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Text(_))) => return Err(Over::Close { code: 1003, reason: "send binary messages" }),
            Some(Ok(Message::Binary(message))) => message,
        };
        match wire::decode(&message) {
            Ok(ClientMessage::Active) => {
                self.state.sessions.touch(self.asker.session_id);
                Ok(())
            }
            Ok(ClientMessage::Watch(_) | ClientMessage::Range { .. }) if self.asker.role != Role::Administrator => {
                Err(Over::Close { code: 4403, reason: "only an administrator may watch" })
            }
            Ok(ClientMessage::Watch(view)) if is_reasonable(&view) => self.watch_list(view).await,
            Ok(ClientMessage::Watch(_)) => Err(Over::Close {
                code: 1008,
                reason: "the view is too large, names a row twice, or its search cannot be understood",
            }),
            Ok(ClientMessage::Range { view, first, rows })
                if is_reasonable(&view) && view.held.is_some() && rows <= MAX_RANGE =>
            {
                self.name_range(view, first, rows).await
            }
            Ok(ClientMessage::Range { .. }) => {
                Err(Over::Close { code: 1008, reason: "the range is too long, or of a view that holds nothing" })
            }
            Ok(ClientMessage::WatchOwn) => self.watch(Watched::Own(self.asker.username.clone())).await,
            Err(WireError::OtherVersion) => {
                Err(Over::Close { code: CLOSE_OTHER_VERSION, reason: "the page is of another version: load it anew" })
            }
            Err(WireError::Damaged) => Err(Over::Close { code: 1008, reason: "the message cannot be read" }),
        }
    }

    async fn watch_list(&mut self, mut view: View) -> Result<(), Over> {
        if view.held.is_none() {
            self.order = None;
        }
        if view.turns_to_another_part() {
            let part = self.part(&view, view.query.first, view.query.limit).await?;
            view.held = Some(part.held.clone());
            // As in `watch`: it may have ended while the order was read.
            if self.state.sessions.still_signed_in(&self.asker).is_err() {
                return Ok(());
            }
            self.say(&ServerMessage::Held(part));
        }
        self.watch(Watched::List(view)).await
    }

    async fn name_range(&mut self, view: View, first: u64, rows: u32) -> Result<(), Over> {
        let mut part = self.part(&view, first, rows).await?;
        let sessions = self.state.sessions.store().get_many(&part.held.ids).into_iter();
        let own: HashSet<_> =
            sessions.filter(|session| session.username == self.asker.username).map(|session| session.id).collect();
        part.held.ids.retain(|id| !own.contains(id));
        if self.state.sessions.still_signed_in(&self.asker).is_ok() {
            self.say(&ServerMessage::Range(part));
        }
        Ok(())
    }

    /// A part of the order that the view holds.
    async fn part(&mut self, view: &View, first: u64, rows: u32) -> Result<HeldPart, Over> {
        let order = match self.order.take().filter(|order| order.is_of(view)) {
            Some(order) => Some(order),
            None => self.state.hub.read_order(view).await,
        };
        let Some(order) = order else {
            return Err(Over::Close { code: 1011, reason: "the order cannot be read" });
        };
        let part = order.part(view, first, rows);
        self.order = Some(order).filter(HeldOrder::can_be_kept);
        Ok(part)
    }

    async fn watch(&mut self, view: Watched) -> Result<(), Over> {
        let Some(place) = self.state.hub.watch(view, self.asker.session_id, &self.outlet).await else {
            return Err(Over::Close { code: 1011, reason: "the view cannot be read" });
        };
        // The session may have ended meanwhile: the socket is then about to be closed, and says nothing more.
        if self.state.sessions.still_signed_in(&self.asker).is_err() {
            return Ok(());
        }
        // Nothing of the view of before comes after this one.
        self.place = None;
        place.open();
        self.place = Some(place);
        // A frame that others share may be old; the clock must not be.
        self.say(&ServerMessage::Tick(self.state.sessions.now()));
        Ok(())
    }

    fn say(&self, message: &ServerMessage) {
        self.outlet.send(&websocket::binary(&wire::encode(message)));
    }
}

/// Rows that are held are all different: the place of each tells it apart.
fn is_reasonable(view: &View) -> bool {
    let is_list =
        |ids: &[SessionId]| ids.len() <= MAX_LIMIT as usize && ids.iter().collect::<HashSet<_>>().len() == ids.len();
    view.query.validated().is_ok() && view.held.as_ref().is_none_or(|held| is_list(&held.ids))
}
