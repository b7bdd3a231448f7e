//! The load generator sends what it is asked for, and fails when a deleted session is let in.

#[path = "../../benches/load/connection.rs"]
mod connection;
#[path = "../../benches/load/generator.rs"]
mod generator;
#[path = "../../benches/load/schedule.rs"]
mod schedule;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use clap::Parser;
use tempfile::TempDir;

use self::generator::{Cli, Report, run};
use crate::program::{Running, ask, run_well, sign_in};

const PASSWORD: &str = "correct horse battery";

/// One second of a load.
fn load(dir: &Path, address: &str) -> anyhow::Result<Vec<Report>> {
    let password = dir.join("password");
    fs::write(&password, PASSWORD).unwrap();
    let rates = "--seconds 1 --sessions 30 --touches 40 --registrations 20 --deletes 10 --sign-ins 1";
    let arguments = ["load", "--address", address, "--username", "root", "--password-file"];
    run(&Cli::parse_from(arguments.into_iter().chain(password.to_str()).chain(rates.split(' '))))
}

#[test]
fn a_load_is_what_was_asked_for() {
    let dir = TempDir::new().unwrap();
    run_well(dir.path(), &["user", "add", "root", "--role", "administrator", "--password-stdin"], PASSWORD);
    let mut server = Running::start(dir.path());
    let address = server.address();
    let reports = load(dir.path(), &address).unwrap();
    let sent = reports.iter().map(|Report { name, rate, delays }| (*name, *rate, delays.answers()));
    let expected = [("touch", 40, 40), ("register", 20, 20), ("delete", 10, 10), ("sign in", 1, 1)];
    assert_eq!(sent.collect::<Vec<_>>(), expected);

    // The server has seen the same, and whoever asks it now, the administrator of the load, and its registered sessions.
    let (token, _) = sign_in(&address, "root", PASSWORD);
    let (_, list) = ask(&address, "GET", "/api/v1/sessions?limit=1", &token, None);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["total"], 2 + 30 + 20 - 10);
    let (_, touched) = ask(&address, "GET", "/api/v1/sessions?q=user:load-&limit=1000", &token, None);
    let touched: serde_json::Value = serde_json::from_str(&touched).unwrap();
    let is_touched = |session: &&serde_json::Value| session["last_active_at"] != session["created_at"];
    assert!(touched["sessions"].as_array().unwrap().iter().filter(is_touched).count() > 10);
}

#[test]
fn what_there_was_no_session_for_is_not_said_to_be_sent() {
    let address = yes_sayer();
    let dir = TempDir::new().unwrap();
    let password = dir.path().join("password");
    fs::write(&password, PASSWORD).unwrap();
    let rates = "--seconds 1 --sessions 0 --touches 9 --registrations 0 --deletes 9 --sign-ins 0";
    let (address, password) = (address.to_string(), password.to_str().unwrap());
    let arguments = ["load", "--address", &address, "--password-file", password].into_iter().chain(rates.split(' '));
    let reports = run(&Cli::parse_from(arguments)).unwrap();
    assert!(reports.iter().all(|report| report.delays.answers() == 0));
}

/// A server that says yes to everything, also for sessions that it has deleted.
fn yes_sayer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let ids = &*Box::leak(Box::new(AtomicU64::new(1)));
    thread::spawn(move || {
        listener.incoming().for_each(|stream| _ = thread::spawn(move || say_yes(stream.unwrap(), ids)))
    });
    address
}

fn say_yes(stream: TcpStream, ids: &AtomicU64) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut head, mut line) = (String::new(), String::new());
        while stream.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
            head += &std::mem::take(&mut line);
        }
        if head.is_empty() {
            return;
        }
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
        stream.read_exact(&mut vec![0; length]).unwrap();
        let id = ids.fetch_add(1, Ordering::Relaxed);
        let (status, body) = match head.split(' ').next() {
            Some("POST") => ("201 Created", format!(r#"{{"token":"t{id}","session":{{"id":{id}}}}}"#)),
            Some("DELETE") => ("204 No Content", String::new()),
            _ => ("200 OK", "{}".to_owned()),
        };
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn a_load_fails_when_a_deleted_session_is_let_in() {
    let dir = TempDir::new().unwrap();
    let error = load(dir.path(), &yes_sayer().to_string()).err().unwrap();
    assert!(format!("{error:#}").contains("was let in after its delete was acknowledged"), "{error:#}");
}

#[test]
fn only_a_server_on_this_machine_is_loaded() {
    let dir = TempDir::new().unwrap();
    let error = load(dir.path(), "192.0.2.1:80").err().unwrap();
    assert_eq!(error.to_string(), "--address 192.0.2.1:80 is not on this machine");
}
