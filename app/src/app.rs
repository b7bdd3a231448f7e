//! What comes alive of the console's pages.
//!
//! Each page is a document of its own and links are plain navigations, so there is no client-side router: the server
//! provides [`PageData`] as context, the document carries it, and the browser renders the same `<main>` from it.

use leptos::prelude::*;

use crate::{
    browser,
    pages::{PageData, my_sessions::MySessionsPage, sessions::SessionsPage, sign_in::SignInPage, users::UsersPage},
    wire::decode,
};

/// What the browser makes of the data that the document carries.
#[component]
pub fn App() -> impl IntoView {
    decode(&browser::carried()).ok().map_or_else(|| ().into_any(), living)
}

/// What the document's `<main>` contains. Nothing of a message, which is plain HTML.
pub(crate) fn living(data: PageData) -> AnyView {
    match data {
        PageData::SignIn(data) => apart(|| view! { <SignInPage data/> }.into_any()),
        PageData::Sessions(data) => apart(|| view! { <SessionsPage data=*data/> }.into_any()),
        PageData::MySessions(data) => apart(|| view! { <MySessionsPage data/> }.into_any()),
        PageData::Users(_) => apart(|| view! { <UsersPage/> }.into_any()),
        PageData::Message(_) => ().into_any(),
    }
}

/// What a page shows, in a function of its own: the browser compiles functions when they are first called, and only one
/// page's is.
#[inline(never)]
fn apart(page: impl FnOnce() -> AnyView) -> AnyView {
    page()
}
