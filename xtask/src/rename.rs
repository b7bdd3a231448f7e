//! Short names between the WebAssembly and its JavaScript: wasm-bindgen's carry a hash each, which no compression
//! shortens, in both files.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use walrus::ModuleConfig;

use crate::bindgen::Bound;
use crate::files;

/// How the names begin that only these two files know.
const INTERNAL: &str = "__wb";
/// Part of the names of what JavaScript could call and does not: streams as bodies of server functions.
const UNCALLED: &str = "intounderlying";
/// What only [`GROWING`] calls.
const REALLOC: &str = "__wbindgen_realloc";
/// How texts are handed to the WebAssembly: copied character by character into memory that then grows.
const GROWING: &str = "wasm.__wbindgen_malloc, wasm.__wbindgen_realloc)";
/// And how they are without that: encoded by the browser. The data of a page takes a millisecond less, the script is smaller.
const AT_ONCE: &str = "wasm.__wbindgen_malloc)";

/// Gives every import of the WebAssembly a short name, in both files, and has texts handed over at once.
///
/// # Errors
/// One of the files cannot be read or written.
pub(crate) fn shorten(bound: &Bound) -> Result<()> {
    let mut module = ModuleConfig::new()
        .parse(&files::read(&bound.wasm)?)
        .map_err(|error| anyhow!("the console cannot be read: {error:#}"))?;
    let mut js = text(&bound.js)?;
    ensure!(js.contains(GROWING), "wasm-bindgen hands texts over in another way than it did: see GROWING");
    js = js.replace(GROWING, AT_ONCE);
    let is_uncalled = |name: &str| name.contains(UNCALLED) || name == REALLOC && !js.contains(REALLOC);
    let exports: Vec<_> =
        module.exports.iter().filter(|export| is_uncalled(&export.name)).map(|export| export.id()).collect();
    exports.into_iter().for_each(|export| module.exports.delete(export));
    let mut names: Vec<_> = module.imports.iter_mut().filter(|import| import.name.starts_with(INTERNAL)).collect();
    // The longest first: none is then part of one that is still to be renamed.
    names.sort_by_key(|import| std::cmp::Reverse(import.name.len()));
    for (number, import) in names.into_iter().enumerate() {
        // No name of JavaScript's own, nor one that esbuild gives, begins so.
        let short = format!("_{number}_");
        js = js.replace(&import.name, &short);
        import.name = short;
    }
    files::write(&bound.wasm, module.emit_wasm())?;
    files::write(&bound.js, js)
}

fn text(file: &Path) -> Result<String> {
    String::from_utf8(files::read(file)?).with_context(|| format!("{} is no text", file.display()))
}
