//! Packages of Debian and Ubuntu, where they can be installed without asking anyone.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::steps::{answer, run_quietly, say};

/// A way to run apt-get with the rights to install.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Apt {
    /// This process is root.
    AsRoot,
    /// sudo answers without a password.
    WithSudo,
}

impl Apt {
    /// `None` on other systems, and for a user who would have to type a password.
    pub(crate) fn find() -> Option<Self> {
        if !Path::new("/usr/bin/apt-get").exists() {
            return None;
        }
        if answer(Command::new("id").arg("-u"))?.trim() == "0" {
            return Some(Self::AsRoot);
        }
        answer(Command::new("sudo").args(["-n", "true"])).map(|_| Self::WithSudo)
    }

    /// Installs packages; never at the price of removing others.
    ///
    /// # Errors
    /// A package that does not exist, a conflict with an installed one, or no network; the output has been shown.
    pub(crate) fn install(self, packages: &[&str]) -> Result<()> {
        say(format!("installing {} with apt-get", packages.join(" ")));
        if let Err(error) = run_quietly(self.command().arg("update")) {
            // One broken source must not matter if the others have the packages.
            say(format!("{error:#}, going on"));
        }
        let options = ["install", "--yes", "--no-install-recommends", "--no-remove"];
        run_quietly(self.command().args(options).args(packages)).map(drop)
    }

    /// Fetches packages, and those they need that are not installed, into a folder, and installs none.
    ///
    /// # Errors
    /// As [`Apt::install`].
    pub(crate) fn download(self, packages: &[&str], folder: &Path) -> Result<()> {
        say(format!("fetching {} with apt-get", packages.join(" ")));
        if let Err(error) = run_quietly(self.command().arg("update")) {
            say(format!("{error:#}, going on"));
        }
        let archives = format!("Dir::Cache::Archives={}/", folder.display());
        let options =
            ["install", "--download-only", "--reinstall", "--yes", "--no-install-recommends", "-o", &archives];
        run_quietly(self.command().args(options).args(packages)).map(drop)
    }

    fn command(self) -> Command {
        // The variable goes through `env`, because sudo clears the environment.
        let apt_get = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"];
        let mut command = match self {
            Self::AsRoot => Command::new(apt_get[0]),
            Self::WithSudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", apt_get[0]]);
                sudo
            }
        };
        command.args(&apt_get[1..]);
        command
    }
}
