//! JSON bodies in, with errors that say what to change.

use axum::{
    RequestExt,
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::problem::Problem;

/// Refuses a body of another media type.
///
/// # Errors
/// 415, which names the right one.
pub fn must_be(request: &Request, media_type: &str) -> Result<(), Problem> {
    let given = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type) {
        return Ok(());
    }
    Err(Problem::new(415, format!("send the body as {media_type} (header Content-Type)")))
}

/// The whole body of a request.
///
/// # Errors
/// When it is too large or breaks off.
pub async fn body_of(request: Request) -> Result<Bytes, Problem> {
    request
        .extract()
        .await
        .map_err(|rejection: BytesRejection| Problem::new(rejection.status().as_u16(), rejection.body_text()))
}

/// A JSON body. Unknown and duplicate fields are refused by the types that are read.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        must_be(&request, "application/json")?;
        let bytes = body_of(request).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::new(400, format!("the JSON body cannot be used: {error}")))
    }
}
