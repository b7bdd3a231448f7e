//! The console as files in `target/site`, which the server embeds when it is compiled.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use crate::assets::{Asset, sha256};
use crate::bindgen::bind;
use crate::node::Node;
use crate::prune::prune;
use crate::rename::shorten;
use crate::steps::say;
use crate::workspace::Workspace;
use crate::{files, shrink, wasm_toolchain};

/// How a site is made. A change here makes another site out of the same inputs.
const RECIPE: [&str; 6] = [
    include_str!("site.rs"),
    include_str!("prune.rs"),
    include_str!("bindgen.rs"),
    include_str!("rename.rs"),
    include_str!("shrink.rs"),
    include_str!("assets.rs"),
];

/// The console's three files.
struct Site {
    js: Asset,
    wasm: Asset,
    css: Asset,
}

/// Makes the site, or leaves it untouched if it is made of the same inputs: the server's compiler watches the folder.
/// A failure leaves the old site. Without `node` the console is the same, and larger.
///
/// # Errors
/// The frontend does not compile, or a tool that is there fails.
pub(crate) fn build(workspace: &Workspace, node: Option<&Node>) -> Result<()> {
    let wasm = wasm_toolchain::build_frontend(workspace)?;
    let css = workspace.path("style/main.css");
    let folder = workspace.target("site");
    let stamp_file = workspace.target("site.stamp");

    let tools = node.map_or(Ok(Vec::new()), Node::packages)?;
    let inputs = [RECIPE.concat().into_bytes(), files::read(&wasm)?, files::read(&css)?, tools];
    let stamp = inputs.map(|input| sha256(&input)).join("\n");
    if folder.join("manifest.json").exists() && fs::read_to_string(&stamp_file).is_ok_and(|made| made == stamp) {
        say("console: unchanged");
        return Ok(());
    }

    let work = workspace.target("site.work");
    let new = workspace.target("site.new");
    files::empty_folder(&work)?;
    files::empty_folder(&new)?;
    let site = Site::make(&wasm, &css, node, &work)?;
    site.write_into(&new)?;
    site.report();

    // A run that stops between these lines finds no stamp and makes the site again.
    files::remove_file(&stamp_file)?;
    files::swap_folder(&new, &folder)?;
    files::write(&stamp_file, stamp)?;
    files::remove_folder(&work)
}

impl Site {
    fn make(wasm: &Path, css: &Path, node: Option<&Node>, work: &Path) -> Result<Self> {
        say("console: wasm-bindgen");
        let bound = bind(prune(&files::read(wasm)?)?, work)?;
        shorten(&bound)?;
        let style = work.join("console.css");
        files::write(&style, files::read(css)?)?;
        if let Some(node) = node {
            say("console: wasm-opt and esbuild");
            shrink::wasm(node, &bound.wasm)?;
            shrink::js(node, &bound.js)?;
            shrink::css(node, &style)?;
        } else {
            say("console: not made smaller by wasm-opt and esbuild, which need Node");
        }
        say("console: brotli and gzip");
        Ok(Self {
            js: Asset::new("js", files::read(&bound.js)?)?,
            wasm: Asset::new("wasm", files::read(&bound.wasm)?)?,
            css: Asset::new("css", files::read(&style)?)?,
        })
    }

    fn write_into(&self, folder: &Path) -> Result<()> {
        for asset in self.assets() {
            asset.write_into(folder)?;
        }
        let manifest = json!({ "js": self.js.name, "wasm": self.wasm.name, "css": self.css.name });
        files::write(&folder.join("manifest.json"), format!("{manifest:#}\n"))
    }

    fn report(&self) {
        for asset in self.assets() {
            report_size(&asset.name, asset.size(), asset.brotli_size());
        }
        let sizes = self.assets().map(Asset::size);
        let brotli_sizes = self.assets().map(Asset::brotli_size);
        report_size("console in total", sizes.iter().sum(), brotli_sizes.iter().sum());
    }

    fn assets(&self) -> [&Asset; 3] {
        [&self.wasm, &self.js, &self.css]
    }
}

fn report_size(name: &str, raw: usize, brotli: usize) {
    say(format!("{name}: {raw} bytes, {brotli} with brotli"));
}
