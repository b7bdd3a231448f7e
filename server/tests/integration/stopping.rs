//! The server stops in time, with nothing lost that was acknowledged, and its log tells no secret.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use crate::program::{Running, ask, keepwatch, run_well, sign_in};

const PASSWORD: &str = "correct horse battery";
const TABS: usize = 100;

/// Opens a live tab that says nothing more.
fn tab(address: &str, token: &str) -> TcpStream {
    let mut tab = TcpStream::connect(address).unwrap();
    let upgrade = format!(
        "GET /live HTTP/1.1\r\nhost: {address}\r\ncookie: keepwatch={token}\r\norigin: http://{address}\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    tab.write_all(upgrade.as_bytes()).unwrap();
    let mut answer = [0; 12];
    tab.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    tab
}

#[test]
fn a_hundred_live_tabs_do_not_hold_it_up_and_acknowledged_deletes_stay() {
    let dir = TempDir::new().unwrap();
    run_well(dir.path(), &["user", "add", "root", "--role", "administrator", "--password-stdin"], PASSWORD);
    let mut server = Running::start(dir.path());
    let address = server.address();
    let (admin, _) = sign_in(&address, "root", PASSWORD);
    let tabs: Vec<_> = (0..TABS).map(|_| tab(&address, &admin)).collect();
    let (_, metrics) = ask(&address, "GET", "/metrics", &admin, None);
    assert!(metrics.contains(&format!("keepwatch_live_tabs {TABS}\n")), "{metrics}");
    let registered: Vec<(String, u64)> = (0..300)
        .map(|number| {
            let wish = json!({ "username": format!("user{number}"), "session_type": "other", "address": "10.0.0.1" });
            let (status, body) = ask(&address, "POST", "/api/v1/sessions", &admin, Some(&wish));
            assert_eq!(status, 201, "{body}");
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            (body["token"].as_str().unwrap().to_owned(), body["session"]["id"].as_u64().unwrap())
        })
        .collect();

    let kept: Vec<_> = registered[280..].iter().map(|(token, _)| token.clone()).collect();

    // Four clients delete until the server is gone.
    let acknowledged = Mutex::new(Vec::new());
    let stopping = AtomicBool::new(false);
    let stopped_after = thread::scope(|scope| {
        for sessions in registered[..280].chunks(70) {
            let (address, admin, acknowledged, stopping) = (&address, &admin, &acknowledged, &stopping);
            scope.spawn(move || {
                for (token, id) in sessions {
                    let Ok(mut stream) = TcpStream::connect(address) else { return };
                    let request = format!(
                        "DELETE /api/v1/sessions/{id} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {admin}\r\n\
                         connection: close\r\n\r\n"
                    );
                    let mut answer = String::new();
                    _ = stream.write_all(request.as_bytes());
                    _ = stream.read_to_string(&mut answer);
                    if answer.starts_with("HTTP/1.1 204") {
                        acknowledged.lock().unwrap().push(token.clone());
                    }
                    if !stopping.load(Ordering::Relaxed) {
                        thread::sleep(Duration::from_millis(2));
                    }
                }
            });
        }
        let give_up_at = Instant::now() + Duration::from_secs(20);
        while acknowledged.lock().unwrap().len() < 40 && Instant::now() < give_up_at {
            thread::sleep(Duration::from_millis(1));
        }
        stopping.store(true, Ordering::Relaxed);
        let begun = Instant::now();
        server.terminate();
        assert!(server.process.wait().unwrap().success());
        begun.elapsed()
    });
    assert!(stopped_after < Duration::from_secs(5), "{stopped_after:?}");
    drop(tabs);

    let mut server = Running::start(dir.path());
    let address = server.address();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 40, "{} deletes were acknowledged", acknowledged.len());
    for (token, id) in &registered {
        let (status, _) = ask(&address, "GET", "/api/v1/session", token, None);
        if acknowledged.contains(token) {
            assert_eq!(status, 401, "session {id} is back");
        }
        if kept.contains(token) {
            assert_eq!(status, 200, "session {id} is lost");
        }
    }
}

#[test]
fn the_log_is_json_line_by_line_and_tells_no_secret() {
    let dir = TempDir::new().unwrap();
    run_well(dir.path(), &["user", "add", "root", "--role", "administrator", "--password-stdin"], PASSWORD);
    let mut command = keepwatch(dir.path(), &["serve", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.env("KEEPWATCH_LOG", "trace");
    let stderr = tempfile::NamedTempFile::new().unwrap();
    command.stderr(stderr.reopen().unwrap());
    let mut server = Running::of(command);
    let address = server.address();
    let (admin, _) = sign_in(&address, "root", PASSWORD);
    let wrong = json!({ "username": "root\r\n{\"level\":\"x\u{1b}[2J", "password": "a wrong password" });
    assert_eq!(ask(&address, "POST", "/api/v1/sessions", "", Some(&wrong)).0, 401);
    let secret = |path: &str, wish: &serde_json::Value| {
        let (status, body) = ask(&address, "POST", path, &admin, Some(wish));
        assert_eq!(status, 201, "{body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let secret = body.get("token").or(body.get("app_password")).or(body.get("password")).unwrap();
        secret.as_str().unwrap().to_owned()
    };
    let client_token =
        secret("/api/v1/client-tokens", &json!({ "name": "all", "scopes": ["introspect"], "expires_in_days": 3 }));
    let app_password = secret("/api/v1/app-passwords", &json!({ "name": "calendar", "expires_in_days": 3 }));
    let registered = secret(
        "/api/v1/sessions",
        &json!({ "username": "x", "session_type": "other", "address": "10.0.0.1", "user_agent": "a\r\nb\u{1b}[2J\u{2028}" }),
    );
    let many = json!({ "tokens": [registered, app_password] });
    assert_eq!(ask(&address, "POST", "/api/v1/introspect/batch", &client_token, Some(&many)).0, 200);
    assert_eq!(ask(&address, "DELETE", "/api/v1/session", &registered, None).0, 204);
    let unknown = format!("{}x", &registered[..registered.len() - 1]);
    assert_eq!(ask(&address, "GET", "/api/v1/session", &unknown, None).0, 401);
    server.terminate();
    assert!(server.process.wait().unwrap().success());

    let log = std::fs::read_to_string(stderr.path()).unwrap();
    for secret in [&admin, &client_token, &app_password, &registered, &unknown] {
        assert!(!log.contains(&secret[secret.len() - 20..]), "a token is in the log");
    }
    for secret in [PASSWORD, "a wrong password", "$argon2"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    assert!(log.lines().count() > 5, "{log}");
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(event["level"].is_string() && event["timestamp"].is_string(), "{line}");
        assert!(line.bytes().all(|byte| byte >= b' '), "{line}");
    }
}
