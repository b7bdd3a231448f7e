//! The console's files, embedded in the program: named by content hash, compressed beforehand, cached for ever.

use std::sync::OnceLock;

use app::shell::Assets;
use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::compression::takes;

/// Where the files are served.
pub const PREFIX: &str = "/assets";

#[derive(RustEmbed)]
#[folder = "../target/site"]
#[allow_missing = true]
struct Site;

#[derive(Default, Deserialize)]
struct Manifest {
    js: String,
    wasm: String,
    css: String,
}

/// The addresses of the console's files; empty ones when the program was built without the console.
pub fn assets() -> &'static Assets {
    static ASSETS: OnceLock<Assets> = OnceLock::new();
    ASSETS.get_or_init(|| {
        let manifest: Manifest =
            Site::get("manifest.json").and_then(|file| serde_json::from_slice(&file.data).ok()).unwrap_or_default();
        let address = |name: String| if name.is_empty() { name } else { format!("{PREFIX}/{name}") };
        Assets { js: address(manifest.js), wasm: address(manifest.wasm), css: address(manifest.css) }
    })
}

/// One file, in the best encoding that the browser takes.
pub async fn show(Path(name): Path<String>, request: HeaderMap) -> Response {
    let content_type = match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript",
        Some((_, "wasm")) => "application/wasm",
        Some((_, "css")) => "text/css",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let offered = [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, ending)| {
        takes(&request, encoding)
            .then(|| Site::get(&format!("{name}.{ending}")))
            .flatten()
            .map(|file| (Some(encoding), file))
    });
    let Some((encoding, file)) = offered.or_else(|| Site::get(&name).map(|file| (None, file))) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}
