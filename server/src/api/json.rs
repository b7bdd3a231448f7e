//! JSON bodies in, with errors that say what to change.

use axum::{
    RequestExt,
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
};
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::problem::Problem;

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
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(Problem::new(415, "send the body as application/json (header Content-Type)"));
        }
        let bytes = body_of(request).await?;
        serde_json::from_slice(&bytes)
            .map(Self)
            .map_err(|error| Problem::new(400, format!("the JSON body cannot be used: {error}")))
    }
}
