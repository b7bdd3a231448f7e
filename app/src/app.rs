//! What comes alive of the console's pages.
//!
//! Each page is a document of its own and links are plain navigations, so there is no client-side router: the server
//! provides [`PageData`] as context, the document carries it, and the browser renders the same `<main>` from it.

use leptos::prelude::*;

use crate::{
    pages::{
        CarriedText, PageData, my_sessions::MySessionsPage, sessions::SessionsPage, sign_in::SignInPage,
        users::UsersPage,
    },
    wire::{decode, from_text},
};

/// What the document's `<main>` contains. Nothing of a message, which is plain HTML.
#[component]
pub fn App() -> impl IntoView {
    // In the browser there is none, and a copy of every page's data need not be compiled.
    let provided = if cfg!(feature = "ssr") { use_context::<PageData>() } else { None };
    let data = match provided {
        Some(data) if !is_scripted(&data) => Some(data),
        data => carried(data),
    };
    match data {
        Some(PageData::SignIn(data)) => view! { <SignInPage data/> }.into_any(),
        Some(PageData::Sessions(data)) => view! { <SessionsPage data=*data/> }.into_any(),
        Some(PageData::MySessions(data)) => view! { <MySessionsPage data/> }.into_any(),
        Some(PageData::Users(_)) => view! { <UsersPage/> }.into_any(),
        Some(PageData::Message(_)) | None => ().into_any(),
    }
}

/// Whether a page comes alive in the browser. The others carry neither scripts nor data: they are plain HTML.
pub(crate) fn is_scripted(data: &PageData) -> bool {
    match data {
        PageData::SignIn(data) => data.rd.is_empty(),
        PageData::Sessions(_) | PageData::MySessions(_) | PageData::Users(_) => true,
        PageData::Message(_) => false,
    }
}

/// The data on its way from the server to the browser: the document carries it.
fn carried(data: Option<PageData>) -> Option<PageData> {
    let text = SharedValue::new_str(|| use_context::<CarriedText>().unwrap_or_default().0).into_inner();
    data.or_else(|| decode(&from_text(&text)).ok())
}
