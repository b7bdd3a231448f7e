//! The browser's entry point: makes the server-rendered page come alive.

use app::{app::App, browser};
use wasm_bindgen::prelude::wasm_bindgen;

/// Hydrates the page. Called once, by the document's script.
#[wasm_bindgen]
pub fn hydrate() {
    #[cfg(panics_are_told)]
    std::panic::set_hook(Box::new(|panic| leptos::logging::error!("{panic}")));
    let Some(living) = browser::living() else { return };
    leptos::mount::hydrate_from(living, App).forget();
    // Behind the effects by which a page comes alive: what they measure is then as the browser has laid it out.
    leptos::task::spawn_local(async { browser::mark_hydrated() });
}
