//! A compiler for the browser, found or set up without asking.

use std::env;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::debian::Apt;
use crate::distribution_rust;
use crate::steps::{answer, run, run_within, say, starts};
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// Has cargo build the standard library too, from the source that the compiler brings. Unstable, as are some of [`FLAGS`].
const BUILD_STANDARD_LIBRARY: [&str; 2] = ["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"];

/// What a standard library that is built along makes possible, 3 % smaller: a panic ends the page's code at once and says
/// nothing. The browser's log then has a `RuntimeError`.
const FLAGS_WITH_STANDARD_LIBRARY: [&str; 2] = ["-Zunstable-options", "-Cpanic=immediate-abort"];

/// How the console is compiled. The first is what `.cargo/config.toml` says for all. Then, 4 % smaller: a panic says its
/// message without the place in the source, and values that are no texts say nothing (`{:?}`). Last: no two functions
/// become one under either's name, so that functions can be told by theirs. All three are unstable, hence
/// `RUSTC_BOOTSTRAP`. Given in the variable that goes before all others, or a user's settings would take their place.
const FLAGS: [&str; 5] =
    ["--cfg", "erase_components", "-Zlocation-detail=none", "-Zfmt-debug=none", "-Zmerge-functions=disabled"];

/// rustup retries by itself; behind a firewall that swallows packets it would do so for minutes.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// A compiler that can make WebAssembly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compiler {
    /// The one that runs this build, with its own standard library for the browser.
    Running,
    /// The one that runs this build; the standard library is built along with the console: without what only speed needs
    /// and without places in its panics, 6 % smaller.
    RunningWithSource,
    /// Debian's, which builds the standard library itself.
    Distribution,
}

/// What is known about the machine. The last three are only asked while they matter, and say no once tried.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    running_has_source: bool,
    running_has_target: bool,
    distribution_is_installed: bool,
    source_can_be_tried: bool,
    rustup_can_be_tried: bool,
    apt: Option<Apt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Use(Compiler),
    AddSource,
    AddTarget,
    InstallDistribution(Apt),
    GiveUp,
}

/// A compiler that is there is used before another is fetched, and rustup's target is fetched before a second compiler.
fn next_step(facts: Facts) -> Step {
    if facts.running_has_source {
        Step::Use(Compiler::RunningWithSource)
    } else if facts.running_has_target {
        if facts.source_can_be_tried { Step::AddSource } else { Step::Use(Compiler::Running) }
    } else if facts.distribution_is_installed {
        Step::Use(Compiler::Distribution)
    } else if facts.rustup_can_be_tried {
        Step::AddTarget
    } else if let Some(apt) = facts.apt {
        Step::InstallDistribution(apt)
    } else {
        Step::GiveUp
    }
}

/// Builds the package `frontend` and returns its WebAssembly. Its target folder is its own, so that two compilers never
/// replace each other's work.
///
/// # Errors
/// No compiler could be found or set up, or the package does not compile.
pub(crate) fn build_frontend(workspace: &Workspace) -> Result<PathBuf> {
    let is_first_build = !workspace.target("wasm").exists();
    match find(workspace, is_first_build)? {
        Compiler::RunningWithSource => build(workspace, Compiler::RunningWithSource).or_else(|error| {
            // Its dependencies may be out of reach where those of the console are not.
            if !running_has(workspace, &format!("{TARGET}/lib")) {
                return Err(error);
            }
            say(format!("{error:#}"));
            build(workspace, Compiler::Running)
        }),
        compiler => build(workspace, compiler),
    }
}

fn build(workspace: &Workspace, compiler: Compiler) -> Result<PathBuf> {
    let mut cargo = match compiler {
        Compiler::Running => {
            say("building the console: `rustup component add rust-src` would make it a tenth smaller");
            workspace.cargo("build")
        }
        Compiler::RunningWithSource => workspace.cargo("build"),
        Compiler::Distribution => {
            say("building the console with Debian's compiler");
            distribution_rust::cargo_build(workspace)
        }
    };
    let mut flags = FLAGS.to_vec();
    if compiler == Compiler::Running {
        flags.extend(["--cfg", "panics_are_told"]);
    } else {
        cargo.args(BUILD_STANDARD_LIBRARY);
        flags.extend(FLAGS_WITH_STANDARD_LIBRARY);
    }
    let target_folder = workspace.target("wasm");
    cargo.args(["-p", "frontend", "--target", TARGET, "--profile", "wasm-release"]);
    cargo.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    run(cargo.arg("--target-dir").arg(&target_folder))?;
    Ok(target_folder.join(TARGET).join("wasm-release").join("frontend.wasm"))
}

/// Fetches what is missing: the source of the standard library, which the build can do without, only at the first build.
fn find(workspace: &Workspace, is_first_build: bool) -> Result<Compiler> {
    let (mut source_was_tried, mut rustup_was_tried, mut apt_was_tried) = (!is_first_build, false, false);
    loop {
        let mut facts = Facts {
            // The distribution's compiler needs more than its source: that is another way.
            running_has_source: running_has(workspace, "src/rust/library/Cargo.lock")
                && !sysroot(workspace).is_some_and(|sysroot| distribution_rust::is_running(&sysroot)),
            running_has_target: running_has(workspace, &format!("{TARGET}/lib")),
            distribution_is_installed: distribution_rust::is_installed(),
            ..Facts::default()
        };
        if facts.running_has_target && !facts.running_has_source {
            facts.source_can_be_tried = !source_was_tried && starts("rustup");
        } else if !facts.running_has_source && !facts.distribution_is_installed {
            facts.rustup_can_be_tried = !rustup_was_tried && starts("rustup");
            facts.apt = if apt_was_tried { None } else { Apt::find() };
        }
        let attempt = match next_step(facts) {
            Step::Use(compiler) => return Ok(compiler),
            Step::AddSource => {
                source_was_tried = true;
                add_with_rustup(workspace, ["component", "add", "rust-src"])
            }
            Step::AddTarget => {
                rustup_was_tried = true;
                add_with_rustup(workspace, ["target", "add", TARGET])
            }
            Step::InstallDistribution(apt) => {
                apt_was_tried = true;
                apt.install(&distribution_rust::PACKAGES)
            }
            Step::GiveUp => bail!(
                "no Rust compiler for {TARGET}; either run `rustup target add {TARGET}`, \
                 or on Debian run `apt-get install {}` as root",
                distribution_rust::PACKAGES.join(" ")
            ),
        };
        if let Err(error) = attempt {
            say(format!("{error:#}"));
        }
    }
}

/// Whether the running compiler has this among its libraries.
fn running_has(workspace: &Workspace, part: &str) -> bool {
    sysroot(workspace).is_some_and(|sysroot| sysroot.join("lib/rustlib").join(part).exists())
}

/// Where the running compiler has its libraries.
fn sysroot(workspace: &Workspace) -> Option<PathBuf> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let answer = answer(Command::new(rustc).args(["--print", "sysroot"]).current_dir(workspace.root()))?;
    Some(PathBuf::from(answer.trim()))
}

fn add_with_rustup(workspace: &Workspace, what: [&str; 3]) -> Result<()> {
    say(format!("rustup {}", what.join(" ")));
    run_within(RUSTUP_LIMIT, Command::new("rustup").args(what).current_dir(workspace.root()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: Facts = Facts {
        running_has_source: false,
        running_has_target: false,
        distribution_is_installed: false,
        source_can_be_tried: true,
        rustup_can_be_tried: true,
        apt: Some(Apt::AsRoot),
    };

    #[test]
    fn the_running_compiler_comes_first() {
        let facts = Facts { running_has_target: true, distribution_is_installed: true, ..BARE };
        assert_eq!(next_step(facts), Step::AddSource);
        assert_eq!(next_step(Facts { source_can_be_tried: false, ..facts }), Step::Use(Compiler::Running));
        assert_eq!(next_step(Facts { running_has_source: true, ..facts }), Step::Use(Compiler::RunningWithSource));
    }

    #[test]
    fn an_installed_compiler_is_used_without_asking_the_network() {
        let facts = Facts { distribution_is_installed: true, ..BARE };
        assert_eq!(next_step(facts), Step::Use(Compiler::Distribution));
    }

    #[test]
    fn rustup_is_tried_before_a_second_compiler_is_installed() {
        assert_eq!(next_step(BARE), Step::AddTarget);
        assert_eq!(next_step(Facts { rustup_can_be_tried: false, ..BARE }), Step::InstallDistribution(Apt::AsRoot));
    }

    #[test]
    fn nothing_is_tried_twice() {
        let facts = Facts { rustup_can_be_tried: false, apt: None, ..BARE };
        assert_eq!(next_step(facts), Step::GiveUp);
    }
}
