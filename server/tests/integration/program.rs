//! The real binary, and how tests talk to it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

/// The program with these arguments on a data directory, its variables as on a fresh machine.
pub(crate) fn keepwatch(data_dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keepwatch"));
    let set = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KEEPWATCH_"));
    set.for_each(|(name, _)| _ = command.env_remove(name));
    command.args(arguments).arg("--data-dir").arg(data_dir);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub(crate) fn run(data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = keepwatch(data_dir, arguments).spawn().unwrap();
    // What ends before it has read everything may be what is tested.
    _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Runs it and takes it to succeed.
pub(crate) fn run_well(data_dir: &Path, arguments: &[&str], input: &str) -> String {
    let output = run(data_dir, arguments, input);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server that is ended with the value.
pub(crate) struct Running {
    pub(crate) process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts `keepwatch serve` on a free port.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::of(keepwatch(data_dir, &["serve", "--listen", "127.0.0.1:0"]))
    }

    pub(crate) fn of(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self { process, stdout }
    }

    /// The next line of its standard output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Where it listens, once it does.
    pub(crate) fn address(&mut self) -> String {
        loop {
            let line = self.line();
            assert!(!line.is_empty(), "the server has ended: {}", self.log());
            if let Some(address) = line.strip_prefix("listening on http://") {
                return address.to_owned();
            }
        }
    }

    pub(crate) fn terminate(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// What is left of its standard output, once it has ended.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        rest
    }

    /// Its log, once it has ended.
    pub(crate) fn log(&mut self) -> String {
        let mut log = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// Sends one request with a JSON body, or none, and gives back the status and the body of the answer.
pub(crate) fn ask(address: &str, method: &str, path: &str, token: &str, body: Option<&Value>) -> (u16, String) {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned())
}

/// Signs in over REST and gives back the token and the session's id.
pub(crate) fn sign_in(address: &str, username: &str, password: &str) -> (String, u64) {
    let credentials = serde_json::json!({ "username": username, "password": password });
    let (status, body) = ask(address, "POST", "/api/v1/sessions", "", Some(&credentials));
    assert_eq!(status, 201, "{body}");
    let body: Value = serde_json::from_str(&body).unwrap();
    (body["token"].as_str().unwrap().to_owned(), body["session"]["id"].as_u64().unwrap())
}
