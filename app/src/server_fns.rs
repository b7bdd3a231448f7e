//! What the hydrated page asks of the server: two-line shells over [`Sessions`](crate::session::service::Sessions) and
//! [`Authority`](crate::authority::Authority).
//!
//! All are POSTs of [messages](crate::wire) under `/rpc`, behind the same checks as REST.

#![expect(missing_docs, reason = "the macro makes a struct of each function's parameters, without a place for docs")]

#[cfg(feature = "ssr")]
mod backend;

use leptos::prelude::*;

use crate::{
    error::AppError,
    session::{
        Session, SessionId,
        column::Columns,
        page::Page,
        query::{Filter, SessionQuery},
        selection::{DeletePreview, Deleted, SelectedCounts, Selection},
    },
    wire::Wire,
};

/// Part of the session list: what the page polls while the live channel cannot be had. Activity only with `input`:
/// the user has done something since the last poll.
#[server(prefix = "/rpc", endpoint = "list_sessions", protocol = Wire)]
pub async fn list_sessions(query: SessionQuery, input: bool) -> Result<Page, AppError> {
    let (backend, asker) = backend::asked()?;
    if input {
        backend.sessions.touch(asker.session_id);
    }
    backend.sessions.list(&asker, &query)
}

/// The asker's own sessions: what My Sessions polls while the live channel cannot be had. Activity as with
/// [`list_sessions`].
#[server(prefix = "/rpc", endpoint = "list_own_sessions", protocol = Wire)]
pub async fn list_own_sessions(input: bool) -> Result<Vec<Session>, AppError> {
    let (backend, asker) = backend::asked()?;
    if input {
        backend.sessions.touch(asker.session_id);
    }
    Ok(backend.sessions.own(&asker))
}

/// What [`delete_sessions`] would do, for the confirmation.
#[server(prefix = "/rpc", endpoint = "preview_delete", protocol = Wire)]
pub async fn preview_delete(selection: Selection) -> Result<DeletePreview, AppError> {
    let (backend, asker) = backend::asked()?;
    backend.sessions.preview(&asker, &selection)
}

/// How many sessions are selected, and how many of them are not in the view of this filter. Not activity.
#[server(prefix = "/rpc", endpoint = "count_selected", protocol = Wire)]
pub async fn count_selected(selection: Selection, view: Filter) -> Result<SelectedCounts, AppError> {
    let (backend, asker) = backend::asked()?;
    backend.sessions.count_selected(&asker, &selection, &view)
}

/// Ends sessions of other users for good.
#[server(prefix = "/rpc", endpoint = "delete_sessions", protocol = Wire)]
pub async fn delete_sessions(selection: Selection) -> Result<Deleted, AppError> {
    let (backend, asker) = backend::asked()?;
    backend.sessions.delete(&asker, selection).await
}

/// Ends one of the asker's other sessions.
#[server(prefix = "/rpc", endpoint = "end_own_session", protocol = Wire)]
pub async fn end_own_session(id: SessionId) -> Result<(), AppError> {
    let (backend, asker) = backend::asked()?;
    backend.sessions.end_own(&asker, id).await
}

/// Remembers the columns that the asker has chosen.
#[server(prefix = "/rpc", endpoint = "set_columns", protocol = Wire)]
pub async fn set_columns(columns: Columns) -> Result<(), AppError> {
    let (backend, asker) = backend::asked()?;
    backend.authority.set_columns(&asker, columns).await
}

/// Signs in and sets the cookie; answers where to go.
#[server(prefix = "/rpc", endpoint = "sign_in", protocol = Wire)]
pub async fn sign_in(username: String, password: String, next: String) -> Result<String, AppError> {
    let form = crate::authority::SignInForm { username, password, next, rd: String::new() };
    backend::signed_in(form).await
}

/// Ends the asker's own session and takes the cookie away.
#[server(prefix = "/rpc", endpoint = "sign_out", protocol = Wire)]
pub async fn sign_out() -> Result<(), AppError> {
    let (backend, asker) = backend::asked()?;
    backend::signed_out(backend.sessions.sign_out(asker.session_id).await, &backend)
}
