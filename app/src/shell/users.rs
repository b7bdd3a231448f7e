//! What stands on the page Users: the list, or one user and what can be done with the account.

use leptos::prelude::*;

use super::avatar::avatar;
use crate::{
    components::written::plain_html,
    pages::{RefusedForm, UserRow, Users, UsersData},
    paths,
    principal::Role,
    session::{query::SessionQuery, selection::grouped},
    time::Timestamp,
};

/// The content of the page.
pub(super) fn users_html(data: &UsersData) -> String {
    let Users { chosen, notice, lock, now, .. } = &data.users;
    let is_own = chosen.as_ref().is_some_and(|user| user.name == *data.viewer.username);
    let refusal = Refusal(data.users.refused.clone());
    let notice = notice.clone().map(|notice| view! { <p class="notice" role="status">{notice}</p> });
    let forms: &[&str] = match chosen {
        None if lock.is_some() => &["create", "unlock"],
        None => &["create", "lock"],
        Some(_) if is_own => &[],
        Some(user) if user.disabled => &["enable", "role", "password", "delete"],
        Some(_) => &["disable", "role", "password", "delete"],
    };
    // Of a form that is not there any more, because somebody else was faster.
    let error = refusal.0.as_ref().filter(|refused| !forms.contains(&refused.action.as_str())).map(error_view);
    let content = match chosen {
        Some(user) => one_user(user, is_own, *now, &refusal).into_any(),
        None => list(&data.users, &refusal).into_any(),
    };
    plain_html(view! { <div class="users">{notice} {error} {content}</div> })
}

/// The form that did nothing, if one did: it says why, and is where the reader goes on.
struct Refusal(Option<RefusedForm>);

impl Refusal {
    fn is_of(&self, action: &str) -> bool {
        self.0.as_ref().is_some_and(|refused| refused.action == action)
    }

    /// What stands before the form of an action.
    fn before(&self, action: &str) -> Option<AnyView> {
        self.0.as_ref().filter(|refused| refused.action == action).map(error_view)
    }

    /// The id of that, for the field of the form that comes first.
    fn described_by(&self, action: &str) -> Option<String> {
        self.is_of(action).then(|| error_id(action))
    }
}

fn error_view(refused: &RefusedForm) -> AnyView {
    let RefusedForm { action, error } = refused.clone();
    view! { <p class="notice error" role="alert" id=error_id(&action)>{error}</p> }.into_any()
}

fn error_id(action: &str) -> String {
    format!("{action}-error")
}

fn list(users: &Users, refusal: &Refusal) -> impl IntoView + use<> {
    let Users { found, total, search, now, typed_name, typed_role, typed_message, lock, .. } = users.clone();
    let count = match (search.is_empty(), total) {
        (_, 1) => "1 user".to_owned(),
        (true, _) => format!("{} users", grouped(total)),
        (false, _) => format!("{} users match", grouped(total)),
    };
    let rest = total.saturating_sub(found.len() as u64);
    let rows: Vec<_> = found.into_iter().map(|user| row(user, now)).collect();
    let nobody = rows.is_empty().then(|| view! { <p class="nothing">"No user matches."</p> });
    view! {
        <div class="heading">
            <h1>"Users"</h1>
        </div>
        <form class="inline-form" method="get" action=paths::USERS role="search">
            <label>
                <span>"Search"</span>
                <input type="search" name="q" value=search maxlength="255" autocomplete="off"/>
            </label>
            <button type="submit" class="button">"Search"</button>
            <span class="found">{count}</span>
        </form>
        <div class="sheet">
            <table class="user-table">
                <caption class="visually-hidden">"Users"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Username"</th>
                        <th scope="col" class="role">"Role"</th>
                        <th scope="col" class="state">"Sign-in"</th>
                        <th scope="col" class="sessions-count">"Sessions"</th>
                        <th scope="col" class="last_active">"Last sign-in"</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
            {nobody}
        </div>
        {(rest > 0).then(|| view! { <p class="explained">{grouped(rest)} " more: search to see them."</p> })}
        {new_user(typed_name, typed_role, refusal)}
        {lock_section(lock, typed_message, refusal)}
    }
}

fn lock_section(lock: Option<String>, typed_message: String, refusal: &Refusal) -> AnyView {
    let error = refusal.before(if lock.is_some() { "unlock" } else { "lock" });
    let (explanation, form) = match lock {
        Some(message) => (
            if message.is_empty() {
                "Only administrators may sign in, and the sign-in page says so.".to_owned()
            } else {
                format!("Only administrators may sign in. The sign-in page says so, and: {message}")
            },
            view! {
                <input type="hidden" name="action" value="unlock"/>
                <button type="submit" class="button">"Unlock server"</button>
            }
            .into_any(),
        ),
        None => (
            "Locked, only administrators may sign in. Sessions that are open go on until they end or are deleted."
                .to_owned(),
            view! {
                <input type="hidden" name="action" value="lock"/>
                <label>
                    <span>"What the sign-in page says"</span>
                    <input
                        type="text"
                        name="message"
                        autocomplete="off"
                        placeholder="Back at 14:00."
                        value=typed_message
                        autofocus=refusal.is_of("lock")
                        aria-describedby=refusal.described_by("lock")
                    />
                </label>
                <button type="submit" class="button">"Lock server"</button>
            }
            .into_any(),
        ),
    };
    view! {
        <section class="standing" aria-labelledby="lock">
            <h2 id="lock">"Lock server"</h2>
            <p class="explained">{explanation}</p>
            {error}
            <form class="inline-form" method="post" action=paths::USERS>
                {form}
            </form>
        </section>
    }
    .into_any()
}

fn row(user: UserRow, now: Timestamp) -> impl IntoView {
    let href = user_href(&user.name);
    view! {
        <tr class="row" class:disabled=user.disabled>
            <td class="username">
                <a class="user" href=href>
                    {avatar(&user.name)} <span class="name">{user.name.clone()}</span>
                </a>
            </td>
            <td class="role">{user.role.label()}</td>
            <td class="state">{if user.disabled { "Disabled" } else { "Enabled" }}</td>
            <td class="sessions-count">{sessions_link(&user)}</td>
            <td class="last_active">{ago(user.last_sign_in, now)}</td>
        </tr>
    }
}

fn new_user(typed_name: String, typed_role: Role, refusal: &Refusal) -> impl IntoView + use<> {
    view! {
        <section class="standing" aria-labelledby="new-user">
            <h2 id="new-user">"New user"</h2>
            {refusal.before("create")}
            <form class="inline-form" method="post" action=paths::USERS>
                <input type="hidden" name="action" value="create"/>
                <label>
                    <span>"Username"</span>
                    <input
                        type="text"
                        name="name"
                        required
                        maxlength="255"
                        autocomplete="off"
                        value=typed_name
                        autofocus=refusal.is_of("create")
                        aria-describedby=refusal.described_by("create")
                    />
                </label>
                {password_field("Password", false, None)}
                {role_field(typed_role)}
                <button type="submit" class="button primary">"Create user"</button>
            </form>
        </section>
    }
}

fn one_user(user: &UserRow, is_own: bool, now: Timestamp, refusal: &Refusal) -> impl IntoView + use<> {
    let name = user.name.clone();
    let facts = [
        ("Role", user.role.label().to_owned()),
        ("Sign-in", if user.disabled { "Disabled".to_owned() } else { "Enabled".to_owned() }),
        ("Last sign-in", ago(user.last_sign_in, now)),
        ("Created", ago(Some(user.created_at), now)),
    ];
    let facts: Vec<_> = facts.into_iter().map(|(label, fact)| view! { <dt>{label}</dt><dd>{fact}</dd> }).collect();
    let acts = if is_own {
        view! {
            <p class="explained">
                "This is your own account: another administrator can change its role, disable or delete it. Your \
                 password is under "<a href=paths::MY_SESSIONS>"My Sessions"</a>"."
            </p>
        }
        .into_any()
    } else {
        acts(user, refusal).into_any()
    };
    view! {
        <p class="back">
            <a href=paths::USERS>"All users"</a>
        </p>
        <div class="heading">
            {avatar(&name)} <h1>{name}</h1>
        </div>
        <dl class="facts">{facts}<dt>"Sessions"</dt><dd>{sessions_link(user)}</dd></dl>
        {acts}
    }
}

fn acts(user: &UserRow, refusal: &Refusal) -> impl IntoView + use<> {
    let act_form = |action, fields| view! { {refusal.before(action)} {act_form(&user.name, action, fields)} };
    let access = if user.disabled {
        act_form("enable", view! { <button type="submit" class="button">"Enable sign-in"</button> }.into_any())
    } else {
        let button = view! { <button type="submit" class="button danger">"End sessions and disable sign-in"</button> };
        act_form("disable", button.into_any())
    };
    let role = view! {
        {role_field(user.role)}
        <button type="submit" class="button">"Change role"</button>
    };
    let password = view! {
        {password_field("New password", refusal.is_of("password"), refusal.described_by("password"))}
        <button type="submit" class="button">"Reset password"</button>
    };
    let delete = view! { <button type="submit" class="button danger">"Delete user"</button> };
    view! {
        <section class="standing" aria-label="Access">
            <p class="explained">
                "Whatever you change here takes effect at once and ends the user's sessions, app passwords and client \
                 tokens."
            </p>
            {access} {act_form("role", role.into_any())} {act_form("password", password.into_any())}
            <details open=refusal.is_of("delete")>
                <summary>"Delete this user"</summary>
                <p class="explained">"The account is gone for good. Its name can be given again, to somebody else."</p>
                {act_form("delete", delete.into_any())}
            </details>
        </section>
    }
}

fn act_form(name: &str, action: &'static str, fields: AnyView) -> AnyView {
    view! {
        <form class="inline-form" method="post" action=paths::USERS>
            <input type="hidden" name="action" value=action/>
            <input type="hidden" name="name" value=name.to_owned()/>
            {fields}
        </form>
    }
    .into_any()
}

fn password_field(label: &'static str, autofocus: bool, described_by: Option<String>) -> impl IntoView {
    view! {
        <label>
            <span>{label}</span>
            <input
                type="password"
                name="password"
                required
                minlength="8"
                autocomplete="new-password"
                autofocus=autofocus
                aria-describedby=described_by
            />
        </label>
    }
}

fn role_field(chosen: Role) -> impl IntoView {
    let choices = [Role::User, Role::Administrator].map(|role| {
        view! { <option value=role.as_str() selected=role == chosen>{role.label()}</option> }
    });
    view! {
        <label>
            <span>"Role"</span>
            <select name="role">{choices}</select>
        </label>
    }
}

/// How many sessions there are, as a link to them.
fn sessions_link(user: &UserRow) -> AnyView {
    if user.sessions == 0 {
        return view! { <span>"0"</span> }.into_any();
    }
    let mut query = SessionQuery::default();
    query.filter.search = format!("user=\"{}\"", user.name);
    let count = grouped(user.sessions);
    let label = format!("{count} {} of {}", if user.sessions == 1 { "session" } else { "sessions" }, user.name);
    view! { <a href=query.href() aria-label=label>{count}</a> }.into_any()
}

fn user_href(name: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("user", name).finish();
    format!("{}?{query}", paths::USERS)
}

fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    at.map_or_else(|| "Never".to_owned(), |at| at.ago(now).to_string())
}
