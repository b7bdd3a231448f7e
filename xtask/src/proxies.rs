//! The reverse proxies that the browser tests run: those of the machine, else Debian's, unpacked and not installed, so that
//! no server is started and nothing of the machine is changed.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

use crate::debian::Apt;
use crate::steps::{run_quietly, say};
use crate::workspace::Workspace;

const PROGRAMS: [&str; 3] = ["nginx", "caddy", "haproxy"];
/// Where Debian keeps servers: not on everybody's `PATH`.
const SERVERS: &str = "/usr/sbin";

/// Where programs and their libraries are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Proxies {
    programs: Vec<PathBuf>,
    libraries: Vec<PathBuf>,
}

impl Proxies {
    /// Finds the proxies or fetches them. Without them their tests are skipped.
    pub(crate) fn find(workspace: &Workspace) -> Self {
        let on_machine = Self { programs: vec![SERVERS.into()], ..Self::default() };
        if on_machine.are_complete() {
            return on_machine;
        }
        let folder = workspace.target("proxies");
        let unpacked = Self::unpacked_in(&folder.join("root"));
        if unpacked.are_complete() {
            return unpacked;
        }
        match fetch(&folder) {
            Ok(()) => Self::unpacked_in(&folder.join("root")),
            Err(error) => {
                say(format!("{error:#}: tests behind proxies that are not on this machine are skipped"));
                on_machine
            }
        }
    }

    /// Has a command find them.
    pub(crate) fn put_on_path(&self, command: &mut Command) {
        command.env("PATH", joined(self.folders()));
        if !self.libraries.is_empty() {
            command.env("LD_LIBRARY_PATH", joined(self.libraries.clone()));
        }
    }

    fn unpacked_in(root: &Path) -> Self {
        let programs = vec![root.join("usr/sbin"), root.join("usr/bin"), SERVERS.into()];
        let below = fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten().map(|entry| entry.path());
        Self { programs, libraries: below.filter(|path| path.is_dir()).collect() }
    }

    fn are_complete(&self) -> bool {
        let folders = self.folders();
        PROGRAMS.iter().all(|program| folders.iter().any(|folder| folder.join(program).is_file()))
    }

    /// Those of the machine come first.
    fn folders(&self) -> Vec<PathBuf> {
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).chain(self.programs.iter().cloned()).collect()
    }
}

fn joined(folders: Vec<PathBuf>) -> OsString {
    env::join_paths(folders).unwrap_or_default()
}

fn fetch(folder: &Path) -> Result<()> {
    let apt = Apt::find().context("nginx, caddy or haproxy is missing, and there is no apt-get that may be used")?;
    let archives = folder.join("archives");
    fs::create_dir_all(archives.join("partial"))?;
    apt.download(&PROGRAMS, &archives)?;
    let packages: Vec<_> = fs::read_dir(&archives)?.flatten().map(|entry| entry.path()).collect();
    let packages: Vec<_> = packages.iter().filter(|path| path.extension().is_some_and(|end| end == "deb")).collect();
    ensure!(!packages.is_empty(), "apt-get has fetched nothing");
    for package in packages {
        run_quietly(Command::new("dpkg").arg("-x").arg(package).arg(folder.join("root")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_unpacked_is_found_behind_what_the_machine_has() {
        let root = env::temp_dir().join(format!("keepwatch-proxies-{}", std::process::id()));
        fs::create_dir_all(root.join("usr/sbin")).unwrap();
        fs::create_dir_all(root.join("usr/lib/x86_64-linux-gnu")).unwrap();
        for program in PROGRAMS {
            fs::write(root.join("usr/sbin").join(program), "").unwrap();
        }
        let proxies = Proxies::unpacked_in(&root);
        assert!(proxies.are_complete());
        assert_eq!(proxies.libraries, [root.join("usr/lib/x86_64-linux-gnu")]);
        let mut command = Command::new("true");
        proxies.put_on_path(&mut command);
        let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value).unwrap();
        let (of_machine, after) = (env::var_os("PATH").unwrap(), path.to_string_lossy());
        assert!(after.starts_with(&*of_machine.to_string_lossy()) && after.contains("usr/sbin"), "{after}");
        fs::remove_dir_all(root).unwrap();
    }
}
