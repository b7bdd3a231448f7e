//! Tabs that read by fits and starts, or not at all.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use app::{
    live::{ClientMessage, Held, ServerMessage, Snapshot, View},
    session::{Client, SessionId, SessionType, query::SessionQuery},
};
use axum::body::Body;
use http::{Method, header};

use super::{Socket, follow, hear, listen, open, open_narrowly, say};
use crate::support::{Asker, TestServer};

/// Numbers that are the same at every run (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % most
    }
}

/// A tab that reads by fits and starts and asks anew now and then, until it shows what a fresh read gives.
async fn read_until_it_is_fresh(mut socket: Socket, view: View, server: &TestServer, is_quiet: &AtomicBool, seed: u64) {
    let (mut chance, mut state) = (Chance(seed), Snapshot::default());
    say(&mut socket, &ClientMessage::Watch(view.clone())).await;
    loop {
        match hear(&mut socket).await.unwrap() {
            ServerMessage::Snapshot(snapshot) => state = snapshot,
            ServerMessage::Patch(patch) => state.apply(patch),
            ServerMessage::Held(_) | ServerMessage::Range(_) | ServerMessage::Tick(_) => {}
        }
        if is_quiet.load(Ordering::SeqCst) {
            let (sessions, now) = (&server.state.sessions, server.state.sessions.now());
            let mut fresh = sessions.store().list(&view.query, sessions.lifetimes(), now);
            let mut newer = 0;
            if let Some(held) = &view.held {
                let all = SessionQuery { first: 0, limit: 1_000, ..view.query.clone() };
                let all = sessions.store().list(&all, sessions.lifetimes(), now).sessions;
                newer = all.iter().filter(|session| session.id > held.as_of).count() as u64;
                fresh.sessions = sessions.store().get_many(&held.ids);
            }
            let shown = (&state.sessions, state.total, state.counts, state.newer);
            if shown == (&fresh.sessions, fresh.total, fresh.counts, newer) {
                return;
            }
        } else {
            tokio::time::sleep(Duration::from_millis(chance.below(120))).await;
            if chance.below(5) == 0 {
                say(&mut socket, &ClientMessage::Watch(view.clone())).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_read_keeps_nobody_waiting_and_is_sent_the_newest_state_later() {
    const CHANGES: usize = 20;
    /// Views that the stalled tab asks for, half a megabyte each: more than the sockets between hold.
    const WATCHED: usize = 12;
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    for number in 0..1_000 {
        let client = Client::new([10, 0, 0, 7].into(), &format!("{number}{}", "x".repeat(505)));
        server.state.sign_in.establish("Admin".into(), SessionType::Other, client).await.unwrap();
    }
    let view = View { query: SessionQuery::parse("limit=1000").unwrap(), held: None };
    let mut stalled = open_narrowly(address, &admin).await;
    for limit in 1_001 - WATCHED..=1_000 {
        let query = SessionQuery { limit: limit as u32, ..view.query.clone() };
        say(&mut stalled, &ClientMessage::Watch(View { query, held: None })).await;
    }
    let mut other = open(address, &admin).await;
    say(&mut other, &ClientMessage::Watch(view.clone())).await;
    let mut state = Snapshot::default();
    follow(&mut other, &mut state, |state| state.total == 1_001).await;
    for number in 1..=CHANGES {
        server.signed_in("anna", SessionType::Browser).await;
        follow(&mut other, &mut state, |state| state.total == 1_001 + number as u64).await;
    }
    // What the sockets hold, the newest, and what may have come of touches since.
    let (mut late, mut frames) = (Snapshot::default(), 0);
    follow(&mut stalled, &mut late, |late| {
        frames += 1;
        late.total == state.total
    })
    .await;
    assert!(frames < CHANGES, "{frames} frames");
    assert_eq!(late.sessions, state.sessions);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_by_fits_and_starts_ends_up_with_what_a_fresh_read_gives() {
    let server = TestServer::start().await;
    let admin = server.admin().await;
    let address = listen(&server).await;
    let list = |query: &str| View { query: SessionQuery::parse(query).unwrap(), held: None };
    let mut there = Vec::new();
    for session_type in SessionType::ALL.into_iter().cycle().take(9) {
        there.push(server.signed_in("anna", session_type).await);
    }
    let ids: Vec<_> = there.iter().map(|asker: &Asker<'_>| SessionId(asker.id)).collect();
    let odd = [ids[4], ids[1], SessionId(9_999), ids[7]].to_vec();
    let held = |query: &str, as_of: SessionId, ids: Vec<SessionId>| View {
        held: Some(Held { as_of, first: 0, limit: 50, ids }),
        ..list(query)
    };
    let mut views = vec![
        held("", ids[8], ids[2..].to_vec()),
        held("type=browser", ids[3], odd),
        held("sort=username", ids[8], ids.clone()),
        held("q=anna", ids[8], ids.clone()),
    ];
    views.extend(
        ["", "first=3&limit=5", "type=browser", "sort=username", "q=anna", "sort=last_active&limit=1"].map(list),
    );
    let is_quiet = AtomicBool::new(false);
    let mut tabs = Vec::new();
    // Two for each view: what they share, one of them must not spoil for the other.
    for (seed, view) in (0..).zip(views.iter().chain(&views)) {
        tabs.push(read_until_it_is_fresh(open(address, &admin).await, view.clone(), &server, &is_quiet, seed));
    }
    let changing = async {
        let mut chance = Chance(7);
        for _ in 0..300 {
            server.clock.advance(Duration::from_millis(chance.below(900)));
            let which = chance.below(there.len().max(1) as u64) as usize;
            match chance.below(5) {
                0 if !there.is_empty() => {
                    let gone = there.swap_remove(which);
                    admin.delete(&format!("/api/v1/sessions/{}", gone.id)).await;
                }
                1 if !there.is_empty() => _ = there[which].get("/api/v1/session").await,
                2 if !there.is_empty() => {
                    let agent = ["restic/0.18", "DAVx5/4.5"][chance.below(2) as usize];
                    let request = there[which].request(Method::GET, "/api/v1/session");
                    there[which].send(request.header(header::USER_AGENT, agent).body(Body::empty()).unwrap()).await;
                }
                _ => {
                    let name = ["anna", "ben", "carla"][chance.below(3) as usize];
                    let session_type = SessionType::ALL[chance.below(3) as usize];
                    there.push(server.signed_in(name, session_type).await);
                }
            }
            tokio::time::sleep(Duration::from_millis(chance.below(8))).await;
        }
        is_quiet.store(true, Ordering::SeqCst);
        // A last change, of which every tab hears: who is fresh already would wait for ever.
        server.signed_in("anna", SessionType::Browser).await;
    };
    futures_util::future::join(futures_util::future::join_all(tabs), changing).await;
}
