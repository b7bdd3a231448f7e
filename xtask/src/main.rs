//! The build of Keepwatch, started as `cargo xtask`.
//!
//! [`check`] is the order of everything that `test` verifies. [`site`] makes the console that the browser loads, with
//! a compiler from [`wasm_toolchain`], [`bindgen`], [`shrink`] and [`assets`]. [`keepwatch`] builds and starts the
//! binary that embeds it. [`node`], [`chromium`] and [`debian`] are what the machine has or can be given. All of it
//! runs commands through [`steps`], in the folders of [`workspace`].

mod assets;
mod bindgen;
mod check;
mod chromium;
mod debian;
mod distribution_rust;
mod files;
mod keepwatch;
mod node;
mod peers;
mod proxies;
mod prune;
mod rename;
mod schemathesis;
mod shrink;
mod site;
mod stages;
mod steps;
mod wasm_toolchain;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::check::Checks;
use crate::node::Node;
use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Builds, starts and tests Keepwatch.")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build Keepwatch and start it on http://127.0.0.1:3000, with its data in target/keepwatch-data
    Run {
        /// Arguments for `keepwatch serve`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Build Keepwatch and start it on a throw-away store of simulated sessions
    Demo {
        /// Arguments for `keepwatch demo`
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Build the release binary with the console embedded: target/release/keepwatch
    Build,
    Test(Checks),
    /// Load a running Keepwatch on this machine over HTTP; `-- --help` says how
    Load {
        /// Arguments for the load
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Measure what docs/benchmarks.md reports
    Bench {
        /// Beside other session stores and lists
        #[arg(long, conflicts_with = "browser")]
        peers: bool,
        /// The console beside other tables, in Chromium
        #[arg(long)]
        browser: bool,
        /// More rounds, and with --peers a million sessions
        #[arg(long)]
        long: bool,
        /// Arguments for the benchmark
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    match perform(Cli::parse().task, &Workspace::find()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: failed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task, workspace: &Workspace) -> Result<()> {
    match task {
        Task::Run { arguments } => {
            build(workspace)?;
            keepwatch::serve(workspace, arguments)
        }
        Task::Demo { arguments } => {
            build(workspace)?;
            keepwatch::demo(workspace, arguments)
        }
        Task::Build => {
            build(workspace)?;
            steps::say(format!("built {}", keepwatch::binary(workspace).display()));
            Ok(())
        }
        Task::Test(checks) => checks.run(workspace),
        Task::Load { arguments } => bench(workspace, "load", arguments),
        Task::Bench { peers: true, long, arguments, .. } => peers::sessions(workspace, long, arguments),
        Task::Bench { browser: true, long, arguments, .. } => peers::browser(workspace, long, arguments),
        Task::Bench { long, mut arguments, .. } => {
            if long {
                arguments.splice(0..0, ["--rounds".into(), "9".into()]);
            }
            bench(workspace, "figures", arguments)
        }
    }
}

/// Builds the console first, because the server embeds it.
fn bench(workspace: &Workspace, name: &str, arguments: Vec<OsString>) -> Result<()> {
    site::build(workspace, Node::if_usable(workspace).as_ref())?;
    let mut bench = workspace.cargo(&format!("bench --profile release -p server --bench {name} --"));
    if name == "figures" {
        proxies::Proxies::find(workspace).put_on_path(&mut bench);
    }
    steps::run(bench.args(arguments))
}

fn build(workspace: &Workspace) -> Result<()> {
    site::build(workspace, Node::if_usable(workspace).as_ref())?;
    keepwatch::build(workspace)
}
