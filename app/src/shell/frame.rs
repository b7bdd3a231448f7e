//! What surrounds a page: the menu and who is signed in. Nothing in it changes: it does not come alive.

use leptos::prelude::*;

use super::{avatar::avatar, message::message};
use crate::{
    app::living,
    components::icon::icon,
    pages::{MessageData, PageData, Viewer},
    paths,
    principal::Role,
};

/// Which link of the menu the page stands behind.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    /// "Sessions".
    Sessions,
    /// "Users".
    Users,
    /// "My Sessions".
    MySessions,
    /// None of them.
    Elsewhere,
}

/// The page and what surrounds it. What comes alive of it is all that its `<main>` contains.
pub(super) fn framed(page: PageData) -> AnyView {
    let (viewer, here) = match &page {
        PageData::SignIn(data) => return alone(data.demo, living(page)),
        PageData::Message(MessageData { title, text, viewer, demo }) => {
            let message = message(title.clone(), text.clone());
            return match viewer {
                Some(viewer) => frame(viewer, Here::Elsewhere, message),
                None => alone(*demo, message),
            };
        }
        PageData::Sessions(data) => (data.viewer.clone(), Here::Sessions),
        PageData::MySessions(data) => (data.viewer.clone(), Here::MySessions),
        PageData::Users(data) => (data.viewer.clone(), Here::Users),
    };
    frame(&viewer, here, living(page))
}

/// A page of someone who is signed in.
fn frame(viewer: &Viewer, here: Here, page: AnyView) -> AnyView {
    let administrator = viewer.role == Role::Administrator;
    view! {
        <a class="skip" href="#main">"Skip to the content"</a>
        <div class="frame">
            <header class="menu">
                <Brand demo=viewer.demo/>
                <button type="button" class="button menu-button" popovertarget="menu">{icon("menu")} "Menu"</button>
                <div id="menu" class="menu-panel" popover="auto">
                    {administrator.then(|| view! { <AdminMenu here/> })}
                    <Me viewer=viewer.clone() here/>
                </div>
            </header>
            <main id="main" class="main" tabindex="-1">{page}</main>
        </div>
    }
    .into_any()
}

/// A page of someone who is not signed in.
fn alone(demo: bool, page: AnyView) -> AnyView {
    view! {
        <div class="alone">
            <header>
                <Brand demo/>
            </header>
            <main>{page}</main>
        </div>
    }
    .into_any()
}

#[component]
fn Brand(demo: bool) -> impl IntoView {
    view! {
        <div class="brand">
            {icon("keepwatch")} <span>"Keepwatch"</span>
            {demo.then(|| view! { <span class="demo" title="These sessions are simulated">"Demo data"</span> })}
        </div>
    }
}

#[component]
fn AdminMenu(here: Here) -> impl IntoView {
    view! {
        <nav class="links" aria-label="Admin menu">
            <h2>"Reports & Info"</h2>
            <ul>
                <li>
                    <a href=paths::SESSIONS aria-current=current(here, Here::Sessions)>"Sessions"</a>
                </li>
                <li>
                    <a href=paths::USERS aria-current=current(here, Here::Users)>"Users"</a>
                </li>
            </ul>
        </nav>
    }
}

#[component]
fn Me(viewer: Viewer, here: Here) -> impl IntoView {
    view! {
        <div class="me">
            {avatar(&viewer.username)}
            <p class="me-name">
                <strong>{viewer.username.to_string()}</strong>
                <span>"on " {viewer.server_name.to_string()}</span>
            </p>
            <div class="me-links">
                <a href=paths::MY_SESSIONS aria-current=current(here, Here::MySessions)>"My Sessions"</a>
                <form method="post" action=paths::SIGN_OUT>
                    <button type="submit" class="link">"Sign out"</button>
                </form>
            </div>
        </div>
    }
}

fn current(here: Here, link: Here) -> Option<&'static str> {
    (here == link).then_some("page")
}
