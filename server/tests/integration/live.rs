//! The live channel over real sockets.

mod late_readers;

use std::{net::SocketAddr, time::Duration};

use app::{
    live::{CLOSE_OTHER_VERSION, ClientMessage, Held, HeldPart, MAX_RANGE, ServerMessage, Snapshot, View},
    session::{
        SessionId, SessionType,
        page::Counts,
        query::{Filter, SessionQuery},
    },
    wire,
};
use futures_util::{SinkExt, StreamExt};
use http::Request;
use server::{checks::Answering, serve};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, client_async, connect_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::CloseFrame},
};

use crate::support::{Asker, TestServer};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Serves the test server on a real port.
pub(crate) async fn listen(server: &TestServer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (answers, shutdown) = (Answering::new(server.state.clone()), server.state.shutdown.clone());
    let tasks = server.state.tasks.clone();
    tokio::spawn(async move { serve::serve(listener, answers, &tasks, shutdown).await });
    server::background::spawn(&server.state);
    address
}

async fn open(address: SocketAddr, asker: &Asker<'_>) -> Socket {
    connect_async(handshake(address, asker)).await.unwrap().0
}

/// As [`open`], over a connection that holds little of what is not read.
async fn open_narrowly(address: SocketAddr, asker: &Asker<'_>) -> Socket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 * 1_024).unwrap();
    let stream = MaybeTlsStream::Plain(socket.connect(address).await.unwrap());
    client_async(handshake(address, asker), stream).await.unwrap().0
}

fn handshake(address: SocketAddr, asker: &Asker<'_>) -> Request<()> {
    let mut request = format!("ws://{address}/live").into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("cookie", format!("keepwatch={}", asker.token.as_ref().unwrap()).parse().unwrap());
    headers.insert("origin", "http://127.0.0.1:3000".parse().unwrap());
    request
}

async fn say(socket: &mut Socket, message: &ClientMessage) {
    socket.send(Message::binary(wire::encode(message))).await.unwrap();
}

/// The next frame that says something.
async fn hear(socket: &mut Socket) -> Result<ServerMessage, CloseFrame> {
    loop {
        let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a frame in time");
        match next.expect("an open socket").expect("a readable frame") {
            Message::Binary(message) => match wire::decode(&message).unwrap() {
                ServerMessage::Tick(_) => {}
                message => return Ok(message),
            },
            Message::Close(Some(frame)) => return Err(frame),
            _ => {}
        }
    }
}

/// Applies frames to a state until `wanted` holds.
async fn follow(socket: &mut Socket, state: &mut Snapshot, mut wanted: impl FnMut(&Snapshot) -> bool) {
    while !wanted(state) {
        match hear(socket).await.unwrap() {
            ServerMessage::Snapshot(snapshot) => *state = snapshot,
            ServerMessage::Patch(patch) => state.apply(patch),
            ServerMessage::Held(_) | ServerMessage::Range(_) | ServerMessage::Tick(_) => {}
        }
    }
}

/// The rows of the part that a held view has turned to.
async fn part_of(socket: &mut Socket) -> HeldPart {
    loop {
        if let ServerMessage::Held(part) = hear(socket).await.unwrap() {
            return part;
        }
    }
}

fn everything() -> View {
    View { query: SessionQuery::default(), held: None }
}

fn held_at_first() -> View {
    let held = Held { as_of: SessionId(9), first: 0, limit: 50, ids: Vec::new() };
    View { held: Some(held), ..everything() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_touches_and_deletes_reach_an_open_tab() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    say(&mut socket, &ClientMessage::Watch(everything())).await;
    let mut state = Snapshot::default();
    follow(&mut socket, &mut state, |state| state.total == 1).await;

    server.clock.advance(Duration::from_secs(5));
    let anna = server.signed_in("anna", SessionType::Browser).await;
    follow(&mut socket, &mut state, |state| state.total == 2).await;
    assert_eq!(state.counts.active_users, 2);
    assert_eq!(state.sessions[0].username.as_ref(), "anna");

    server.clock.advance(Duration::from_secs(5));
    let at = server.state.sessions.now();
    anna.get("/api/v1/session").await;
    follow(&mut socket, &mut state, |state| state.sessions[0].last_active_at == at).await;

    admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    follow(&mut socket, &mut state, |state| state.total == 1).await;
    assert_eq!(state.counts.active_users, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_nothing_happens_to_is_told_that_the_link_is_there() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    // The second tab comes when there has been none for a while.
    for _ in 0..2 {
        let mut socket = open(address, &admin).await;
        say(&mut socket, &ClientMessage::Watch(everything())).await;
        let mut ticks = 0;
        // One comes with the view.
        while ticks < 2 {
            let next = tokio::time::timeout(Duration::from_secs(10), socket.next()).await.expect("a sign in time");
            if let Message::Binary(message) = next.unwrap().unwrap()
                && let ServerMessage::Tick(_) = wire::decode(&message).unwrap()
            {
                ticks += 1;
            }
        }
        drop(socket);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_view_keeps_its_rows_and_counts_what_is_new() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let (anna, berta) = (server.user("anna").await, server.user("berta").await);
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    let held =
        Held { as_of: SessionId(berta.id), first: 0, limit: 50, ids: vec![SessionId(berta.id), SessionId(anna.id)] };
    say(&mut socket, &ClientMessage::Watch(View { query: SessionQuery::default(), held: Some(held) })).await;
    let mut state = Snapshot::default();
    follow(&mut socket, &mut state, |state| state.sessions.len() == 2).await;
    server.signed_in("carla", SessionType::Other).await;
    admin.delete(&format!("/api/v1/sessions/{}", berta.id)).await;
    follow(&mut socket, &mut state, |state| state.newer == 1 && state.sessions.len() == 1).await;
    assert_eq!(state.sessions[0].id, SessionId(anna.id));
    assert_eq!(state.total, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_scrolls_a_held_list_sees_each_row_once_whatever_happens_meanwhile() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut users = Vec::new();
    for _ in 0..20 {
        server.clock.advance(Duration::from_secs(1));
        users.push(server.signed_in("anna", SessionType::Browser).await);
    }
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    let newest_first: Vec<_> = users.iter().rev().map(|user| SessionId(user.id)).collect();
    let filter = Filter { session_type: None, search: "anna".to_owned() };
    let query = |first| SessionQuery { filter: filter.clone(), first, limit: 5, ..SessionQuery::default() };
    let as_of = newest_first[0];
    let mut held = Held { as_of, first: 0, limit: 5, ids: newest_first[..5].to_vec() };
    let mut seen = held.ids.clone();
    for first in [5, 10, 15] {
        // Whoever stands last becomes active, one who is to come ends, somebody new signs in.
        server.clock.advance(Duration::from_secs(1));
        users[0].get("/api/v1/session").await;
        let ended = users[20 - first as usize - 3].id;
        admin.delete(&format!("/api/v1/sessions/{ended}")).await;
        server.signed_in("anna", SessionType::Browser).await;

        let asked = View { query: query(first), held: Some(held) };
        say(&mut socket, &ClientMessage::Watch(asked.clone())).await;
        let part = part_of(&mut socket).await;
        assert_eq!((part.view, part.held.first, part.total), (asked.key(), first, 19), "the first to end came before");
        held = part.held;
        let shown = View { query: query(first), held: Some(held.clone()) }.key();
        let mut state = Snapshot::default();
        follow(&mut socket, &mut state, |state| state.view == shown).await;
        let there: Vec<_> = held.ids.iter().copied().filter(|id| id.0 != ended).collect();
        assert_eq!(state.sessions.iter().map(|session| session.id).collect::<Vec<_>>(), there);
        seen.append(&mut held.ids.clone());
    }
    let mut expected: Vec<_> = newest_first.iter().copied().filter(|id| id.0 != users[12].id).collect();
    seen.sort_unstable();
    expected.sort_unstable();
    assert_eq!(seen, expected);

    // Another part of nothing that is held is no part.
    held.ids.clear();
    let back = View { query: query(0), held: Some(held) };
    say(&mut socket, &ClientMessage::Watch(back)).await;
    assert_eq!(part_of(&mut socket).await.held.ids, newest_first[..5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_a_held_list_is_named_whether_it_is_shown_or_not() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut users = Vec::new();
    for _ in 0..20 {
        server.clock.advance(Duration::from_secs(1));
        users.push(SessionId(server.signed_in("anna", SessionType::Browser).await.id));
    }
    let newest_first: Vec<_> = users.iter().rev().copied().collect();
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    let filter = Filter { session_type: None, search: "anna".to_owned() };
    let query = SessionQuery { filter, first: 0, limit: 5, ..SessionQuery::default() };
    let held = Held { as_of: newest_first[0], first: 0, limit: 5, ids: newest_first[..5].to_vec() };
    let view = View { query, held: Some(held) };
    say(&mut socket, &ClientMessage::Watch(view.clone())).await;
    // Whoever comes, goes and becomes active meanwhile changes no place.
    server.clock.advance(Duration::from_secs(1));
    server.signed_in("anna", SessionType::Browser).await;
    for (first, rows, expected) in [(3, 15, &newest_first[3..18]), (18, 9, &newest_first[18..]), (90, 9, &[])] {
        say(&mut socket, &ClientMessage::Range { view: view.clone(), first, rows }).await;
        let part = loop {
            if let ServerMessage::Range(part) = hear(&mut socket).await.unwrap() {
                break part;
            }
        };
        assert_eq!((part.view, part.held.first, part.total), (view.key(), first, 20));
        assert_eq!(part.held.ids, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_sessions_are_no_part_of_a_range() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let mut ids = Vec::new();
    for name in ["anna", "Admin", "ben", "Admin", "anna"] {
        server.clock.advance(Duration::from_secs(1));
        ids.insert(0, SessionId(server.signed_in(name, SessionType::Browser).await.id));
    }
    let mut socket = open(listen(&server).await, &admin).await;
    let held = Held { as_of: ids[0], first: 0, limit: 2, ids: ids[..2].to_vec() };
    let view = View { query: SessionQuery { limit: 2, ..SessionQuery::default() }, held: Some(held) };
    say(&mut socket, &ClientMessage::Watch(view.clone())).await;
    say(&mut socket, &ClientMessage::Range { view, first: 0, rows: 5 }).await;
    let part = loop {
        if let ServerMessage::Range(part) = hear(&mut socket).await.unwrap() {
            break part;
        }
    };
    assert_eq!((part.held.ids, part.total), (vec![ids[0], ids[2], ids[4]], 6));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_is_asked_for_again_knows_of_every_change_so_far() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    let (mut first, mut second) = (open(address, &admin).await, open(address, &admin).await);
    say(&mut first, &ClientMessage::Watch(everything())).await;
    let mut state = Snapshot::default();
    for number in 2..12 {
        let newest = server.signed_in("anna", SessionType::Browser).await.id;
        follow(&mut first, &mut state, |state| state.total == number).await;
        let before = server.signed_in("ben", SessionType::Browser).await.id;
        say(&mut second, &ClientMessage::Watch(everything())).await;
        let seen = loop {
            match hear(&mut second).await.unwrap() {
                ServerMessage::Snapshot(seen) if seen.view == everything().key() => break seen,
                _of_the_view_before => {}
            }
        };
        assert_eq!(seen.as_of, SessionId(before));
        admin.delete(&format!("/api/v1/sessions/{before}")).await;
        say(
            &mut second,
            &ClientMessage::Watch(View {
                query: SessionQuery { first: newest, ..SessionQuery::default() },
                held: None,
            }),
        )
        .await;
        hear(&mut second).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_for_idle_sessions_follows_the_clock_without_any_change() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    server.signed_in("anna", SessionType::Browser).await;
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    let filter = Filter { session_type: None, search: "anna idle>5m".to_owned() };
    let query = SessionQuery { filter, ..SessionQuery::default() };
    say(&mut socket, &ClientMessage::Watch(View { query, held: None })).await;
    let mut state = Snapshot::default();
    follow(&mut socket, &mut state, |state| state.counts.active_sessions() == 2).await;
    assert_eq!(state.total, 0);
    server.clock.advance(Duration::from_secs(5 * 60 + 1));
    follow(&mut socket, &mut state, |state| state.total == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_follow_their_own_sessions_and_no_others() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let address = listen(&server).await;
    let mut socket = open(address, &anna).await;
    say(&mut socket, &ClientMessage::WatchOwn).await;
    let mut state = Snapshot::default();
    follow(&mut socket, &mut state, |state| state.sessions.len() == 1).await;
    server.signed_in("ben", SessionType::Browser).await;
    let other = server.signed_in("anna", SessionType::Browser).await;
    follow(&mut socket, &mut state, |state| state.sessions.len() == 2).await;
    assert!(state.sessions.iter().all(|session| &*session.username == "anna"));
    assert_eq!((state.total, state.counts), (0, Counts::default()), "nor how many others there are");
    admin.delete(&format!("/api/v1/sessions/{}", other.id)).await;
    follow(&mut socket, &mut state, |state| state.sessions.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_a_deleted_session_closes_and_says_why() {
    let server = TestServer::start().await;
    let (admin, anna) = (server.admin().await, server.user("anna").await);
    let address = listen(&server).await;
    let mut socket = open(address, &anna).await;
    admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    let closed = hear(&mut socket).await.unwrap_err();
    assert_eq!((u16::from(closed.code), closed.reason.as_str()), (4401, "deleted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_may_not_watch() {
    let server = TestServer::start().await;
    let anna = server.user("anna").await;
    let address = listen(&server).await;
    let range = ClientMessage::Range { view: held_at_first(), first: 0, rows: 1 };
    for asks in [ClientMessage::Watch(everything()), range] {
        let mut socket = open(address, &anna).await;
        say(&mut socket, &asks).await;
        assert_eq!(u16::from(hear(&mut socket).await.unwrap_err().code), 4403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_cannot_be_read_closes_the_socket() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    let watch = wire::encode(&ClientMessage::Watch(everything()));
    let cut = watch[..watch.len() - 1].to_vec();
    let held = Held { as_of: SessionId(9), first: 0, limit: 50, ids: [7, 8, 7].map(SessionId).to_vec() };
    let twice = wire::encode(&ClientMessage::Watch(View { held: Some(held), ..everything() }));
    let range = |view, rows| wire::encode(&ClientMessage::Range { view, first: 0, rows });
    let mut other_release = watch;
    other_release[0] ^= 1;
    for (message, code) in [
        (Message::text("{}"), 1003),
        (Message::binary(cut), 1008),
        (Message::binary(twice), 1008),
        (Message::binary(range(everything(), 1)), 1008),
        (Message::binary(range(held_at_first(), MAX_RANGE + 1)), 1008),
        (Message::binary(wire::encode(&99_u8)), 1008),
        (Message::binary(other_release), CLOSE_OTHER_VERSION),
    ] {
        let mut socket = open(address, &admin).await;
        socket.send(message).await.unwrap();
        assert_eq!(u16::from(hear(&mut socket).await.unwrap_err().code), code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streaming_is_not_activity_but_input_is() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    let began = server.state.sessions.now();
    server.clock.advance(Duration::from_secs(60));
    say(&mut socket, &ClientMessage::Watch(everything())).await;
    let mut state = Snapshot::default();
    follow(&mut socket, &mut state, |state| state.total == 1).await;
    assert_eq!(state.sessions[0].last_active_at, began);
    say(&mut socket, &ClientMessage::Active).await;
    let now = server.state.sessions.now();
    follow(&mut socket, &mut state, |state| state.sessions[0].last_active_at == now).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_the_server_closes_live_sockets() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    let mut socket = open(address, &admin).await;
    say(&mut socket, &ClientMessage::Watch(everything())).await;
    hear(&mut socket).await.unwrap();
    server.state.shutdown.cancel();
    server.state.tasks.close();
    let stopped = tokio::time::timeout(Duration::from_secs(3), server.state.tasks.wait());
    let (stopped, closed) = futures_util::future::join(stopped, hear(&mut socket)).await;
    stopped.expect("nothing is left to wait for");
    assert_eq!(u16::from(closed.unwrap_err().code), 1001);
}
