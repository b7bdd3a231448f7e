//! App passwords under My Sessions: the form for a new one, and the one that it has just made.

use leptos::{prelude::*, tachys::view::RenderHtml};

use crate::{
    pages::{AppPasswordForm, MadeAppPassword, MySessionsData},
    paths,
    session::Standing,
};

/// How long one may last.
const CHOICES: [(&str, &str); 4] = [("30", "30 days"), ("90", "90 days"), ("180", "180 days"), ("366", "one year")];

/// The section below the table.
pub(crate) fn app_passwords_html(data: &MySessionsData) -> String {
    let AppPasswordForm { name, days, error, made } = data.app_password.clone();
    let username = data.viewer.username.to_string();
    let is_wrong = error.is_some();
    let choices = CHOICES.map(|(value, label)| {
        let is_chosen = if days.is_empty() { value == "90" } else { value == days };
        view! { <option value=value selected=is_chosen>{label}</option> }
    });
    view! {
        <section class="app-passwords" aria-labelledby="app-passwords">
            <h2 id="app-passwords">"App passwords"</h2>
            <p class="explained">
                "For a calendar, git or a script, which cannot show the sign-in page. Each is a session in the list \
                 above: whoever ends it has revoked it for good."
            </p>
            {made.map(|made| made_view(made, username))}
            {error.map(|error| view! { <p class="notice error" role="alert" id="app-password-error">{sentence(&error)}</p> })}
            <form class="inline-form" method="post" action=paths::APP_PASSWORDS>
                <label>
                    <span>"Name"</span>
                    <input
                        type="text"
                        name="name"
                        required
                        maxlength=Standing::NAME_BYTES.to_string()
                        autocomplete="off"
                        placeholder="Calendar on the phone"
                        value=name
                        aria-invalid=is_wrong.then_some("true")
                        aria-describedby=is_wrong.then_some("app-password-error")
                    />
                </label>
                <label>
                    <span>"Expires after"</span>
                    <select name="days">{choices}</select>
                </label>
                <button type="submit" class="button">"Create app password"</button>
            </form>
        </section>
    }
    .to_html()
}

fn made_view(made: MadeAppPassword, username: String) -> impl IntoView {
    view! {
        <div class="notice made" role="status">
            <p>"App password " <strong>{made.name}</strong> ". Copy it now: it is shown this once."</p>
            <dl>
                <dt>"Username"</dt>
                <dd>
                    <code>{username}</code>
                </dd>
                <dt>"Password"</dt>
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
    begin + letters.as_str() + "."
}
