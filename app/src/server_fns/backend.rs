//! How server functions reach the server: who asks, what answers, and the status and cookies of the response.

use http::{HeaderValue, StatusCode, header::SET_COOKIE, request::Parts};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use crate::{
    authority::{Backend, SignInForm},
    error::AppError,
    principal::Principal,
    session::Client,
};

/// The backend and who asks.
///
/// # Errors
/// [`AppError::Unauthorized`] when no live session came with the request.
pub(super) fn asked() -> Result<(Backend, Principal), AppError> {
    let asker = extension::<Principal>().ok_or(AppError::Unauthorized);
    Ok((answered(backend())?, answered(asker)?))
}

/// Passes a result on, with the status of its error on the response.
pub(super) fn answered<T>(result: Result<T, AppError>) -> Result<T, AppError> {
    if let (Err(error), Some(response)) = (&result, use_context::<ResponseOptions>()) {
        response.set_status(StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    }
    result
}

/// Signs in, sets the cookie, answers the location.
pub(super) async fn signed_in(form: SignInForm) -> Result<String, AppError> {
    let client = answered(extension::<Client>().ok_or(AppError::Internal))?;
    let replaced = extension::<Principal>().map(|asker| asker.session_id);
    let signed_in = answered(answered(backend())?.authority.sign_in(form, client, replaced).await)?;
    set_cookie(&signed_in.set_cookie);
    Ok(signed_in.location)
}

/// Passes the result of a sign-out on and takes the cookie away, unless the session is still there.
pub(super) fn signed_out(result: Result<(), AppError>, backend: &Backend) -> Result<(), AppError> {
    if result != Err(AppError::Unavailable) {
        set_cookie(&backend.authority.clearing_cookie());
    }
    answered(result)
}

fn backend() -> Result<Backend, AppError> {
    use_context::<Backend>().ok_or(AppError::Internal)
}

fn extension<T: Clone + Send + Sync + 'static>() -> Option<T> {
    use_context::<Parts>()?.extensions.get::<T>().cloned()
}

fn set_cookie(cookie: &str) {
    if let (Ok(value), Some(response)) = (HeaderValue::from_str(cookie), use_context::<ResponseOptions>()) {
        response.append_header(SET_COOKIE, value);
    }
}
