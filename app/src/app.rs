//! Every page of the console.
//!
//! Each page is a document of its own and links are plain navigations, so there is no client-side router: the server
//! provides [`PageData`] as context, the document carries it, and the browser renders the same page from it.

use leptos::prelude::*;

use crate::{
    pages::{
        CarriedText, MessageData, PageData, message::MessagePage, my_sessions::MySessionsPage, sessions::SessionsPage,
        sign_in::SignInPage, users::UsersPage,
    },
    wire::{decode, from_text},
};

/// The page that the document shows.
#[component]
pub fn App() -> impl IntoView {
    // In the browser there is none, and a copy of every page's data need not be compiled.
    let provided = if cfg!(feature = "ssr") { use_context::<PageData>() } else { None };
    let data = match provided {
        Some(data) if !is_scripted(&data) => data,
        data => carried(data),
    };
    match data {
        PageData::SignIn(data) => view! { <SignInPage data/> }.into_any(),
        PageData::Sessions(data) => view! { <SessionsPage data=*data/> }.into_any(),
        PageData::MySessions(data) => view! { <MySessionsPage data/> }.into_any(),
        PageData::Users(data) => view! { <UsersPage data/> }.into_any(),
        PageData::Message(data) => view! { <MessagePage data/> }.into_any(),
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
fn carried(data: Option<PageData>) -> PageData {
    let text = SharedValue::new_str(|| use_context::<CarriedText>().unwrap_or_default().0).into_inner();
    // There is none where the server has no data for a page.
    let read = || if text.is_empty() { None } else { decode(&from_text(&text)).ok() };
    data.or_else(read).unwrap_or_else(not_found)
}

fn not_found() -> PageData {
    PageData::Message(MessageData {
        title: "Not found".to_owned(),
        text: "There is nothing at this address.".to_owned(),
        viewer: None,
        demo: false,
    })
}
