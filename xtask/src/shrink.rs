//! The passes that need Node: they make the same console smaller.

use std::path::Path;

use anyhow::Result;

use crate::files;
use crate::node::Node;
use crate::steps::run_quietly;

/// Optimise for size. One round finds what the one before has made possible, and more so when control flow is taken apart
/// in between: 2 % less than once `-Oz`. Large functions stay apart even if they are called in one place: a browser compiles
/// a function when it is first called, and would compile every page's for the one that is shown. The features are those
/// that rustc uses by default, which wasm-opt must be told to accept.
const WASM_OPT: [&str; 16] = [
    "--flatten",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--flatten",
    "--local-cse",
    "--rereloop",
    "-Oz",
    "-Oz",
    "--one-caller-inline-max-function-size=500",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

const ESBUILD: [&str; 3] = ["--minify", "--legal-comments=none", "--log-level=warning"];

/// Rewrites WebAssembly in place.
pub(crate) fn wasm(node: &Node, file: &Path) -> Result<()> {
    run_quietly(node.tool("wasm-opt").args(WASM_OPT).arg(file).arg("-o").arg(file)).map(drop)
}

/// Rewrites the module that loads the WebAssembly in place: what the document does not import is left out. The format is
/// named so that names at the top level are shortened too.
pub(crate) fn js(node: &Node, file: &Path) -> Result<()> {
    let entry = file.with_extension("entry.js");
    let module = file.file_name().unwrap_or_default().to_string_lossy();
    files::write(&entry, format!("export {{ default, hydrate }} from \"./{module}\";"))?;
    text(node, &["--bundle", "--format=esm"], &entry)?;
    files::write(file, files::read(&entry)?)
}

/// Rewrites a style sheet in place.
pub(crate) fn css(node: &Node, file: &Path) -> Result<()> {
    text(node, &[], file)
}

fn text(node: &Node, options: &[&str], file: &Path) -> Result<()> {
    let mut esbuild = node.tool("esbuild");
    esbuild.arg(file).args(ESBUILD).args(options).arg("--allow-overwrite");
    run_quietly(esbuild.arg(format!("--outfile={}", file.display()))).map(drop)
}
