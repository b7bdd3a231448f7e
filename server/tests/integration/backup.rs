//! `keepwatch backup` and `restore`: accounts come back, sessions never.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

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
    assert!(run_well(&data, &["restore", &file, "--replace"], "").contains("restored 2 accounts"));

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
    assert!(id > 1 << 32, "what the old directory has handed out since is not handed out again: {id}");
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
    let probe = Command::new("setpriv").args(["--reuid", "65534", "true"]).status();
    if !probe.is_ok_and(|status| status.success()) {
        return;
    }
    let mut server = Running::start(&data);
    server.address();
    for path in [dir.path().to_owned(), data.clone()] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
    }
    fs::set_permissions(data.join("keepwatch.sock"), fs::Permissions::from_mode(0o777)).unwrap();
    let client = Command::new("setpriv")
        .args(["--reuid", "65534", "--clear-groups", env!("CARGO_BIN_EXE_keepwatch"), "backup", "-", "--data-dir"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(!client.status.success() && client.stdout.is_empty(), "{}", text(&client.stdout));
}
