//! `keepwatch backup` and `restore`: accounts come back, sessions never.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;

use crate::program::{Running, ask, run, run_well, sign_in, text};

const PASSWORD: &str = "correct horse battery";

/// A directory with accounts, and a place for backups.
fn directory() -> (TempDir, String) {
    let dir = TempDir::new().unwrap();
    for (name, role) in [("root", "administrator"), ("anna", "user")] {
        run_well(&dir.path().join("data"), &["user", "add", name, "--role", role, "--password-stdin"], PASSWORD);
    }
    let file = dir.path().join("backup").display().to_string();
    (dir, file)
}

#[test]
fn what_has_ended_since_a_backup_stays_ended_when_it_is_restored() {
    let (dir, file) = directory();
    let data = dir.path().join("data");
    let mut server = Running::start(&data);
    let address = server.address();
    let (admin, _) = sign_in(&address, "root", PASSWORD);
    let (deleted, id) = sign_in(&address, "anna", PASSWORD);
    let wish = json!({ "name": "calendar", "expires_in_days": 30 });
    let (status, _) = ask(&address, "POST", "/api/v1/app-passwords", &deleted, Some(&wish));
    assert_eq!(status, 201);

    let told = run_well(&data, &["backup", &file], "");
    assert!(told.contains("2 accounts as of 20"), "{told}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(ask(&address, "DELETE", &format!("/api/v1/sessions/{id}"), &admin, None).0, 204);
    let (later, newest) = sign_in(&address, "anna", PASSWORD);
    let refused = run(&data, &["restore", &file, "--replace"], "");
    assert!(text(&refused.stderr).contains("in use by another keepwatch"), "{}", text(&refused.stderr));
    server.terminate();
    assert!(server.process.wait().unwrap().success());
    run_well(&data, &["user", "disable", "anna"], "");

    let refused = text(&run(&data, &["restore", &file], "").stderr);
    assert!(refused.contains("has 2 accounts already") && refused.contains("--replace"), "{refused}");
    assert!(run_well(&data, &["user", "list"], "").contains("anna\tuser\tdisabled"));
    let told = run_well(&data, &["restore", &file, "--replace"], "");
    assert!(told.contains("restored 2 accounts") && told.contains(&data.display().to_string()), "{told}");
    assert!(told.contains("sign-in of anna stays disabled"), "{told}");
    assert!(run_well(&data, &["user", "list"], "").contains("anna\tuser\tdisabled"));
    run_well(&data, &["user", "enable", "anna"], "");

    let mut server = Running::start(&data);
    let address = server.address();
    for token in [&admin, &deleted, &later] {
        assert_eq!(ask(&address, "GET", "/api/v1/session", token, None).0, 401);
    }
    let (_, id) = sign_in(&address, "anna", PASSWORD);
    assert!(id > newest, "{id} has been handed out before");
    let (admin, _) = sign_in(&address, "root", PASSWORD);
    let (_, list) = ask(&address, "GET", "/api/v1/sessions", &admin, None);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["total"], 2, "{list}");
}

#[test]
fn a_backup_is_taken_with_and_without_a_server_and_moves_to_another_directory() {
    let (dir, file) = directory();
    let data = dir.path().join("data");
    let stopped = run_well(&data, &["backup", "-"], "");
    let mut server = Running::start(&data);
    server.address();
    let running = run_well(&data, &["backup", "-"], "");
    let accounts = |backup: &str| backup.lines().skip(1).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(accounts(&stopped), accounts(&running));
    assert!(!running.contains(PASSWORD));
    // A server that was killed leaves its socket behind.
    server.process.kill().unwrap();
    server.process.wait().unwrap();
    assert!(data.join("keepwatch.sock").exists());
    run_well(&data, &["backup", &file], "");
    // As it is replaced by the next.
    run_well(&data, &["backup", &file], "");

    let other = dir.path().join("other");
    run_well(&other, &["restore", "-"], &fs::read_to_string(&file).unwrap());
    assert_eq!(run_well(&other, &["user", "list"], ""), run_well(&data, &["user", "list"], ""));
    let mut server = Running::start(&other);
    let first = server.line();
    assert!(first.starts_with("listening on"), "no second first administrator: {first}");
    let (_, id) = sign_in(first.strip_prefix("listening on http://").unwrap(), "anna", PASSWORD);
    assert!(id > 1 << 50, "what the old directory has handed out since is not handed out again: {id}");
    server.terminate();
    assert!(server.process.wait().unwrap().success());

    // The same backup once more, elsewhere: what was handed out in between is not handed out again either.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let third = dir.path().join("third");
    run_well(&third, &["restore", &file], "");
    let mut server = Running::start(&third);
    let (_, later) = sign_in(&server.address(), "anna", PASSWORD);
    assert!(later > id + 500_000, "{later} is too near to {id}");
}

#[test]
fn what_cannot_be_used_is_named_and_nothing_is_changed() {
    let (dir, file) = directory();
    let data = dir.path().join("data");
    let refused = |arguments: &[&str], words: &str| {
        let output = run(&data, arguments, "");
        let error = text(&output.stderr);
        assert!(!output.status.success() && error.contains(words), "{arguments:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    };
    fs::write(&file, "my letters").unwrap();
    refused(&["backup", &file], "is there and no backup");
    assert_eq!(fs::read_to_string(&file).unwrap(), "my letters");
    refused(&["restore", &file], "it is no backup of keepwatch");
    refused(&["restore", "/nowhere/backup"], "cannot read /nowhere/backup");
    refused(&["backup", "/nowhere/backup"], "cannot write /nowhere/backup");
    let backup = run_well(&data, &["backup", "-"], "");
    fs::write(&file, &backup[..backup.len() / 2]).unwrap();
    refused(&["restore", &file, "--replace"], "cut off");
    fs::write(&file, backup.replace("\"user\"", "\"boss\"")).unwrap();
    refused(&["restore", &file, "--replace"], "checksum");
    assert!(run_well(&data, &["user", "list"], "").starts_with("anna\tuser\tenabled"));
    let nowhere = run(&dir.path().join("nothing"), &["backup", "-"], "");
    assert!(text(&nowhere.stderr).contains("no keepwatch data"));
    assert!(!dir.path().join("nothing").exists());
}

#[test]
fn a_long_data_directory_has_its_socket_all_the_same() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("d".repeat(120));
    let mut server = Running::start(&data);
    server.address();
    assert!(run_well(&data, &["backup", "-"], "").starts_with("{\"keepwatch_backup\":1"));
    let mode = fs::metadata(data.join("keepwatch.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.terminate();
    assert!(server.process.wait().unwrap().success());
    assert!(!data.join("keepwatch.sock").exists());
}

#[test]
fn no_other_user_gets_a_backup() {
    let (dir, _) = directory();
    let data = dir.path().join("data");
    // Only root can be somebody else.
    let program = env!("CARGO_BIN_EXE_keepwatch");
    let other = |arguments: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--clear-groups", program]).args(arguments);
        command
    };
    if !other(&["--version"]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: the program cannot be run as somebody else");
        return;
    }
    let mut server = Running::start(&data);
    server.address();
    for path in [dir.path().to_owned(), data.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    fs::set_permissions(data.join("keepwatch.sock"), fs::Permissions::from_mode(0o777)).unwrap();
    let client = other(&["backup", "-", "--data-dir"]).arg(&data).output().unwrap();
    let error = text(&client.stderr);
    assert!(!client.status.success() && client.stdout.is_empty(), "{}", text(&client.stdout));
    assert!(error.contains("only the user that the server runs as and root may ask, not user 65534"), "{error}");
}

#[test]
fn a_damaged_store_is_moved_away_and_the_backup_takes_its_place() {
    let (dir, file) = directory();
    let data = dir.path().join("data");
    run_well(&data, &["backup", &file], "");
    let store = data.join("keepwatch.redb");
    fs::write(&store, "something else").unwrap();
    let refused = text(&run(&data, &["restore", &file, "--replace"], "").stderr);
    assert!(refused.contains("move it away, then use `keepwatch restore`"), "{refused}");
    fs::rename(&store, data.join("damaged")).unwrap();
    run_well(&data, &["restore", &file], "");
    assert!(run_well(&data, &["user", "list"], "").contains("anna"));
}

#[test]
fn a_lock_stays_whatever_is_restored() {
    let (dir, file) = directory();
    let data = dir.path().join("data");
    run_well(&data, &["backup", &file], "");
    let mut server = Running::start(&data);
    let address = server.address();
    let (admin, _) = sign_in(&address, "root", PASSWORD);
    lock(&address, &admin);
    server.terminate();
    assert!(server.process.wait().unwrap().success());
    assert!(run_well(&data, &["restore", &file, "--replace"], "").contains("the server stays locked"));
    let mut server = Running::start(&data);
    let credentials = json!({ "username": "anna", "password": PASSWORD });
    assert_eq!(ask(&server.address(), "POST", "/api/v1/sessions", "", Some(&credentials)).0, 403);
}

/// Locks the server as an administrator does on the page Users.
fn lock(address: &str, token: &str) {
    let body = "action=lock&message=Pause";
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST /users HTTP/1.1\r\nhost: {address}\r\norigin: http://{address}\r\ncookie: keepwatch={token}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
}
