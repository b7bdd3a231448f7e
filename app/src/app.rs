//! What comes alive of the console's pages.
//!
//! Each page is a document of its own and links are plain navigations, so there is no client-side router: the server
//! provides [`PageData`] as context, the document carries it, and the browser renders the same `<main>` from it.

use leptos::prelude::*;

use crate::{
    browser,
    pages::{PageData, my_sessions::MySessionsPage, sessions::SessionsPage, sign_in::SignInPage, users::UsersPage},
    wire::{decode, from_text},
};

/// What the document's `<main>` contains. Nothing of a message, which is plain HTML.
#[component]
pub fn App() -> impl IntoView {
    // In the browser there is none, and a copy of every page's data need not be compiled.
    let data =
        if cfg!(feature = "ssr") { use_context::<PageData>() } else { decode(&from_text(&browser::carried())).ok() };
    match data {
        Some(PageData::SignIn(data)) => apart(|| view! { <SignInPage data/> }.into_any()),
        Some(PageData::Sessions(data)) => apart(|| view! { <SessionsPage data=*data/> }.into_any()),
        Some(PageData::MySessions(data)) => apart(|| view! { <MySessionsPage data/> }.into_any()),
        Some(PageData::Users(_)) => apart(|| view! { <UsersPage/> }.into_any()),
        Some(PageData::Message(_)) | None => ().into_any(),
    }
}

/// What a page shows, in a function of its own: the browser compiles functions when they are first called, and only one
/// page's is.
#[inline(never)]
fn apart(page: impl FnOnce() -> AnyView) -> AnyView {
    page()
}
