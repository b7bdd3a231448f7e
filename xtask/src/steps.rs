//! Commands as steps: say what happens in a line, run it, and fail with the command line.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, iter, thread};

use anyhow::{Context, Result, bail, ensure};

/// How often a command with a time limit is looked at.
const POLL: Duration = Duration::from_millis(50);

/// Prints one line about what happens next or what was found.
pub(crate) fn say(line: impl Display) {
    println!("xtask: {line}");
}

/// Runs a command that talks to the reader itself.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    ensure!(status.success(), "`{}` failed ({status})", spelled(command));
    Ok(())
}

/// Runs a command whose output matters only when it fails, and returns what it wrote to standard output.
pub(crate) fn run_quietly(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| cannot_start(command))?;
    let written = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        eprint!("{written}{}", String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed ({})", spelled(command), output.status);
    }
    Ok(written)
}

/// Runs a command that may as well fail. The error ends with the last thing the command said.
pub(crate) fn run_within(limit: Duration, command: &mut Command) -> Result<()> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| cannot_start(command))?;
    let stderr = child.stderr.take();
    // Read on the side: a child whose pipe is full would wait for the reader for ever.
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut stderr) = stderr {
            // What arrived before a read error is still worth showing.
            let _ = stderr.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    });
    let end = Instant::now() + limit;
    let outcome = loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            break status.to_string();
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            break format!("stopped after {} s", limit.as_secs());
        }
        thread::sleep(POLL);
    };
    let said = reader.join().unwrap_or_default();
    bail!("`{}` failed ({outcome}): {}", spelled(command), last_line(&said))
}

/// What a command writes to standard output, or `None` if it cannot be started or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program is there and tells its version.
pub(crate) fn starts(program: impl AsRef<OsStr>) -> bool {
    answer(Command::new(program).arg("--version")).is_some()
}

/// The file of this name in the first folder of `PATH` that has one.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start `{}`", spelled(command))
}

/// The command as it would be typed, without its environment.
fn spelled(command: &Command) -> String {
    let words = iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() }
}

fn last_line(said: &str) -> &str {
    said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_spelled_as_it_would_be_typed() {
        let mut command = Command::new("cargo");
        command.args(["test", "--", "two words", ""]);
        assert_eq!(spelled(&command), "cargo test -- 'two words' ''");
    }

    #[test]
    fn the_last_words_of_a_command_skip_blank_lines() {
        assert_eq!(last_line("info: trying\nerror: no network \n\n"), "error: no network");
        assert_eq!(last_line(" \n"), "it said nothing");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_over_its_time_limit_is_stopped() {
        let begun = Instant::now();
        let result = run_within(Duration::from_millis(100), Command::new("sleep").arg("60"));
        assert!(result.is_err());
        assert!(begun.elapsed() < Duration::from_secs(30));
    }

    #[cfg(unix)]
    #[test]
    fn a_tolerated_failure_ends_with_what_the_command_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo no network >&2; exit 3"]);
        let said = run_within(Duration::from_secs(30), &mut command).map_err(|error| error.to_string());
        assert!(said.is_err_and(|error| error.ends_with(": no network")));
    }
}
