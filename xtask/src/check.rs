//! Everything that `cargo xtask test` verifies, in order; the first failure ends it.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::chromium::{self, Chromium};
use crate::node::Node;
use crate::proxies::Proxies;
use crate::stages::Stages;
use crate::steps::{answer, run, run_quietly, say};
use crate::workspace::Workspace;
use crate::{keepwatch, schemathesis, site};

/// Crates that must not reach the browser: they are the server's.
const SERVER_ONLY: [&str; 3] = ["axum", "redb", "tokio"];

/// Check everything: format, lints, dependencies, tests, and the console in a real browser
#[derive(Args)]
pub(crate) struct Checks {
    /// Leave out the browser tests, and with them the need for Node
    #[arg(long, conflicts_with_all = ["browser_only", "playwright"])]
    skip_browser: bool,
    /// Build, then run only the browser tests
    #[arg(long)]
    browser_only: bool,
    /// Arguments for `playwright test`
    #[arg(last = true)]
    playwright: Vec<OsString>,
}

impl Checks {
    /// Runs the checks and prints how long each stage took.
    ///
    /// # Errors
    /// The first stage that fails; its output has been shown.
    pub(crate) fn run(self, workspace: &Workspace) -> Result<()> {
        let mut stages = Stages::default();
        let node = self.node(workspace)?;
        if !self.browser_only {
            stages.run("format", || run(&mut workspace.cargo("fmt --all --check")))?;
            stages.run("architecture", || architecture(workspace))?;
            stages.run("dependencies", || dependencies(workspace))?;
        }
        // Before anything that compiles the server, which embeds it.
        stages.run("console", || site::build(workspace, node.as_ref()))?;
        if !self.browser_only {
            stages.run("clippy", || clippy(workspace))?;
            stages.run("unit and integration tests", || tests(workspace))?;
        }
        stages.run("binary", || keepwatch::build(workspace))?;
        if let Some(node) = node.filter(|_| !self.skip_browser) {
            let chromium = stages.run("chromium", || chromium::find(&node))?;
            let proxies = stages.run("reverse proxies", || Ok(Proxies::find(workspace)))?;
            let schemathesis = stages.run("schemathesis", || Ok(schemathesis::find(workspace)))?;
            stages.run("types of the browser tests", || run(node.tool("tsc").arg("--noEmit")))?;
            stages.run("browser tests", || {
                let mut playwright = playwright(workspace, &node, &chromium, &self.playwright);
                proxies.put_on_path(&mut playwright);
                if let Some(schemathesis) = schemathesis {
                    playwright.env("SCHEMATHESIS", schemathesis);
                }
                run(&mut playwright)
            })?;
        }
        stages.report();
        println!("all checks passed");
        Ok(())
    }

    /// Asked first: a missing Node should not show after minutes of compiling.
    fn node(&self, workspace: &Workspace) -> Result<Option<Node>> {
        if self.skip_browser {
            return Ok(Node::if_usable(workspace));
        }
        let node = Node::find(workspace).context(
            "the browser tests need Node 20 or newer with npm on PATH; `cargo xtask test --skip-browser` does without",
        )?;
        node.install_packages()?;
        Ok(Some(node))
    }
}

/// The browser's half depends on nothing of the server's.
fn architecture(workspace: &Workspace) -> Result<()> {
    let mut tree = workspace.cargo("tree -p frontend --target wasm32-unknown-unknown -e normal --prefix none");
    let tree = run_quietly(&mut tree)?;
    let found = server_only(&tree);
    ensure!(found.is_empty(), "the browser's half depends on {}, which belongs to the server", found.join(", "));
    Ok(())
}

/// Those of [`SERVER_ONLY`] that begin a line of `cargo tree --prefix none`.
fn server_only(tree: &str) -> Vec<&'static str> {
    let is_in_tree = |name: &&str| tree.lines().any(|line| line.split(' ').next() == Some(*name));
    SERVER_ONLY.into_iter().filter(is_in_tree).collect()
}

/// The rules of deny.toml, where the tool for them is installed.
fn dependencies(workspace: &Workspace) -> Result<()> {
    if answer(&mut workspace.cargo("deny --version")).is_none() {
        say("cargo-deny is not installed: skipped");
        return Ok(());
    }
    run(&mut workspace.cargo("deny check bans licenses sources"))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let clippy = |packages: &str| {
        let mut cargo = workspace.cargo(&format!("clippy {packages} --no-deps -- -D warnings"));
        run(&mut cargo)
    };
    clippy("--profile xtask -p xtask --all-targets")?;
    clippy("--release -p app -p server --all-targets --features app/conformance")?;
    // By themselves: cargo unifies the features of packages built together, and `hydrate` excludes `ssr`.
    clippy("--release -p app -p frontend --features app/hydrate")
}

fn tests(workspace: &Workspace) -> Result<()> {
    // In the profile that this program was built with, which has its dependencies compiled.
    run(&mut workspace.cargo("test --profile xtask -p xtask"))?;
    run(&mut workspace.cargo("test --release -p app -p server --features app/conformance"))
}

fn playwright(workspace: &Workspace, node: &Node, chromium: &Chromium, arguments: &[OsString]) -> Command {
    let mut playwright = node.tool("playwright");
    playwright.arg("test").args(arguments).env("KEEPWATCH_BIN", keepwatch::binary(workspace));
    match chromium {
        Chromium::Installed(program) => playwright.env("CHROMIUM_PATH", program),
        Chromium::Playwrights => playwright.env_remove("CHROMIUM_PATH"),
    };
    playwright
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_of_the_server_is_found_in_a_tree_by_its_whole_name() {
        let tree = "frontend v0.1.0 (frontend)\ntokio-stream v0.1.18\nleptos v0.8.23 (*)\n";
        assert!(server_only(tree).is_empty());
        assert_eq!(server_only(&format!("{tree}tokio v1.52.0\nredb v4.6.0 (*)\n")), ["redb", "tokio"]);
    }
}
