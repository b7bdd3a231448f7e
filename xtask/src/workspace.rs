//! Where things are, and the cargo that builds them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The checkout that this build tool belongs to.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout is the folder above this crate, whatever the current directory is.
    pub(crate) fn find() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self { root: package.parent().unwrap_or(package).to_path_buf() }
    }

    /// The folder that holds the workspace's Cargo.toml.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below the root.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// A path below the target folder.
    pub(crate) fn target(&self, relative: &str) -> PathBuf {
        self.root.join("target").join(relative)
    }

    /// The cargo that runs this build tool, in the root, with these words as its first arguments. Its target folder is
    /// always the checkout's, wherever a user's settings point: `cargo xtask build` promises where the binary is. A
    /// user's compiler flags do not count either: both halves of a page must be compiled with those of the checkout.
    pub(crate) fn cargo(&self, words: &str) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(words.split(' ')).current_dir(&self.root);
        command.env("CARGO_TARGET_DIR", self.root.join("target"));
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        command
    }
}
