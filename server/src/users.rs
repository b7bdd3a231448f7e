//! `/users`: the page of the accounts, and what its forms do. For administrators only.

use app::{
    error::AppError,
    pages::{PageData, RefusedForm, UserRow, Users, UsersData},
    paths,
    principal::{Principal, Role},
    session::{search::fold, store::SessionStore},
};
use axum::{
    Extension,
    extract::{Request, State},
    response::{IntoResponse, Redirect, Response},
};
use http::StatusCode;
use url::form_urlencoded;

use crate::{
    api::problem::Problem,
    auth::accounts::{Account, Lock},
    forms::taken_apart,
    pages::{self, parameter},
    state::AppState,
};

/// How many users the page shows; who looks for another searches.
const SHOWN: usize = 200;

/// GET `/users`: the list, `q` searched for in it, or the one `user`; `done` tells what the last form did.
pub async fn show(State(state): State<AppState>, Extension(asker): Extension<Principal>, request: Request) -> Response {
    let parameters = request.uri().query().unwrap_or_default().to_owned();
    let notice = parameter(&parameters, "done").and_then(|done| in_words(&done)).map(str::to_owned);
    let users = Users { notice, ..Users::default() };
    match page(&state, &asker, &parameters, users) {
        Ok(page) => pages::render(&state, request.headers(), StatusCode::OK, page),
        Err(error) => pages::refusal(&state, request.headers(), Some(&asker), error),
    }
}

/// POST `/users`: `action` says what to do with the account `name`.
///
/// # Errors
/// When the body cannot be read.
pub async fn act(
    State(state): State<AppState>,
    Extension(asker): Extension<Principal>,
    request: Request,
) -> Result<Response, Problem> {
    let (bare, form) = taken_apart(request).await?;
    let name = parameter(&form, "name").unwrap_or_default();
    let action = parameter(&form, "action").unwrap_or_default();
    let error = match perform(&state, &asker, &action, &name, &form).await {
        Ok(shown) => {
            let query = match &shown {
                Some(account) => with_parameters(&[("user", &account.name), ("done", &action)]),
                None => with_parameters(&[("done", &action)]),
            };
            return Ok(Redirect::to(&format!("{}?{query}", paths::USERS)).into_response());
        }
        Err(error @ (AppError::Unauthorized | AppError::Forbidden)) => {
            return Ok(pages::refusal(&state, bare.headers(), Some(&asker), error));
        }
        Err(error) => error,
    };
    let is_of_one = action != "create" && state.accounts.find(&name).is_some();
    let parameters = if is_of_one { with_parameters(&[("user", &name)]) } else { String::new() };
    let refused = RefusedForm { action: action.clone(), error: pages::sentence(&error) };
    let mut users = Users { refused: Some(refused), ..Users::default() };
    match action.as_str() {
        "create" => {
            users.typed_name = name;
            users.typed_role = role_in(&form).unwrap_or(Role::User);
        }
        "lock" => users.typed_message = parameter(&form, "message").unwrap_or_default(),
        _ => {}
    }
    Ok(match page(&state, &asker, &parameters, users) {
        Ok(page) => pages::render(&state, bare.headers(), pages::status_of(&error), page),
        Err(error) => pages::refusal(&state, bare.headers(), Some(&asker), error),
    })
}

/// Does it, and returns the account if there still is one.
async fn perform(
    state: &AppState,
    asker: &Principal,
    action: &str,
    name: &str,
    form: &str,
) -> Result<Option<Account>, AppError> {
    state.sessions.administrators_only(asker)?;
    let accounts = &state.accounts;
    let password = || {
        parameter(form, "password")
            .ok_or_else(|| AppError::Invalid("'password' is missing: 8 bytes or more".to_owned()))
    };
    if action != "create" && accounts.find(name).is_some_and(|account| account.name == asker.username) {
        return Err(AppError::Invalid(
            "this is your own account: another administrator can change it, and your password is under My Sessions"
                .to_owned(),
        ));
    }
    let by = Some(asker);
    let act = async || {
        Ok(match action {
            "create" => {
                let role = role_in(form)?;
                let account = accounts.add(name, role, &password()?, state.sessions.now(), by).await?;
                (format!("created {} as {}", account.name, role.as_str()), Some(account))
            }
            "role" => {
                let account = accounts.set_role(name, role_in(form)?, by).await?;
                (format!("changed the role of {} to {}", account.name, account.role.as_str()), Some(account))
            }
            "password" => {
                let account = accounts.set_password(name, &password()?, by).await?;
                (format!("reset the password of {}", account.name), Some(account))
            }
            "disable" | "enable" => {
                let account = accounts.set_disabled(name, action == "disable", by).await?;
                (format!("{action}d sign-in of {}", account.name), Some(account))
            }
            "delete" => {
                accounts.remove(name, by).await?;
                (format!("deleted {name}"), None)
            }
            "lock" => {
                let message = parameter(form, "message").unwrap_or_default().trim().to_owned();
                accounts.set_lock(Some(Lock { message: message.clone() }), by).await?;
                (format!("locked the server: {message:?}"), None)
            }
            "unlock" => {
                accounts.set_lock(None, by).await?;
                ("unlocked the server".to_owned(), None)
            }
            _ => {
                return Err(AppError::Invalid(
                    "'action' must be create, role, password, disable, enable, delete, lock or unlock".to_owned(),
                ));
            }
        })
    };
    let outcome: Result<(String, Option<Account>), AppError> = act().await;
    let (by, session) = (&asker.username, asker.session_id.0);
    match &outcome {
        Ok((done, _)) => tracing::info!(
            principal.name = %by, principal.session = session, user.name = name, "{by} {done}"
        ),
        Err(error) => tracing::info!(
            principal.name = %by, principal.session = session, user.name = name, action, "{by} was refused: {error}"
        ),
    }
    outcome.map(|(_, account)| account)
}

fn with_parameters(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn role_in(form: &str) -> Result<Role, AppError> {
    let role = parameter(form, "role").and_then(|role| Role::parse(&role));
    role.ok_or_else(|| AppError::Invalid("'role' must be administrator or user".to_owned()))
}

fn in_words(done: &str) -> Option<&'static str> {
    Some(match done {
        "create" => "The user was created.",
        "role" => "The role was changed; the user's sessions have ended.",
        "password" => "The password was reset; the user's sessions have ended.",
        "disable" => "The user's sessions have ended, and sign-in is disabled.",
        "enable" => "The user may sign in again.",
        "delete" => "The user was deleted; their sessions have ended.",
        "lock" => "Only administrators may sign in now. Sessions that are open go on.",
        "unlock" => "Everybody may sign in again.",
        _ => return None,
    })
}

fn page(state: &AppState, asker: &Principal, parameters: &str, users: Users) -> Result<PageData, AppError> {
    state.sessions.administrators_only(asker)?;
    let lock = state.accounts.lock().map(|lock| lock.message);
    let mut users = Users { now: state.sessions.now(), lock, ..users };
    match parameter(parameters, "user") {
        Some(name) => {
            let account = state.accounts.find(&name).ok_or_else(|| AppError::NotFound(format!("user '{name}'")))?;
            users.chosen = Some(row(state, account));
        }
        None => {
            users.search = parameter(parameters, "q").unwrap_or_default();
            let part = fold(users.search.trim());
            let mut found = state.accounts.list();
            found.retain(|account| fold(&account.name).contains(&part));
            users.total = found.len() as u64;
            found.truncate(SHOWN);
            users.found = found.into_iter().map(|account| row(state, account)).collect();
        }
    }
    Ok(PageData::Users(UsersData { viewer: state.viewer(asker), users }))
}

fn row(state: &AppState, account: Account) -> UserRow {
    UserRow {
        name: account.name.to_string(),
        role: account.role,
        disabled: account.disabled,
        sessions: state.store.count_of_user(&account.name),
        last_sign_in: account.last_sign_in,
        created_at: account.created_at,
    }
}
