//! schemathesis, which makes up requests from the OpenAPI document: in a virtual environment below target.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian::Apt;
use crate::steps::{run_quietly, say, starts};
use crate::workspace::Workspace;

/// What is installed from PyPI.
const PACKAGE: &str = "schemathesis==4.32.5";

/// Finds the program or installs it. Without it its test is skipped.
pub(crate) fn find(workspace: &Workspace) -> Option<PathBuf> {
    let folder = workspace.target("schemathesis");
    let program = folder.join("bin/schemathesis");
    if starts(&program) {
        return Some(program);
    }
    match install(&folder) {
        Ok(()) => Some(program),
        Err(error) => {
            say(format!("{error:#}: the test with schemathesis is skipped"));
            None
        }
    }
}

fn install(folder: &Path) -> Result<()> {
    say(format!("installing {PACKAGE}"));
    let environment = || run_quietly(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder));
    if environment().is_err() {
        // Debian keeps the module apart from the language.
        let apt = Apt::find().context("python3 makes no virtual environment")?;
        apt.install(&["python3-venv"])?;
        environment()?;
    }
    run_quietly(Command::new(folder.join("bin/pip")).args(["install", "--quiet", PACKAGE])).map(drop)
}
