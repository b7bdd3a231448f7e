//! The binary: built with the console embedded, and started.

use std::env;
use std::env::consts::EXE_SUFFIX;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::steps::{run, say};
use crate::workspace::Workspace;

/// Where the release binary is.
pub(crate) fn binary(workspace: &Workspace) -> PathBuf {
    workspace.target("release").join(format!("keepwatch{EXE_SUFFIX}"))
}

/// Builds the binary. It embeds the site as it is now.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    run(&mut workspace.cargo("build --release -p server --bin keepwatch"))
}

/// Starts `keepwatch serve` with its data in the target folder; returns when it ends, if at all.
pub(crate) fn serve(workspace: &Workspace, arguments: Vec<OsString>) -> Result<()> {
    let mut command = Command::new(binary(workspace));
    command.arg("serve");
    let data = workspace.target("keepwatch-data");
    for (option, variable, value) in [
        ("--listen", "KEEPWATCH_LISTEN", Path::new("127.0.0.1:3000")),
        ("--data-dir", "KEEPWATCH_DATA_DIR", data.as_path()),
    ] {
        if !gives(&arguments, option) && env::var_os(variable).is_none() {
            command.arg(option).arg(value);
        }
    }
    replace_process(command.args(arguments))
}

/// Starts `keepwatch demo`; returns when it ends, if at all.
pub(crate) fn demo(workspace: &Workspace, arguments: Vec<OsString>) -> Result<()> {
    replace_process(Command::new(binary(workspace)).arg("demo").args(arguments))
}

/// Whether the arguments hold `option VALUE` or `option=VALUE`. An option given twice would be refused.
fn gives(arguments: &[OsString], option: &str) -> bool {
    arguments.iter().any(|argument| {
        argument == OsStr::new(option)
            || argument.to_string_lossy().strip_prefix(option).is_some_and(|rest| rest.starts_with('='))
    })
}

/// Replaces this process, so that signals and the exit code are the program's own.
#[cfg(unix)]
fn replace_process(command: &mut Command) -> Result<()> {
    use std::os::unix::process::CommandExt;

    say("starting keepwatch");
    let error = command.exec();
    Err(anyhow::Error::new(error).context("cannot start keepwatch"))
}

#[cfg(not(unix))]
fn replace_process(command: &mut Command) -> Result<()> {
    say("starting keepwatch");
    run(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_recognised_in_both_spellings() {
        let arguments = ["--listen=127.0.0.1:0", "--data-dir", "data"].map(OsString::from);
        assert!(gives(&arguments, "--listen"));
        assert!(gives(&arguments, "--data-dir"));
        assert!(!gives(&arguments, "--data"));
        assert!(!gives(&arguments, "--server-name"));
    }
}
