//! What surrounds a page: the menu and who is signed in.

use leptos::prelude::*;

use super::{avatar::avatar, icon::icon, reactive::text};
use crate::{pages::Viewer, paths, principal::Role};

/// Which link of the menu the page stands behind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Here {
    /// "Sessions".
    Sessions,
    /// "Users".
    Users,
    /// "My Sessions".
    MySessions,
    /// None of them.
    Elsewhere,
}

/// A page of someone who is signed in.
#[component]
pub(crate) fn Frame(viewer: Viewer, here: Here, children: Children) -> impl IntoView {
    let administrator = viewer.role == Role::Administrator;
    view! {
        <a class="skip" href="#main">"Skip to the content"</a>
        <div class="frame">
            <header class="menu">
                <Brand demo=viewer.demo/>
                <button type="button" class="button menu-button" popovertarget="menu">{icon("menu")} "Menu"</button>
                <div id="menu" class="menu-panel" popover="auto">
                    {administrator.then(|| view! { <AdminMenu here/> })}
                    <Me viewer here/>
                </div>
            </header>
            <main id="main" class="main" tabindex="-1">{children()}</main>
        </div>
    }
}

/// A page of someone who is not signed in.
#[component]
pub(crate) fn Alone(demo: bool, children: Children) -> impl IntoView {
    view! {
        <main class="alone">
            <Brand demo/>
            {children()}
        </main>
    }
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
    let name = StoredValue::new(viewer.username.to_string());
    view! {
        <div class="me">
            {avatar(text(move || name.get_value()))}
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
