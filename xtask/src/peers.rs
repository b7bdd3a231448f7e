//! What Keepwatch is measured beside, installed from the usual registries into `target/peers` and `peers/browser`. Of
//! PostgreSQL, the system's is used: without it, the products that need it are left out.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::assets::sha256;
use crate::chromium::{self, Chromium};
use crate::node::Node;
use crate::steps::{on_path, run, run_quietly, say};
use crate::workspace::Workspace;
use crate::{files, keepwatch, site};

/// Redis with all that it links, as Debian has it.
const REDIS: [&str; 8] =
    ["redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblua5.1-0", "liblzf1", "lua-bitop", "lua-cjson"];

/// Measures Keepwatch beside other session stores and lists.
///
/// # Errors
/// Something cannot be installed, or a product answers wrongly.
pub(crate) fn sessions(workspace: &Workspace, long: bool, arguments: Vec<OsString>) -> Result<()> {
    let python = python(workspace)?;
    say("building the session libraries for Rust");
    let manifest = workspace.path("peers/Cargo.toml");
    let mut build = workspace.cargo("build --release --locked --manifest-path");
    run(build.arg(manifest).arg("--target-dir").arg(workspace.target("peers/rust")))?;

    site::build(workspace, Node::if_usable(workspace).as_ref())?;
    let mut bench = workspace.cargo("bench --profile release -p server --bench figures -- peers");
    bench.arg("--launchers").arg(workspace.path("peers")).arg("--python").arg(python);
    if long {
        bench.args(["--sessions", "1000000", "--rounds", "5", "--seconds", "3"]);
    }
    bench.env("PEERS_BIN", workspace.target("peers/rust/release/peers")).env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(redis) = redis(workspace)? {
        bench.env("REDIS_SERVER", redis.server);
        if let Some(libraries) = redis.libraries {
            bench.env("REDIS_LIBRARIES", libraries);
        }
    }
    run(bench.args(arguments))
}

/// Measures the console beside other tables in Chromium.
///
/// # Errors
/// Node or Chromium is missing, something cannot be installed, or a table shows what is not so.
pub(crate) fn browser(workspace: &Workspace, long: bool, arguments: Vec<OsString>) -> Result<()> {
    let node = Node::find(workspace).context("the tables need Node 20 or newer with npm on PATH")?;
    node.install_packages()?;
    site::build(workspace, Some(&node))?;
    keepwatch::build(workspace)?;
    let folder = workspace.path("peers/browser");
    say("installing the npm packages of peers/browser");
    run_quietly(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))?;
    let mut bench = Command::new("node");
    bench.current_dir(&folder).arg("main.mjs").arg("--keepwatch").arg(keepwatch::binary(workspace));
    bench.args(if long { &["--rounds", "7"][..] } else { &["--quick"] });
    if let Chromium::Installed(program) = chromium::find(&node)? {
        bench.env("CHROMIUM_PATH", program);
    }
    run(bench.args(arguments))
}

/// A Python with the launchers' requirements.
fn python(workspace: &Workspace) -> Result<PathBuf> {
    let environment = workspace.target("peers/python");
    let python = environment.join("bin/python");
    let requirements = workspace.path("peers/requirements.txt");
    let wanted = sha256(&files::read(&requirements)?);
    let stamp = environment.join("keepwatch-requirements");
    if !files::read(&stamp).is_ok_and(|installed| installed == wanted.as_bytes()) {
        say("installing the Python packages of peers/requirements.txt");
        run_quietly(Command::new("python3").args(["-m", "venv"]).arg(&environment))
            .context("the peers need Python 3 with its module venv")?;
        run_quietly(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
        files::write(&stamp, wanted)?;
    }
    Ok(python)
}

/// A Redis to start.
struct Redis {
    server: PathBuf,
    /// Where its libraries are, if not where the system's are.
    libraries: Option<PathBuf>,
}

/// The one that is installed, or Debian's, unpacked into a folder of its own; `None` after a line that says why not.
fn redis(workspace: &Workspace) -> Result<Option<Redis>> {
    if let Some(server) = on_path("redis-server") {
        return Ok(Some(Redis { server, libraries: None }));
    }
    let folder = workspace.target("peers/redis");
    if !folder.exists() {
        say("unpacking Debian's Redis");
        let unfinished = workspace.target("peers/redis.new");
        if let Err(error) = unpack_redis(&unfinished) {
            say(format!("going on without Redis: {error:#}"));
            return Ok(None);
        }
        files::swap_folder(&unfinished, &folder)?;
    }
    Ok(Some(Redis {
        server: folder.join("usr/bin/redis-server"),
        libraries: Some(folder.join(format!("usr/lib/{}-linux-gnu", env::consts::ARCH))),
    }))
}

fn unpack_redis(folder: &Path) -> Result<()> {
    files::empty_folder(folder)?;
    run_quietly(Command::new("apt-get").arg("download").args(REDIS).current_dir(folder))?;
    for entry in fs::read_dir(folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            run_quietly(Command::new("dpkg-deb").arg("-x").arg(&package).arg(folder))?;
        }
    }
    Ok(())
}
