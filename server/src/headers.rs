//! Security headers on every answer.

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderName, HeaderValue, header};
use leptos::nonce::Nonce;

use crate::state::AppState;

/// Adds the security headers, and puts the [`Nonce`] that the policy names into the request's extensions.
///
/// The policy lets in scripts by nonce only, WebAssembly, and nothing from elsewhere. Referrer-Policy is `same-origin`:
/// with `no-referrer` browsers send `Origin: null` with our own forms.
pub async fn protect(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let nonce = Nonce::new();
    request.extensions_mut().insert(nonce.clone());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy(&state, &nonce)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in FIXED {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("Cookie, Origin, Sec-Fetch-Site"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if state.public_url.scheme() == "https" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

const FIXED: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

fn policy(state: &AppState, nonce: &Nonce) -> String {
    // Browsers hold a form's redirect to form-action too: signing in for an application leads there.
    let applications: String =
        state.applications.iter().map(|url| format!(" {}", url.origin().ascii_serialization())).collect();
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; \
         connect-src 'self'; img-src 'self' data:; base-uri 'none'; object-src 'none'; \
         form-action 'self'{applications}; frame-ancestors 'none'"
    )
}
