//! The browser's entry point: makes the server-rendered page come alive.

use app::{app::App, browser};
use wasm_bindgen::prelude::wasm_bindgen;

/// Hydrates the page. Called once, by the document's script.
#[wasm_bindgen]
pub fn hydrate() {
    #[cfg(panics_are_told)]
    std::panic::set_hook(Box::new(|panic| leptos::logging::error!("{panic}")));
    leptos::mount::hydrate_body(App);
    browser::mark_hydrated();
}
