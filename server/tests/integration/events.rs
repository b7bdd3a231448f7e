//! The events for machines: signed in, and ended and why.

use std::{net::SocketAddr, time::Duration};

use app::session::SessionType;
use axum::{
    body::{Body, BodyDataStream},
    extract::ConnectInfo,
};
use futures_util::StreamExt;
use http::{Method, header};
use serde_json::{Value, json};
use server::router;
use tower::ServiceExt;

use crate::support::{Asker, TestServer};

/// A stream of events that is being read.
struct Reader {
    body: BodyDataStream,
    read: String,
}

#[derive(Debug)]
struct Event {
    name: String,
    id: String,
    data: Value,
}

impl Reader {
    async fn open(server: &TestServer, asker: &Asker<'_>, last: Option<&str>) -> Self {
        let mut request = asker.request(Method::GET, "/api/v1/events");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000))));
        let response = router::build(server.state.clone()).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), read: String::new() }
    }

    /// `None` when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        while !self.read.contains("\n\n") {
            let chunk = tokio::time::timeout(Duration::from_secs(10), self.body.next()).await.expect("in time")?;
            self.read.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
        let (event, rest) = self.read.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned()))?;
        self.read = rest;
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
        let data = serde_json::from_str(field("data:")).unwrap();
        Some(Event { name: field("event:").to_owned(), id: field("id:").to_owned(), data })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_and_ends_are_told_in_order_and_again_to_who_comes_back() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut reader = Reader::open(&server, &admin, None).await;
    let ready = reader.next().await.unwrap();
    assert_eq!(ready.name, "ready");

    let anna = server.user("anna").await;
    let signed_in = reader.next().await.unwrap();
    assert_eq!((signed_in.name.as_str(), &signed_in.data["id"]), ("signed_in", &json!(anna.id)));
    assert_eq!(signed_in.data["username"], "anna");
    drop(reader);

    admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    let other = server.signed_in("anna", SessionType::Browser).await;
    server.state.sessions.sign_out(app::session::SessionId(other.id)).await.unwrap();
    let mut reader = Reader::open(&server, &admin, Some(&signed_in.id)).await;
    assert_eq!(reader.next().await.unwrap().id, signed_in.id, "ready, from there on");
    let ended = reader.next().await.unwrap();
    let at = server.state.sessions.now().to_string();
    let told = json!({
        "id": anna.id, "username": "anna", "session_type": "rest", "reason": "deleted", "ended_at": at,
    });
    assert_eq!((ended.name.as_str(), ended.data), ("ended", told));
    assert_eq!(reader.next().await.unwrap().data["id"], other.id);
    assert_eq!(reader.next().await.unwrap().data["reason"], "signed_out");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_to_another_process_is_told_to_read_the_list() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for last in ["", "1", "0000000000000000-1", "x-1"] {
        let mut reader = Reader::open(&server, &admin, Some(last)).await;
        assert_eq!(reader.next().await.unwrap().name, "resync", "{last}");
    }
    let mut reader = Reader::open(&server, &admin, None).await;
    let id = reader.next().await.unwrap().id;
    let of_the_future = id.split_once('-').unwrap().0.to_owned() + "-999999";
    let mut reader = Reader::open(&server, &admin, Some(&of_the_future)).await;
    assert_eq!(reader.next().await.unwrap().name, "resync");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_ends_with_the_session_that_asked() {
    let server = TestServer::start().await;
    let (admin, other) = (server.admin().await, server.admin().await);
    let mut reader = Reader::open(&server, &other, None).await;
    reader.next().await.unwrap();
    server.state.sessions.sign_out(app::session::SessionId(other.id)).await.unwrap();
    assert!(reader.next().await.is_none());
    assert_eq!(server.user("anna").await.get("/api/v1/events").await.status, 403);
    drop(admin);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_delete_tells_of_every_session() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    for _ in 0..300 {
        server.signed_in("anna", SessionType::Other).await;
    }
    let mut reader = Reader::open(&server, &admin, None).await;
    reader.next().await.unwrap();
    let all = json!({ "query": { "q": "anna" }, "as_of": u64::from(u32::MAX) });
    assert_eq!(admin.post("/api/v1/sessions/delete", all).await.json()["deleted"], 300);
    for _ in 0..300 {
        assert_eq!(reader.next().await.unwrap().name, "ended");
    }
}
