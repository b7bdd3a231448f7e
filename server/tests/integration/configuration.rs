//! Settings from flags, variables and a file, and docs/configuration.md, which says what there is.

use std::{fmt::Write, fs, path::Path};

use clap::{Arg, CommandFactory};
use server::config::{Cli, Command, Config, settings};
use tempfile::TempDir;

use crate::program::{Running, keepwatch, run, text};

const INTRODUCTION: &str = "# Configuration

Each setting can be given in three places; the first that has it counts:

1. a flag: `keepwatch serve --idle-minutes 20`; one that takes several values is repeated,
2. a variable: `KEEPWATCH_IDLE_MINUTES=20`; several values stand behind each other with commas,
3. a TOML file, named by `--config FILE` or `KEEPWATCH_CONFIG`.

A setting has the name of its flag in the file. All three are validated before anything is opened; an unknown name or a value that
cannot be used ends the start with a line that says what to change.

```toml
";

const EXAMPLE: &str = r#"listen = "127.0.0.1:3000"
data-dir = "/var/lib/keepwatch"
public-url = "https://keepwatch.example.org"
server-name = "keep-01"
idle-minutes = 20
idle-minutes-of = { browser = 60 }
sessions-per-user = 10
application = ["https://wiki.example.org", "https://git.example.org"]
cookie-domain = "example.org"
trusted-proxy = ["127.0.0.1", "10.0.0.0/8"]
log-format = "json"
"#;

const END: &str = "
`keepwatch demo` takes the same settings but for `data-dir`; `user`, `backup` and `restore` take `data-dir` and those of the log.

## The log

goes to standard error, a line an event: for people, or with `log-format = \"json\"` one JSON object each. It names users, sessions by
their public id and client addresses; never a token, a password or a hash of one.

## Backup

    keepwatch backup FILE --data-dir DIR     # while the server runs, or not; `-` is standard output
    keepwatch restore FILE --data-dir DIR    # while it is stopped; --replace where there are accounts already

A backup holds the accounts and the lock: it is small, replaces an earlier one only when it is whole, and carries a checksum. Keep it as
safe as the data directory, for the password hashes are in it. It is asked for through `keepwatch.sock` in the data directory, which answers the
user that the server runs as, and root. **A backup holds no sessions**: it knows nothing of what was deleted after it was made, so restoring it
ends all sessions, app passwords and client tokens, and session ids go on beyond all that may have been handed out. What is denied stays denied: accounts that are
disabled in the data directory, and its lock. Passwords and roles are those of the backup, and accounts that were deleted since are there again.

If `keepwatch.redb` is damaged, the server does not start and says so: move the file away, then restore.

## Metrics

`/metrics` is Prometheus text, for administrators and for client tokens with the scope `metrics` (see [api.md](api.md)):

```yaml
scrape_configs:
  - job_name: keepwatch
    authorization: { credentials_file: /etc/prometheus/keepwatch-token }
    static_configs: [{ targets: [\"127.0.0.1:3000\"] }]
```

| metric | is |
|---|---|
";

fn document() -> String {
    let mut text = format!("{INTRODUCTION}{EXAMPLE}```\n\n| setting | variable | default | |\n|---|---|---|---|\n");
    for setting in settings(&Cli::command()) {
        let name = setting.get_long().unwrap();
        let variable = setting.get_env().unwrap().to_str().unwrap();
        let help = setting.get_help().unwrap().to_string();
        let (help, default) = match help.split_once(" [default: ") {
            Some((help, default)) => (help.to_owned(), default.trim_end_matches(']').to_owned()),
            None => (help, default_of(setting)),
        };
        let values: Vec<_> =
            setting.get_possible_values().iter().map(|value| format!("`{}`", value.get_name())).collect();
        let values = if values.is_empty() { String::new() } else { format!(": {}", values.join(" or ")) };
        writeln!(text, "| `{name}` | `{variable}` | {default} | {help}{values} |").unwrap();
    }
    text + END + &crate::metrics::table()
}

fn default_of(setting: &Arg) -> String {
    let values: Vec<_> = setting.get_default_values().iter().map(|value| value.to_str().unwrap()).collect();
    if values.is_empty() { "none".to_owned() } else { format!("`{}`", values.join(",")) }
}

#[test]
fn the_document_says_what_there_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let document = document();
    if std::env::var_os("KEEPWATCH_WRITE_DOCS").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(written == document, "docs/configuration.md is not up to date: run this test with KEEPWATCH_WRITE_DOCS=1");
}

fn config_of(file: &str, arguments: &[&str]) -> Result<Config, String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("keepwatch.toml");
    fs::write(&path, file).unwrap();
    let path = path.to_str().unwrap();
    let all: Vec<_> = ["keepwatch", "serve", "--config", path].into_iter().chain(arguments.iter().copied()).collect();
    let cli = Cli::read(all).map_err(|error| error.to_string())?;
    let Command::Serve(serve) = cli.command else { panic!("not serve") };
    serve.into_config().map_err(|error| error.to_string())
}

#[test]
fn the_example_of_the_document_is_understood() {
    let config = config_of(EXAMPLE, &[]).unwrap();
    assert_eq!(config.data_dir, Path::new("/var/lib/keepwatch"));
    assert_eq!(config.applications.len(), 2);
    assert_eq!(config.sessions_per_user, Some(10));
    assert!(config.proxies.contains([10, 1, 2, 3].into()) && config.proxies.contains([127, 0, 0, 1].into()));
    let minutes = config.lifetimes.0.map(|lifetime| lifetime.idle_timeout.as_secs() / 60);
    assert_eq!(minutes, [20, 60, 20]);
}

#[test]
fn flags_come_before_the_file() {
    let file = "server-name = \"of-file\"\nidle-minutes = 5\napplication = [\"https://a.example.org\"]";
    let config = config_of(file, &["--server-name", "of-flag", "--application", "https://b.example.org"]).unwrap();
    assert_eq!(config.server_name, "of-flag");
    assert_eq!(config.applications.len(), 1, "a flag replaces the list of the file: {:?}", config.applications);
    assert_eq!(config.lifetimes.0[0].idle_timeout.as_secs(), 300);
}

#[test]
fn variables_come_before_the_file_and_flags_before_variables() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("keepwatch.toml");
    fs::write(&file, "listen = \"127.0.0.1:1\"\nlog = \"debug\"\nlog-format = \"json\"").unwrap();
    let start = |arguments: &[&str]| {
        let mut command = keepwatch(&dir.path().join("data"), arguments);
        command.env("KEEPWATCH_CONFIG", &file).env("KEEPWATCH_LISTEN", "0.0.0.0:2");
        command
    };
    let refused = text(&start(&["serve"]).output().unwrap().stderr);
    assert!(refused.contains("--listen 0.0.0.0:2 can be reached by others"), "{refused}");
    let mut server = Running::of(start(&["serve", "--listen", "127.0.0.1:0"]));
    assert!(server.address().starts_with("127.0.0.1:"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_what_to_change() {
    for (file, words) in [
        ("idle-minuts = 5", "there is no setting 'idle-minuts'; there are data-dir, listen"),
        ("config = \"other.toml\"", "there is no setting 'config'"),
        ("replace = true", "there is no setting 'replace'"),
        ("idle-minutes = 0", "invalid value '0' for '--idle-minutes"),
        ("idle-minutes = 1.5", "'idle-minutes' must be a text, a whole number"),
        ("idle-minutes-of = { tv = 5 }", "invalid value 'tv=5'"),
        ("listen = [\"127.0.0.1:1\", \"127.0.0.1:2\"]", "'listen' takes one value"),
        ("listen = ", "line 1"),
        ("log = \"server=loud\"", "invalid value 'server=loud' for '--log"),
        ("application = [\"https://wiki.example.org/start\"]", "is not an origin"),
    ] {
        let error = config_of(file, &["--server-name", "keep-01"]).unwrap_err();
        assert!(error.contains(words), "{file}: {error}");
        // Beyond the file, settings are judged together, and called by the names of their flags.
        let is_judged_later = error.contains("--application https");
        assert!(error.contains("keepwatch.toml: ") || is_judged_later, "{file}: {error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
    let dir = TempDir::new().unwrap();
    let missing = run(dir.path(), &["serve", "--config", "/nowhere/keepwatch.toml"], "");
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("/nowhere/keepwatch.toml: No such file"), "{}", text(&missing.stderr));
}

#[test]
fn the_file_serves_the_other_commands_too() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("keepwatch.toml");
    let data = dir.path().join("data");
    fs::write(&file, format!("data-dir = {data:?}\nidle-minutes = 5")).unwrap();
    let cli = Cli::read(["keepwatch", "user", "list", "--config", file.to_str().unwrap()]).unwrap();
    let Command::User(server::config::UserCommand::List { data: read }) = cli.command else { panic!("not list") };
    assert_eq!(read.data_dir, data);
    assert!(Cli::read(["keepwatch", "demo", "--config", file.to_str().unwrap()]).is_ok());
}
