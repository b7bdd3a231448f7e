//! Node and the npm packages of `end2end`: the browser tests and the tools that make the console smaller.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::assets::sha256;
use crate::files;
use crate::steps::{answer, on_path, run_quietly, say};
use crate::workspace::Workspace;

/// The oldest release that the packages run on.
const OLDEST: u32 = 20;

/// A usable Node and the folder whose packages it runs.
pub(crate) struct Node {
    folder: PathBuf,
}

impl Node {
    /// `None` unless Node is recent enough and has its npm.
    pub(crate) fn find(workspace: &Workspace) -> Option<Self> {
        let version = answer(Command::new("node").arg("--version"))?;
        let usable = major(&version)? >= OLDEST && on_path(NPM).is_some();
        usable.then(|| Self { folder: workspace.path("end2end") })
    }

    /// Node with its packages installed, or `None` after a line that says why not.
    pub(crate) fn if_usable(workspace: &Workspace) -> Option<Self> {
        let Some(node) = Self::find(workspace) else {
            say(format!("Node {OLDEST} or newer with npm not found"));
            return None;
        };
        match node.install_packages() {
            Ok(()) => Some(node),
            Err(error) => {
                say(format!("going on without Node's packages: {error:#}"));
                None
            }
        }
    }

    /// Installs what the lock file names, unless that is what is installed.
    pub(crate) fn install_packages(&self) -> Result<()> {
        let lock = sha256(&self.packages()?);
        let stamp = self.folder.join("node_modules/.keepwatch-lock");
        if files::read(&stamp).is_ok_and(|installed| installed == lock.as_bytes()) {
            return Ok(());
        }
        say("installing the npm packages of end2end");
        run_quietly(
            Command::new(NPM)
                .args(["ci", "--no-audit", "--no-fund"])
                .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")
                .current_dir(&self.folder),
        )?;
        files::write(&stamp, lock)
    }

    /// The lock file: which packages, to the byte.
    pub(crate) fn packages(&self) -> Result<Vec<u8>> {
        files::read(&self.folder.join("package-lock.json"))
    }

    /// A program of an installed package, to be run in `end2end`.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let program = if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() };
        let mut command = Command::new(self.folder.join("node_modules/.bin").join(program));
        command.current_dir(&self.folder);
        command
    }

    /// What a line of CommonJS prints, run in `end2end`; `None` if it fails.
    pub(crate) fn evaluate(&self, script: &str) -> Option<String> {
        answer(Command::new("node").args(["--input-type=commonjs", "--eval", script]).current_dir(&self.folder))
    }
}

const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The 20 in `v20.11.1`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_release_is_read_from_what_node_prints() {
        assert_eq!(major("v20.11.1\n"), Some(20));
        assert_eq!(major("v8.0.0"), Some(8));
        assert_eq!(major("node: not found"), None);
    }
}
