//! Errors as RFC 9457 problem documents.

use app::{error::AppError, scope::Scope};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// What went wrong, and what to change (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says the kind.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What happened and what to change.
    detail: String,
    /// The query parameter at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(skip)]
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: u16, detail: impl Into<String>) -> Self {
        let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        Self {
            kind: "about:blank",
            title: title.unwrap_or("Error"),
            status,
            detail: detail.into(),
            parameter: None,
            retry_after_seconds: None,
        }
    }

    /// A client token may not do this.
    pub fn missing_scope(needed: Scope) -> Self {
        Self::new(403, format!("this client token has not the scope {}: make one that has", needed.as_str()))
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let mut problem = Self::new(error.status(), error.to_string());
        match &error {
            AppError::Query(query) => problem.parameter = Some(query.parameter().to_owned()),
            AppError::Throttled { retry_after_seconds } => problem.retry_after_seconds = Some(*retry_after_seconds),
            AppError::OutcomeUnknown | AppError::Unavailable => problem.retry_after_seconds = Some(1),
            AppError::Unauthorized
            | AppError::WrongCredentials
            | AppError::Forbidden
            | AppError::Locked(_)
            | AppError::OwnSession(_)
            | AppError::NotFound(_)
            | AppError::Invalid(_)
            | AppError::Internal
            | AppError::OtherVersion
            | AppError::Unreachable => {}
        }
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
