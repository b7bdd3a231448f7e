//! The sign-in page: of the console, and of applications behind a reverse proxy.

use leptos::{html, prelude::*, task::spawn_local};

use super::SignInData;
use crate::{
    browser,
    components::{
        clock::{Zone, tell_server_offset},
        notice::failure,
        reactive::{flag, text},
    },
    paths,
    server_fns::sign_in,
    time::UtcOffset,
};

/// See [`SignInData`].
#[component]
pub(crate) fn SignInPage(data: SignInData) -> impl IntoView {
    let SignInData { notice, error, username, next, rd, returns_to, server_name, .. } = data;
    let attempt = Attempt::new(error, next.clone());
    Effect::new(|_| _ = tell_server_offset(Zone::Written(UtcOffset::default())));
    view! {
        <form class="sign-in" method="post" action=paths::SIGN_IN on:submit=move |event| attempt.make(&event)>
            <h1>"Sign in"</h1>
            {notice.map(|notice| view! { <p class="notice" role="status">{notice}</p> })}
            <p class="notice error" role="alert" hidden=flag(move || attempt.error.with(Option::is_none))>
                {text(move || attempt.error.get().unwrap_or_default())}
            </p>
            <UsernameField attempt username/>
            <PasswordField attempt/>
            <input type="hidden" name="next" value=next/>
            <input type="hidden" name="rd" value=rd/>
            <button type="submit" class="button primary" disabled=flag(move || attempt.is_under_way.get())>
                {text(move || attempt.word())}
            </button>
        </form>
        <p class="where">
            "Server " {server_name}
            {returns_to.map(|host| view! { <span>" · You will return to " {host}</span> })}
        </p>
    }
}

#[component]
fn UsernameField(attempt: Attempt, username: String) -> impl IntoView {
    view! {
        <label>
            <span>"Username"</span>
            <input
                type="text"
                name="username"
                autocomplete="username"
                autocapitalize="none"
                spellcheck="false"
                required
                autofocus=username.is_empty()
                value=username.clone()
                node_ref=attempt.username
            />
        </label>
    }
}

#[component]
fn PasswordField(attempt: Attempt) -> impl IntoView {
    view! {
        <label>
            <span>"Password"</span>
            <input
                type="password"
                name="password"
                autocomplete="current-password"
                required
                node_ref=attempt.password
            />
        </label>
    }
}

/// An attempt to sign in without leaving the page, so that an error keeps what was typed.
#[derive(Clone, Copy)]
struct Attempt {
    error: RwSignal<Option<String>>,
    is_under_way: RwSignal<bool>,
    username: NodeRef<html::Input>,
    password: NodeRef<html::Input>,
    next: StoredValue<String>,
}

impl Attempt {
    fn new(error: Option<String>, next: String) -> Self {
        Self {
            error: RwSignal::new(error),
            is_under_way: RwSignal::new(false),
            username: NodeRef::new(),
            password: NodeRef::new(),
            next: StoredValue::new(next),
        }
    }

    fn word(self) -> String {
        if self.is_under_way.get() { "Signing in…" } else { "Sign in" }.to_owned()
    }

    fn make(self, event: &leptos::ev::SubmitEvent) {
        let (Some(username), Some(password)) = (self.username.get_untracked(), self.password.get_untracked()) else {
            return;
        };
        event.prevent_default();
        self.is_under_way.set(true);
        self.error.set(None);
        spawn_local(async move {
            match sign_in(username.value(), password.value(), self.next.get_value()).await {
                Ok(location) => browser::go(&location),
                Err(error) => {
                    self.is_under_way.set(false);
                    self.error.set(Some(failure(&error)));
                    password.select();
                }
            }
        });
    }
}
