//! How server functions reach the server: who asks, what answers, and the headers of the response.

use http::{HeaderName, HeaderValue, header::SET_COOKIE, request::Parts};
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
    Ok((backend()?, extension::<Principal>().ok_or(AppError::Unauthorized)?))
}

/// Signs in, sets the cookie, answers the location.
pub(super) async fn signed_in(form: SignInForm) -> Result<String, AppError> {
    let client = extension::<Client>().ok_or(AppError::Internal)?;
    let replaced = extension::<Principal>().map(|asker| asker.session_id);
    let signed_in = backend()?.authority.sign_in(form, client, replaced).await?;
    set_header(SET_COOKIE, &signed_in.set_cookie);
    Ok(signed_in.location)
}

/// Passes the result of a sign-out on and takes the cookie away, unless the session is still there.
pub(super) fn signed_out(result: Result<(), AppError>, backend: &Backend) -> Result<(), AppError> {
    if result != Err(AppError::Unavailable) {
        set_header(SET_COOKIE, &backend.authority.clearing_cookie());
        // The Back button must not show what was on the screen (ASVS 14.3.1).
        set_header(HeaderName::from_static("clear-site-data"), "\"cache\", \"storage\"");
    }
    result
}

fn backend() -> Result<Backend, AppError> {
    use_context::<Backend>().ok_or(AppError::Internal)
}

fn extension<T: Clone + Send + Sync + 'static>() -> Option<T> {
    use_context::<Parts>()?.extensions.get::<T>().cloned()
}

fn set_header(name: HeaderName, value: &str) {
    if let (Ok(value), Some(response)) = (HeaderValue::from_str(value), use_context::<ResponseOptions>()) {
        response.append_header(name, value);
    }
}
