//! The forms under My Sessions: for a new app password and, for administrators, a new client token, with what they have
//! just made, and for a new password.

use leptos::prelude::*;

use crate::{
    components::written::plain_html,
    pages::{Made, MySessionsData, StandingForm},
    paths,
    principal::Role,
    scope::Scope,
    session::Standing,
};

/// How long one may last.
const CHOICES: [(&str, &str); 4] = [("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("366", "one year")];

/// What distinguishes the two forms.
struct Kind {
    id: &'static str,
    title: &'static str,
    explanation: &'static str,
    action: &'static str,
    example: &'static str,
    button: &'static str,
    /// Whose the secret is, in front of it.
    has_username: bool,
    has_scopes: bool,
}

const APP_PASSWORD: Kind = Kind {
    id: "app-password",
    title: "App passwords",
    explanation: "For a calendar, git or a script, which cannot show the sign-in page of an application. Each is a session \
                  in the list above: whoever ends it has revoked it for good.",
    action: paths::APP_PASSWORDS,
    example: "Calendar on the phone",
    button: "Create app password",
    has_username: true,
    has_scopes: false,
};

const CLIENT_TOKEN: Kind = Kind {
    id: "client-token",
    title: "Client tokens",
    explanation: "For a program that uses the REST API of Keepwatch. It may do what is ticked, as long as you are an \
                  administrator, and ends like any session of yours.",
    action: paths::CLIENT_TOKENS,
    example: "Wiki",
    button: "Create client token",
    has_username: false,
    has_scopes: true,
};

/// The sections below the table.
pub(super) fn forms_html(data: &MySessionsData) -> String {
    let username = data.viewer.username.to_string();
    let tokens = (data.viewer.role == Role::Administrator)
        .then(|| section(&CLIENT_TOKEN, data.client_token.clone(), username.clone()));
    let app_passwords = section(&APP_PASSWORD, data.app_password.clone(), username);
    let password = password_section(data.password_error.clone(), data.viewer.username.to_string());
    plain_html(view! { {app_passwords} {tokens} {password} })
}

fn password_section(error: Option<String>, username: String) -> impl IntoView {
    let described_by = error.is_some().then_some("password-error");
    view! {
        <section class="standing" aria-labelledby="password-title">
            <h2 id="password-title">"Password"</h2>
            <p class="explained">"A new one ends all your other sessions, app passwords and client tokens included."</p>
            {error.map(|error| view! { <p class="notice error" role="alert" id="password-error">{sentence(&error)}</p> })}
            <form class="inline-form" method="post" action=paths::PASSWORD>
                // For password managers: whose password it is.
                <input type="text" name="username" autocomplete="username" value=username readonly hidden/>
                <label>
                    <span>"Current password"</span>
                    <input
                        type="password"
                        name="current"
                        required
                        autocomplete="current-password"
                        aria-describedby=described_by
                    />
                </label>
                <label>
                    <span>"New password"</span>
                    <input type="password" name="new" required minlength="8" autocomplete="new-password"/>
                </label>
                <button type="submit" class="button">"Change password"</button>
            </form>
        </section>
    }
}

fn section(kind: &'static Kind, form: StandingForm, username: String) -> impl IntoView + use<> {
    let StandingForm { name, days, scopes, error, made } = form;
    let (title_id, error_id) = (format!("{}-title", kind.id), format!("{}-error", kind.id));
    let described_by = error.is_some().then(|| error_id.clone());
    let is_invalid = error.is_some().then_some("true");
    let choices = CHOICES.map(|(value, label)| {
        let is_chosen = if days.is_empty() { value == "90" } else { value == days };
        view! { <option value=value selected=is_chosen>{label}</option> }
    });
    let scopes = kind.has_scopes.then(|| {
        let choices = Scope::ALL.map(|scope| {
            view! {
                <label class="choice">
                    <input type="checkbox" name="scopes" value=scope.as_str() checked=scopes.contains(scope)/>
                    <span>{scope.as_str()}</span>
                </label>
            }
        });
        view! { <fieldset class="choices"><legend>"May do"</legend>{choices}</fieldset> }
    });
    let labelled_by = title_id.clone();
    view! {
        <section class="standing" aria-labelledby=labelled_by>
            <h2 id=title_id>{kind.title}</h2>
            <p class="explained">{kind.explanation}</p>
            {made.map(|made| made_view(made, kind.has_username.then_some(username)))}
            {error.map(|error| view! { <p class="notice error" role="alert" id=error_id>{sentence(&error)}</p> })}
            <form class="inline-form" method="post" action=kind.action>
                <label>
                    <span>"Name"</span>
                    <input
                        type="text"
                        name="name"
                        required
                        maxlength=Standing::NAME_BYTES.to_string()
                        autocomplete="off"
                        placeholder=kind.example
                        value=name
                        aria-invalid=is_invalid
                        aria-describedby=described_by
                    />
                </label>
                {scopes}
                <label>
                    <span>"Expires after"</span>
                    <select name="days">{choices}</select>
                </label>
                <button type="submit" class="button">{kind.button}</button>
            </form>
        </section>
    }
}

fn made_view(made: Made, username: Option<String>) -> impl IntoView {
    let secret = if username.is_some() { "Password" } else { "Token" };
    let username = username.map(|username| {
        view! {
            <dt>"Username"</dt>
            <dd>
                <code>{username}</code>
            </dd>
        }
    });
    view! {
        <div class="notice made" role="status">
            <p><strong>{made.name}</strong> ": copy it now, it is shown this once."</p>
            <dl>
                {username}
                <dt>{secret}</dt>
                <dd>
                    <code>{made.secret}</code>
                </dd>
            </dl>
        </div>
    }
}

fn sentence(error: &str) -> String {
    let mut letters = error.chars();
    let begin = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    let end = if error.ends_with('.') { "" } else { "." };
    begin + letters.as_str() + end
}
