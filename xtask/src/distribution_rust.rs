//! Debian's own Rust compiler as a cross compiler.
//!
//! It cannot be given a target by rustup either, but Debian ships the source of the standard library with it, so the
//! library is built for the browser along with the console. That needs `-Zbuild-std`, and so `RUSTC_BOOTSTRAP`.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use crate::steps::answer;
use crate::workspace::Workspace;

/// The packages that make this compiler complete.
pub(crate) const PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
const LINKER: &str = "/usr/bin/wasm-ld-19";
/// Where `-Zbuild-std` looks for the standard library.
const STANDARD_LIBRARY: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// Whether compiler, cargo, source and linker are there, and new enough for this workspace.
pub(crate) fn is_installed() -> bool {
    let is_complete = [CARGO, LINKER, STANDARD_LIBRARY].iter().all(|file| Path::new(file).exists());
    let version = answer(command(RUSTC).arg("--version"));
    // `None`, for no compiler or no number, is less than any release.
    is_complete && version.and_then(|line| release(&line)) >= release(env!("CARGO_PKG_RUST_VERSION"))
}

/// Whether the compiler that runs this build is the distribution's.
pub(crate) fn is_running(sysroot: &Path) -> bool {
    sysroot == Path::new("/usr")
}

/// `cargo build` for a wasm32 target, in the root of the workspace.
pub(crate) fn cargo_build(workspace: &Workspace) -> Command {
    let mut cargo = command(CARGO);
    cargo
        .current_dir(workspace.root())
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", LINKER)
        .arg("build");
    cargo
}

/// A program of the distribution that sees nothing of the toolchain that runs this build.
fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if belongs_to_a_toolchain(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    let mut path = OsString::from("/usr/bin:");
    path.push(env::var_os("PATH").unwrap_or_default());
    command.env("PATH", path);
    command
}

/// Whether a variable chooses or configures a compiler. `cargo run` and rustup set several for their children, among
/// them a library path; how to reach the network and where crates are cached holds for every cargo.
fn belongs_to_a_toolchain(variable: &str) -> bool {
    const OF_ANY_CARGO: [&str; 7] = [
        "CARGO_BUILD_JOBS",
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    const OF_ONE_TOOLCHAIN: [&str; 6] =
        ["CARGO", "LD_LIBRARY_PATH", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"];
    let begins_with = |prefixes: &[&str]| prefixes.iter().any(|prefix| variable.starts_with(prefix));
    begins_with(&OF_ONE_TOOLCHAIN) && !begins_with(&OF_ANY_CARGO)
}

/// Major and minor number out of `rustc 1.96.0 (...)` or `1.90`.
fn release(text: &str) -> Option<(u32, u32)> {
    let version = text.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_as_numbers() {
        assert_eq!(release("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)\n"), Some((1, 96)));
        assert_eq!(release("1.90"), Some((1, 90)));
        assert!(release("rustc 1.100.0") > release("1.90"));
        assert_eq!(release("no version"), None);
    }

    #[test]
    fn the_running_toolchain_is_hidden_and_the_network_settings_are_kept() {
        for hidden in ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER"] {
            assert!(belongs_to_a_toolchain(hidden), "{hidden}");
        }
        for hidden in ["LD_LIBRARY_PATH", "RUSTC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"] {
            assert!(belongs_to_a_toolchain(hidden), "{hidden}");
        }
        for kept in ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_HTTP_PROXY", "CARGO_REGISTRIES_X_INDEX", "HOME", "PATH"]
        {
            assert!(!belongs_to_a_toolchain(kept), "{kept}");
        }
    }
}
