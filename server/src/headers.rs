//! Security headers on every answer.

use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use leptos::nonce::Nonce;
use url::Url;

use crate::state::AppState;

/// What a page may load: scripts by nonce only, WebAssembly, and nothing from elsewhere.
#[derive(Clone, Debug)]
pub struct Policy {
    after_nonce: String,
}

impl Policy {
    /// The policy of a server that signs users in for these applications: browsers hold a form's redirect to
    /// `form-action` too.
    pub fn new(applications: &[Url]) -> Self {
        let applications: String =
            applications.iter().map(|url| format!(" {}", url.origin().ascii_serialization())).collect();
        Self {
            after_nonce: format!(
                "' 'strict-dynamic' 'wasm-unsafe-eval'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                 base-uri 'none'; object-src 'none'; form-action 'self'{applications}; frame-ancestors 'none'"
            ),
        }
    }

    /// Puts the policy on a page whose scripts carry this nonce.
    pub fn protect_page(&self, response: &mut Response, nonce: &Nonce) {
        let policy = format!("default-src 'none'; script-src 'nonce-{nonce}{}", self.after_nonce);
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
    }
}

/// Adds the security headers. What is no page loads nothing. Referrer-Policy is `same-origin`: with `no-referrer`
/// browsers send `Origin: null` with our own forms.
pub fn protect(state: &AppState, headers: &mut HeaderMap) {
    for (name, value) in FIXED {
        headers.insert(name, value);
    }
    for (name, value) in DEFAULT {
        headers.entry(name).or_insert(value);
    }
    if state.public_url.scheme() == "https" {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
}

const FIXED: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
    ),
];

const DEFAULT: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ),
    (header::VARY, HeaderValue::from_static("Cookie, Origin, Sec-Fetch-Site")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];
