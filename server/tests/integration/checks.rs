//! Checks over real sockets: what is answered on the spot is what the routes answer.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use app::session::SessionType;
use base64::prelude::{BASE64_STANDARD, Engine};
use proptest::{
    option,
    prelude::*,
    sample::{select, subsequence},
    test_runner::TestRunner,
};
use serde_json::json;
use tokio::task::block_in_place;

use crate::{
    live::listen,
    support::{Asker, TestServer},
};

/// A connection of a client that waits for each answer.
struct Connection {
    stream: BufReader<TcpStream>,
}

#[derive(Debug, PartialEq, Eq)]
struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// One that hyper has: its first request was none that is answered on the spot.
    fn of_hyper(address: SocketAddr) -> Self {
        let mut connection = Self::open(address);
        assert_eq!(connection.ask("GET /healthz HTTP/1.1\r\n\r\n").unwrap().status, 200);
        connection
    }

    /// Sends it in one piece; `None` if the connection ends without an answer.
    fn ask(&mut self, request: &str) -> Option<Reply> {
        self.stream.get_mut().write_all(request.as_bytes()).unwrap();
        self.reply()
    }

    fn reply(&mut self) -> Option<Reply> {
        let mut line = || {
            let mut line = String::new();
            self.stream.read_line(&mut line).unwrap();
            line.trim_end().to_owned()
        };
        let status = line();
        let status = status.strip_prefix("HTTP/1.1 ")?[..3].parse().unwrap();
        let headers = std::iter::from_fn(|| {
            let line = line();
            line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))
        });
        let mut reply = Reply { status, headers: headers.collect(), body: String::new() };
        for once in ["content-length", "date"] {
            assert!(reply.headers.iter().filter(|(name, _)| name == once).count() <= 1, "{reply:?}");
        }
        let mut body = vec![0; reply.header("content-length").parse().unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap();
        reply.body = String::from_utf8(body).unwrap();
        Some(reply)
    }
}

impl Reply {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// Whether the routes had a part in it: they protect pages, and what a check says is none.
    fn is_of_routes(&self) -> bool {
        !self.header("x-frame-options").is_empty()
    }

    /// What must not depend on who answers.
    fn essence(self) -> (u16, String, Vec<(String, String)>) {
        let kept = [
            "allow",
            "cache-control",
            "content-length",
            "content-type",
            "location",
            "remote-",
            "set-cookie",
            "www-authenticate",
        ];
        let headers = self.headers.into_iter().filter(|(name, _)| kept.iter().any(|kept| name.starts_with(kept)));
        let mut headers: Vec<_> = headers.collect();
        headers.sort();
        (self.status, self.body, headers)
    }
}

fn check(headers: &str) -> String {
    format!("GET /forward-auth HTTP/1.1\r\nHost: a\r\n{headers}\r\n")
}

fn introspect(headers: &str, body: &str) -> String {
    let (form, length) = ("application/x-www-form-urlencoded", body.len());
    format!(
        "POST /api/v1/introspect HTTP/1.1\r\nContent-Type: {form}\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn bearer(asker: &Asker<'_>) -> String {
    format!("Authorization: Bearer {}\r\n", asker.token.as_deref().unwrap())
}

fn cookie(asker: &Asker<'_>) -> String {
    format!("Cookie: a=b; keepwatch={}; c=d\r\n", asker.token.as_deref().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_carries_good_checks_bad_ones_and_pages() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let (admin, anna) = (server.admin().await, server.signed_in("anna", SessionType::Browser).await);
    let mut connection = Connection::open(address);

    let mut pass = |headers: &str| block_in_place(|| connection.ask(&check(headers))).unwrap();
    for headers in [cookie(&anna), bearer(&anna)] {
        let reply = pass(&headers);
        assert_eq!((reply.status, reply.header("remote-user"), reply.body.as_str()), (200, "anna", ""));
        assert_eq!((reply.header("remote-role"), reply.header("cache-control")), ("user", "no-store"));
        assert_eq!(reply.header("remote-session"), anna.id.to_string());
        assert_eq!(reply.header("date"), "Fri, 15 Jan 2027 08:00:00 GMT");
        assert!(!reply.is_of_routes());
    }
    assert_eq!(pass("").status, 401);
    assert_eq!(pass(&cookie(&admin)).header("remote-role"), "administrator");

    let token = anna.token.clone().unwrap();
    let ask = introspect(&bearer(&admin), &format!("token={token}"));
    let reply = block_in_place(|| connection.ask(&ask)).unwrap();
    assert!(!reply.is_of_routes());
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&reply.body).unwrap()["session_id"], json!(anna.id));

    // The very next request after the delete is out, on the same connection.
    let deleted = admin.delete(&format!("/api/v1/sessions/{}", anna.id)).await;
    assert_eq!(deleted.status, 204);
    let mut pass = |headers: &str| block_in_place(|| connection.ask(&check(headers))).unwrap();
    assert_eq!(pass(&cookie(&anna)).status, 401);
    assert_eq!(pass(&cookie(&admin)).status, 200);
    let reply = block_in_place(|| connection.ask(&ask)).unwrap();
    assert_eq!((reply.status, reply.body.as_str()), (200, "{\"active\":false}"));

    let page = format!("GET /api/v1/session HTTP/1.1\r\n{}\r\n", bearer(&admin));
    let reply = block_in_place(|| connection.ask(&page)).unwrap();
    assert!(reply.status == 200 && reply.is_of_routes());
    let reply = block_in_place(|| connection.ask(&check(&cookie(&admin)))).unwrap();
    assert!(reply.status == 200 && !reply.is_of_routes(), "a good check passes the routes by, whoever reads it");
    let reply = block_in_place(|| connection.ask(&check(""))).unwrap();
    assert!(reply.status == 401 && reply.is_of_routes());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_plain_is_answered_all_the_same() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let anna = server.signed_in("anna", SessionType::Browser).await;
    let good = cookie(&anna);
    block_in_place(|| {
        let ask = |connection: &mut Connection, request: String| connection.ask(&request).unwrap().status;
        for request in [
            check(&format!("{good}Connection: close\r\n")),
            check(&format!("{good}Connection: x, keep-alive\r\n")),
            check(&format!("{good}Transfer-Encoding: chunked\r\n")) + "0\r\n\r\n",
            check(&format!("{good}Expect: nothing\r\n")),
            check(&good).replace("GET", "OPTIONS"),
            format!("GET /forward-auth?denied=303 HTTP/1.1\r\n{good}\r\n"),
        ] {
            let mut connection = Connection::open(address);
            assert_eq!(ask(&mut connection, check(&good)), 200);
            assert_eq!(ask(&mut connection, request.clone()), 200, "{request}");
        }
        let mut connection = Connection::open(address);
        connection.stream.get_mut().write_all(check(&good).replace("HTTP/1.1", "HTTP/1.0").as_bytes()).unwrap();
        let mut text = String::new();
        connection.stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.0 200 OK\r\n"), "{text}");

        // The live channel opens on a connection that has carried checks.
        let mut connection = Connection::open(address);
        assert_eq!(ask(&mut connection, check(&good)), 200);
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: http://127.0.0.1:3000\r\n";
        let live = format!("GET /live HTTP/1.1\r\nHost: 127.0.0.1\r\n{good}{upgrade}\r\n");
        assert_eq!(ask(&mut connection, live), 101);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_nothing_is_cut_off_and_does_not_hold_up_a_stop() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let anna = server.signed_in("anna", SessionType::Browser).await;
    let request = check(&cookie(&anna));
    let mut connection = Connection::open(address);
    connection.stream.get_mut().set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    // Until neither side's buffers take any more.
    block_in_place(|| while connection.stream.get_mut().write_all(request.as_bytes()).is_ok() {});
    server.state.shutdown.cancel();
    server.state.tasks.close();
    tokio::time::timeout(Duration::from_secs(10), server.state.tasks.wait()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_use_of_a_client_token_is_noted() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let (admin, anna) = (server.admin().await, server.signed_in("anna", SessionType::Browser).await);
    let anna = format!("token={}", anna.token.clone().unwrap());
    let list = |headers: &str| format!("GET /api/v1/sessions HTTP/1.1\r\n{headers}\r\n");
    for scope in ["introspect", "sessions:read"] {
        let wish = json!({"name": "gate", "expires_in_days": 1, "scopes": [scope]});
        let made = admin.post("/api/v1/client-tokens", wish).await.json();
        let headers = format!("Authorization: Bearer {}\r\nUser-Agent: gate/2\r\n", made["token"].as_str().unwrap());
        let request = if scope == "introspect" { introspect(&headers, &anna) } else { list(&headers) };
        let reply = block_in_place(|| Connection::open(address).ask(&request)).unwrap();
        assert!(reply.status == 200 && reply.is_of_routes() == (scope != "introspect"), "{reply:?}");
        let path = format!("/api/v1/sessions/{}", made["session"]["id"]);
        let mut tries = 0;
        loop {
            let session = admin.get(&path).await.json();
            if session["user_agent"] == "gate/2" && session["address"] == "127.0.0.1" {
                break;
            }
            assert!(tries < 200, "the use of {scope} is not noted");
            tries += 1;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_and_several_at_once_are_answered_in_order() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let (admin, anna) = (server.admin().await, server.signed_in("anna", SessionType::Browser).await);
    let both = [check(&cookie(&anna)), check(""), check(&cookie(&admin))].concat();
    block_in_place(|| {
        let mut connection = Connection::open(address);
        let statuses =
            [connection.ask(&both), connection.reply(), connection.reply()].map(|reply| reply.unwrap().status);
        assert_eq!(statuses, [200, 401, 200]);

        for cut in [1, 12, 30, both.len() - 2] {
            let mut connection = Connection::open(address);
            connection.stream.get_mut().write_all(&both.as_bytes()[..cut]).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            let statuses = [connection.ask(&both[cut..]), connection.reply(), connection.reply()];
            assert_eq!(statuses.map(|reply| reply.unwrap().status), [200, 401, 200], "cut at {cut}");
        }

        // More than is read in one piece.
        let long = format!("{}X-Long: {}\r\n", cookie(&anna), "x".repeat(20_000));
        assert_eq!(Connection::open(address).ask(&check(&long)).unwrap().status, 200);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_count_the_same() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let (admin, anna) = (server.admin().await, server.signed_in("anna", SessionType::Browser).await);
    let good = introspect(&bearer(&admin), &format!("token={}", anna.token.clone().unwrap()));
    let unknown = introspect(&bearer(&admin), &format!("token={}", "0".repeat(64)));
    let counted = async || {
        let text = admin.get("/metrics").await.text;
        let is_meant =
            |line: &&str| line.starts_with("keepwatch_checks_total") || line.contains("kind=\"forward_auth\"");
        let is_timing = |line: &&str| line.contains("_bucket") || line.contains("_sum");
        let counts = text.lines().filter(is_meant).filter(|line| !is_timing(line));
        // Its own look at the figures is a check too.
        counts
            .filter_map(|line| line.rsplit_once(' '))
            .map(|(_, count)| count.parse::<i64>().unwrap())
            .collect::<Vec<_>>()
    };
    let mut grown = Vec::new();
    for connect in [Connection::open, Connection::of_hyper] {
        let mut connection = block_in_place(|| connect(address));
        let before = counted().await;
        block_in_place(|| {
            for request in [check(&cookie(&anna)), check("Cookie: keepwatch=0\r\n"), good.clone(), unknown.clone()] {
                connection.ask(&request).unwrap();
            }
        });
        grown.push(counted().await.iter().zip(&before).map(|(after, before)| after - before).collect::<Vec<_>>());
    }
    assert_eq!(grown[0], grown[1]);
    assert!(grown[0].iter().sum::<i64>() >= 9, "{grown:?}");
}

/// Requests of all kinds, put together at random.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_on_the_spot_is_what_the_routes_answer() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let (admin, anna) = (server.admin().await, server.signed_in("anna", SessionType::Browser).await);
    let gone = server.signed_in("anna", SessionType::Browser).await;
    assert_eq!(admin.delete(&format!("/api/v1/sessions/{}", gone.id)).await.status, 204);
    let registered = admin
        .post("/api/v1/sessions", json!({"username": "bert", "session_type": "other", "address": "10.9.0.3"}))
        .await;
    let client = json!({"name": "gate", "expires_in_days": 1, "scopes": ["introspect"]});
    let client = admin.post("/api/v1/client-tokens", client).await;
    let reader = json!({"name": "list", "expires_in_days": 1, "scopes": ["sessions:read"]});
    let reader = admin.post("/api/v1/client-tokens", reader).await;
    let password = admin.post("/api/v1/app-passwords", json!({"name": "mail", "expires_in_days": 1})).await;
    let secret = |answer: &crate::support::Answer, name: &str| {
        answer.json()[name].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
    };
    let tokens = [
        admin.token.clone().unwrap(),
        anna.token.clone().unwrap(),
        gone.token.clone().unwrap(),
        secret(&registered, "token"),
        secret(&client, "token"),
        secret(&reader, "token"),
        secret(&password, "password"),
        "0".repeat(64),
        "A".repeat(64),
        String::new(),
    ];
    let basic = BASE64_STANDARD.encode(format!("Admin:{}", secret(&password, "password")));
    let mut credentials: Vec<String> = tokens
        .iter()
        .flat_map(|token| {
            [
                format!("Authorization: Bearer {token}"),
                format!("cookie: x=y; keepwatch={token}"),
                format!("Cookie: keepwatch={token}"),
            ]
        })
        .collect();
    credentials.extend([
        format!("AUTHORIZATION: bearer {}", tokens[0]),
        format!("Authorization:\tBearer {}", tokens[0]),
        format!("Authorization: Bearer  {}", tokens[0]),
        format!("Authorization: Basic {basic}"),
        "Authorization: Basic !\r\nCookie: keepwatch".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: \u{e9}".to_owned(),
    ]);
    let others = [
        "Host: wiki.example.com",
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8",
        "Content-Type: application/json",
        "Origin: http://127.0.0.1:3000",
        "Origin: https://evil.example.com",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Accept: text/html",
        "X-Original-URL: https://wiki.example.com/a",
        "X-Forwarded-For: 203.0.113.9",
        "User-Agent: curl/8",
        "Connection: keep-alive",
        "Remote-User: Admin",
        "remote_user: Admin",
    ];
    let lines = ["GET", "POST", "PUT", "OPTIONS", "get"].into_iter().flat_map(|method| {
        ["/forward-auth", "/forward-auth/", "/forward-auth?denied=303", "/forward-auth#a", "/forward-auth%20"]
            .into_iter()
            .chain(["/api/v1/introspect", "/api/v1/introspect/batch", "/api/v1/introspect?token=x"])
            .map(move |target| format!("{method} {target} HTTP/1.1"))
    });
    let bodies = tokens.iter().flat_map(|token| {
        [
            format!("token={token}&token_type_hint=x"),
            format!("token_type_hint=x&token={token}"),
            format!("token=%30{token}"),
            format!("token={token}&token={token}"),
            format!("{{\"tokens\":[\"{token}\"]}}"),
        ]
    });
    let odd_bodies =
        bodies.chain(["", "token", "token=\u{e9}", "GET /forward-auth HTTP/1.1\r\n\r\n"].map(str::to_owned));
    let line = prop_oneof![
        2 => Just("GET /forward-auth HTTP/1.1".to_owned()),
        2 => Just("POST /api/v1/introspect HTTP/1.1".to_owned()),
        2 => select(lines.collect::<Vec<_>>()),
    ];
    let form = option::of(Just("Content-Type: application/x-www-form-urlencoded".to_owned()));
    let body = prop_oneof![
        2 => select(tokens.each_ref().map(|token| format!("token={token}")).to_vec()),
        1 => select(odd_bodies.collect::<Vec<_>>()),
    ];
    let good = vec![format!("Authorization: Bearer {}", tokens[0])];
    let credentials = prop_oneof![Just(good), subsequence(credentials, 0..=2)];
    let request = (line, credentials, form, subsequence(others.to_vec(), 0..=2), body);
    let request = request.prop_map(|(line, credentials, form, others, body)| {
        let others = others.into_iter().map(str::to_owned);
        let headers: Vec<_> = credentials.into_iter().chain(form).chain(others).collect();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        format!("{line}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
    });
    let mut on_the_spot = 0;
    block_in_place(|| {
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() });
        let cases = std::cell::Cell::new(0);
        runner
            .run(&request, |request| {
                let spot = Connection::open(address).ask(&request);
                let routes = Connection::of_hyper(address).ask(&request);
                if spot.as_ref().is_some_and(|reply| reply.status == 200 && !reply.is_of_routes()) {
                    cases.set(cases.get() + 1);
                }
                prop_assert_eq!(spot.map(Reply::essence), routes.map(Reply::essence), "{}", request);
                Ok(())
            })
            .unwrap();
        on_the_spot = cases.get();
    });
    assert!(on_the_spot >= 100, "only {on_the_spot} were answered on the spot");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_closes_who_is_idle() {
    let server = TestServer::start().await;
    let address = listen(&server).await;
    let anna = server.signed_in("anna", SessionType::Browser).await;
    let mut connection = Connection::open(address);
    assert_eq!(block_in_place(|| connection.ask(&check(&cookie(&anna)))).unwrap().status, 200);
    server.state.shutdown.cancel();
    assert_eq!(block_in_place(|| connection.reply()), None);
    server.state.tasks.close();
    tokio::time::timeout(Duration::from_secs(5), server.state.tasks.wait()).await.unwrap();
}
