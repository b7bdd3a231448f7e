//! The JavaScript that loads the WebAssembly. wasm-bindgen is linked in: its version must be the one the console was
//! compiled with, and one Cargo.lock holds both.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use walrus::Module;
use wasm_bindgen_cli_support::Bindgen;

/// What the browser loads, as wasm-bindgen leaves it.
pub(crate) struct Bound {
    /// The WebAssembly.
    pub(crate) wasm: PathBuf,
    /// The module that instantiates it. It is told where the WebAssembly is, because that name holds a hash.
    pub(crate) js: PathBuf,
}

/// Binds WebAssembly for the web, into a folder.
///
/// # Errors
/// Also when a dependency brings JavaScript files of its own: the server has no place for them.
pub(crate) fn bind(wasm: Module, folder: &Path) -> Result<Bound> {
    let mut bindgen = Bindgen::new();
    bindgen
        .web(true)?
        .input_module("console", wasm)
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .omit_default_module_path(true);
    let mut output = bindgen.generate_output().context("wasm-bindgen failed")?;
    let brings_files = output.snippets().values().any(|files| !files.is_empty())
        || !output.local_modules().is_empty()
        || !output.npm_dependencies().is_empty();
    ensure!(!brings_files, "a dependency of the console brings JavaScript files, which nothing serves");
    output.emit(folder).context("wasm-bindgen cannot write its output")?;
    Ok(Bound { wasm: folder.join("console_bg.wasm"), js: folder.join("console.js") })
}
