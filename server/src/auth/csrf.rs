//! Whether an unsafe request comes from our own pages.
//!
//! The scheme of Go 1.25's `CrossOriginProtection` (words.filippo.io/csrf), stricter in three points: a request with a
//! cookie but without either header is refused, the public URL alone says which origin is ours, not the Host header, and
//! the WebSocket upgrade is checked too although it is a GET.

use app::paths;
use axum::extract::Request;
use http::{
    HeaderMap, Method,
    header::{COOKIE, ORIGIN},
};
use url::Url;

use crate::config::is_loopback;

/// The origins that are ours.
#[derive(Clone, Debug)]
pub struct OwnOrigins(Vec<String>);

impl OwnOrigins {
    /// The origin of the public URL; on loopback also its other names with the same port.
    pub fn new(public_url: &Url) -> Self {
        let origin = |url: &Url| url.origin().ascii_serialization();
        let mut origins = vec![origin(public_url)];
        if is_loopback(public_url) {
            for alias in ["localhost", "127.0.0.1", "[::1]"] {
                let mut url = public_url.clone();
                if url.set_host(Some(alias)).is_ok() {
                    origins.push(origin(&url));
                }
            }
        }
        Self(origins)
    }

    fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|own| own == origin)
    }
}

/// Whether a request is unsafe, or a WebSocket upgrade, and comes from another site. What a reverse proxy asks about comes
/// from the application's pages, and asking changes nothing.
pub fn is_from_another_site(own: &OwnOrigins, request: &Request) -> bool {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || paths::is_forward_auth(request.uri().path());
    let needs_origin = !safe || request.uri().path() == paths::LIVE;
    needs_origin && !is_same_site(own, request.headers())
}

fn is_same_site(own: &OwnOrigins, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    let origin = text(ORIGIN.as_str());
    if origin.is_some_and(|origin| own.contains(origin)) {
        return true;
    }
    match (text("sec-fetch-site"), origin) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // No browser sends neither: a client of its own, which must then not live on a browser's cookie.
        (None, None) => !headers.contains_key(COOKIE),
        (None, Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn allowed(pairs: &[(&'static str, &'static str)]) -> bool {
        let own = OwnOrigins::new(&Url::parse("https://keep.example.org").unwrap());
        let headers = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        is_same_site(&own, &headers)
    }

    #[test]
    fn our_own_pages_are_let_in() {
        assert!(allowed(&[("origin", "https://keep.example.org"), ("cookie", "a=b")]));
        assert!(allowed(&[("sec-fetch-site", "same-origin"), ("cookie", "a=b")]));
        assert!(allowed(&[("sec-fetch-site", "none"), ("cookie", "a=b")]));
    }

    #[test]
    fn a_client_without_browser_headers_is_let_in_only_without_a_cookie() {
        assert!(allowed(&[]));
        assert!(!allowed(&[("cookie", "a=b")]));
    }

    #[test]
    fn other_sites_are_refused() {
        for origin in [
            "null",
            "https://evil.example",
            "https://keep.example.org.evil.example",
            "https://keep.example.org:8443",
            "http://keep.example.org",
            "https://sub.keep.example.org",
        ] {
            let authority = origin.rsplit('/').next().unwrap_or_default();
            assert!(!allowed(&[("origin", origin)]), "{origin}");
            assert!(!allowed(&[("origin", origin), ("host", authority)]), "{origin}: a Host is no proof");
            assert!(!allowed(&[("origin", origin), ("sec-fetch-site", "cross-site")]), "{origin}");
        }
        assert!(!allowed(&[("sec-fetch-site", "same-site")]));
        assert!(!allowed(&[("origin", "https://evil.example"), ("host", "keep.example.org")]));
    }

    #[test]
    fn loopback_goes_by_all_its_names() {
        let own = OwnOrigins::new(&Url::parse("http://127.0.0.1:3000").unwrap());
        assert!(own.contains("http://localhost:3000") && own.contains("http://[::1]:3000"));
        assert!(!own.contains("http://localhost:3001"));
    }
}
