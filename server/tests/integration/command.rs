//! The program as its operator meets it: the real binary.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use tempfile::TempDir;

use crate::program::{Running, keepwatch, run, text};

#[test]
fn the_first_start_prints_the_password_once_and_a_free_port() {
    let dir = TempDir::new().unwrap();
    let mut server = Running::start(dir.path());
    let first = server.line();
    let password = first.strip_prefix("first start: sign in as Admin with password ").expect(&first);
    assert_eq!(password.len(), 19);
    let listening = server.line();
    assert!(listening.starts_with("listening on http://127.0.0.1:") && !listening.ends_with(":0"), "{listening}");
    drop(server);
    let mut again = Running::start(dir.path());
    assert!(again.line().starts_with("listening on"));
}

#[test]
fn the_first_password_comes_from_a_file_and_is_not_printed() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, "a long password\n").unwrap();
    let data = dir.path().join("data");
    let mut command = keepwatch(&data, &["serve", "--listen", "127.0.0.1:0"]);
    command.env("KEEPWATCH_ADMIN_PASSWORD_FILE", &file);
    let mut server = Running::of(command);
    assert!(server.line().starts_with("listening on"));
}

#[test]
fn accounts_are_managed_offline() {
    let dir = TempDir::new().unwrap();
    let added = run(dir.path(), &["user", "add", "anna", "--password-stdin"], "a long password\n");
    assert!(added.status.success(), "{}", text(&added.stderr));
    assert!(
        run(dir.path(), &["user", "add", "root", "--role", "administrator", "--password-stdin"], "a long password")
            .status
            .success()
    );
    assert!(run(dir.path(), &["user", "disable", "Anna"], "").status.success());
    assert!(run(dir.path(), &["user", "passwd", "root", "--password-stdin"], "another password").status.success());
    let list = run(dir.path(), &["user", "list"], "");
    assert_eq!(text(&list.stdout), "anna\tuser\tdisabled\nroot\tadministrator\tenabled\n");
    assert!(run(dir.path(), &["user", "enable", "anna"], "").status.success());
    let taken = run(dir.path(), &["user", "add", "ANNA", "--password-stdin"], "a long password");
    assert_eq!(
        (taken.status.code(), text(&taken.stderr)),
        (Some(1), "keepwatch: there is a user 'ANNA' already\n".to_owned())
    );
    let short = run(dir.path(), &["user", "add", "berta", "--password-stdin"], "short");
    assert!(text(&short.stderr).contains("8 to 1024 bytes"));
    let unknown = run(dir.path(), &["user", "disable", "nobody"], "");
    assert_eq!(text(&unknown.stderr), "keepwatch: there is no user 'nobody'\n");
}

#[test]
fn a_data_directory_in_use_is_refused_with_one_line_that_names_it() {
    let dir = TempDir::new().unwrap();
    let mut server = Running::start(dir.path());
    server.line();
    server.line();
    let second = run(dir.path(), &["serve", "--listen", "127.0.0.1:0"], "");
    let message = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1));
    assert!(message.contains(&dir.path().display().to_string()) && message.contains("another keepwatch"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn a_data_directory_that_cannot_be_made_is_refused_with_one_line() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let refused = run(&file.join("data"), &["serve", "--listen", "127.0.0.1:0"], "");
    let message = text(&refused.stderr);
    assert_eq!((refused.status.code(), message.lines().count()), (Some(1), 1), "{message}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "not a directory");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("keepwatch.redb");
    std::fs::write(&file, "something else").unwrap();
    let refused = run(dir.path(), &["serve", "--listen", "127.0.0.1:0"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "something else");
}

#[test]
fn sigterm_stops_the_server_cleanly() {
    let dir = TempDir::new().unwrap();
    let mut server = Running::start(dir.path());
    server.line();
    server.line();
    server.terminate();
    assert!(server.process.wait().unwrap().success());
    assert_eq!(server.rest(), "");
}

#[test]
fn a_log_filter_that_is_none_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    let mut command = keepwatch(dir.path(), &["user", "disable", "anna"]);
    let refused = command.env("KEEPWATCH_LOG", "server=loud").output().unwrap();
    let error = text(&refused.stderr);
    assert!(!refused.status.success() && error.contains("invalid value 'server=loud' for '--log"), "{error}");
    assert!(error.contains("write, for example, info"), "{error}");
}

#[test]
fn a_log_that_goes_to_no_terminal_has_no_colours() {
    let dir = TempDir::new().unwrap();
    let mut command = keepwatch(dir.path(), &["serve", "--listen", "127.0.0.1:0"]);
    command.env("KEEPWATCH_LOG", "debug");
    let mut server = Running::of(command);
    let mut peer = TcpStream::connect(server.address()).unwrap();
    peer.write_all(b"not HTTP\r\n\r\n").unwrap();
    peer.read_to_end(&mut Vec::new()).unwrap();
    server.terminate();
    server.process.wait().unwrap();
    let log = server.log();
    assert!(log.contains("connection from 127.0.0.1") && !log.contains('\u{1b}'), "{log}");
}
