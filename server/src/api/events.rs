//! `/api/v1/events`: signed in, and ended and why, as server-sent events for machines.

use std::{convert::Infallible, time::Duration};

use app::{principal::Principal, session::store::EndReason};
use axum::{
    Extension,
    extract::State,
    response::{
        IntoResponse,
        sse::{Event as Frame, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;
use tokio::sync::{oneshot, watch};

use super::{problem::Problem, wire::SessionBody};
use crate::{
    state::AppState,
    store::{Event, Forgotten},
};

/// How often a stream without events says that it is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Some events are not known any more: the list has to be read again.
const RESYNC: &str = "resync";
/// How many events are taken at a time.
const PORTION: usize = 256;

/// Follows sessions. Every event has an id; who comes back with the last one in `Last-Event-ID` gets what came
/// meanwhile, or `resync` when that is not known any more: then the list has to be read again.
#[utoipa::path(
    get, path = "/api/v1/events", operation_id = "follow_events", tag = "sessions",
    params(("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that was read")),
    responses(
        (status = 200, content_type = "text/event-stream",
         description = "`ready`, then `signed_in` with the session, and `ended` with id, username, session_type, reason \
                        and ended_at; `resync` where some are missing"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    ),
    security(("token" = []))
)]
pub async fn follow(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    state.sessions.administrators_only(&asker)?;
    let ended = state.store.watch_end(asker.session_id);
    let newest = state.store.events().follow();
    let now = *newest.borrow();
    let last_read = headers.get("last-event-id").map(|id| number_in(&state, id.to_str().unwrap_or_default()));
    let (begin, first) = match last_read {
        None => (now, "ready"),
        Some(Some(number)) if state.store.events().after(number, 0).is_ok() => (number, "ready"),
        Some(_) => (now, RESYNC),
    };
    let first = mark(&state, first, begin);
    let following = Following { state, newest, ended, read: begin };
    let frames = stream::iter([first]).chain(following.frames()).map(Ok::<_, Infallible>);
    // A proxy that collects what comes would keep it until the end.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    let not_stored = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(([unbuffered, not_stored], Sse::new(frames).keep_alive(KeepAlive::new().interval(ALIVE_EVERY))))
}

struct Following {
    state: AppState,
    newest: watch::Receiver<u64>,
    ended: oneshot::Receiver<EndReason>,
    /// The number of the last event that was sent.
    read: u64,
}

impl Following {
    /// Ends with the session that asked, and with the server.
    fn frames(self) -> impl Stream<Item = Frame> {
        stream::unfold(self, async |mut following| {
            let portion = following.portion().await?;
            Some((stream::iter(portion), following))
        })
        .flatten()
    }

    async fn portion(&mut self) -> Option<Vec<Frame>> {
        let shutdown = self.state.shutdown.clone();
        tokio::select! {
            biased;
            _ = &mut self.ended => return None,
            () = shutdown.cancelled() => return None,
            more = self.newest.wait_for(|newest| *newest > self.read) => {
                more.ok()?;
            }
        }
        match self.state.store.events().after(self.read, PORTION) {
            Ok(events) => Some(events.into_iter().map(|event| self.frame(event)).collect()),
            Err(Forgotten) => {
                self.read = *self.newest.borrow();
                Some(vec![mark(&self.state, RESYNC, self.read)])
            }
        }
    }

    fn frame(&mut self, event: Event) -> Frame {
        self.read += 1;
        let frame = Frame::default().id(id_of(&self.state, self.read));
        match event {
            Event::SignedIn(session) => {
                let body = SessionBody::from(session.as_ref().clone());
                frame.event("signed_in").data(serde_json::to_string(&body).unwrap_or_default())
            }
            Event::Ended { id, username, session_type, reason, at } => {
                let body = json!({
                    "id": id.0,
                    "username": username,
                    "session_type": session_type.as_str(),
                    "reason": reason.as_str(),
                    "ended_at": at.to_string(),
                });
                frame.event("ended").data(body.to_string())
            }
        }
    }
}

/// Where a stream stands, and nothing else.
fn mark(state: &AppState, name: &str, number: u64) -> Frame {
    Frame::default().event(name).id(id_of(state, number)).data("{}")
}

/// The id of an event: the process, because its numbers begin again with it, and the number.
fn id_of(state: &AppState, number: u64) -> String {
    format!("{:x}-{number}", state.started_at.as_millis())
}

fn number_in(state: &AppState, id: &str) -> Option<u64> {
    let (process, number) = id.split_once('-')?;
    (u64::from_str_radix(process, 16) == Ok(state.started_at.as_millis())).then(|| number.parse().ok())?
}
