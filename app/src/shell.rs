//! The document around a page.

pub(crate) mod avatar;
mod frame;
mod icon_sheet;
mod message;
mod my_sessions_forms;
mod users;

use base64::prelude::{BASE64_STANDARD, Engine};
use leptos::{nonce::Nonce, prelude::*};

use self::{frame::framed, icon_sheet::icon_sheet, my_sessions_forms::forms_html, users::users_html};
use crate::{
    browser::CARRIED,
    pages::{PageData, WrittenHtml, sessions::row::rows_html},
    wire::encode,
};

const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' \
    fill='none' stroke='%231a9a92' stroke-width='2' stroke-linejoin='round'%3E\
    %3Cpath d='M4 9V4h4v3h3V4h2v3h3V4h4v5l-2 2v9H6v-9z'/%3E\
    %3Ccircle cx='12' cy='14' r='2.4'/%3E%3C/svg%3E";

/// The addresses of what a document loads.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    /// The style sheet.
    pub css: String,
    /// The module that loads the WebAssembly. Empty when there is none: pages then work without scripts.
    pub js: String,
    /// The WebAssembly.
    pub wasm: String,
}

/// The document of a page, which loads the assets; its scripts are marked with the nonce.
pub fn shell(page: PageData, assets: &Assets, nonce: &Nonce) -> impl IntoView + use<> {
    let Assets { css, js, wasm } = assets.clone();
    let written = match &page {
        PageData::Sessions(data) => rows_html(data),
        PageData::MySessions(data) => forms_html(data),
        PageData::Users(data) => users_html(data),
        PageData::SignIn(_) | PageData::Message(_) => String::new(),
    };
    provide_context(WrittenHtml(written));
    let is_alive = is_scripted(&page) && !js.is_empty();
    // A data block, which the browser does not run: a script would be compiled, and only once the style sheet is there.
    let carried = is_alive.then(|| {
        let text = BASE64_STANDARD.encode(encode(&page));
        view! { <script type="text/plain" id=CARRIED inner_html=text></script> }
    });
    let nonce = nonce.clone();
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                // As HTML: a marker that leptos puts behind text would be shown.
                <title inner_html=title_html(&page)></title>
                <link rel="icon" type="image/svg+xml" href=ICON/>
                // Before the style sheet, for which a script waits.
                {is_alive.then(|| view! { <Scripts js wasm nonce/> })}
                <link rel="stylesheet" href=css/>
            </head>
            <body>
                {framed(page)}
                {carried}
                // Outside what comes alive: the browser's half need not contain it.
                {icon_sheet()}
            </body>
        </html>
    }
}

/// What makes the page come alive. It runs as soon as it is read, so that all it asks for is on its way while the page is read.
#[component]
fn Scripts(js: String, wasm: String, nonce: Nonce) -> impl IntoView {
    // Chromium keeps the compiled code of WebAssembly that a script has fetched, and of none that a preload link has. It is
    // compiled without waiting for the JavaScript that calls it: so it is compiled beside the main thread. Nothing is
    // measured before the style sheet is there.
    let start = format!(
        "(async () => {{ const [wasm, module] = \
         await Promise.all([WebAssembly.compileStreaming(fetch({wasm:?})), import({js:?})]); \
         await module.default({{ module_or_path: wasm }}); \
         if (document.readyState !== \"complete\") \
         await new Promise(loaded => addEventListener(\"load\", loaded)); \
         module.hydrate(); }})()"
    );
    view! {
        <script nonce=nonce>
            {start}
        </script>
    }
}

/// `Active Sessions - Keepwatch · Demo`, as HTML.
fn title_html(page: &PageData) -> String {
    let name = page.title().replace('&', "&amp;").replace('<', "&lt;");
    format!("{name} - Keepwatch{}", if is_demo(page) { " · Demo" } else { "" })
}

/// Whether a page comes alive in the browser. The others carry neither scripts nor data: they are plain HTML.
fn is_scripted(data: &PageData) -> bool {
    match data {
        PageData::SignIn(data) => data.rd.is_empty(),
        PageData::Sessions(_) | PageData::MySessions(_) | PageData::Users(_) => true,
        PageData::Message(_) => false,
    }
}

fn is_demo(page: &PageData) -> bool {
    match page {
        PageData::SignIn(data) => data.demo,
        PageData::Sessions(data) => data.viewer.demo,
        PageData::MySessions(data) => data.viewer.demo,
        PageData::Users(data) => data.viewer.demo,
        PageData::Message(data) => data.demo,
    }
}
