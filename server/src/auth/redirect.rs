//! Where a browser may be sent after sign-in.

use app::{error::AppError, paths};
use url::Url;

/// Decides on `next` and `rd`, resolved as a browser resolves them (WHATWG URL).
#[derive(Clone, Debug)]
pub struct Redirects {
    public_url: Url,
    applications: Vec<Url>,
}

impl Redirects {
    /// Redirects below `public_url` and to these applications, by exact origin.
    pub fn new(public_url: Url, applications: Vec<Url>) -> Self {
        Self { public_url, applications }
    }

    /// A path of ours for `next`: its own path and query if it leads to our pages, else `/`.
    pub fn within(&self, next: &str) -> String {
        let resolved = self.public_url.join(next).ok().filter(|_| next.starts_with('/'));
        match resolved {
            Some(url) if url.origin() == self.public_url.origin() && !url.path().starts_with("//") => {
                let path = &url[url::Position::BeforePath..];
                // The sign-in page as a target would look as if signing in had failed.
                if url.path() == paths::SIGN_IN { "/".to_owned() } else { path.to_owned() }
            }
            _ => "/".to_owned(),
        }
    }

    /// The application that `rd` leads to; none when it is empty.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when it leads to anything but an application by its exact origin.
    pub fn application(&self, rd: &str) -> Result<Option<Url>, AppError> {
        if rd.is_empty() {
            return Ok(None);
        }
        let url = Url::parse(rd).ok().filter(|url| url.has_host()).ok_or_else(|| {
            AppError::Invalid("the address to return to ('rd') must be a whole URL, with scheme and host".to_owned())
        })?;
        let plain = url.username().is_empty() && url.password().is_none();
        if plain && self.applications.iter().any(|allowed| allowed.origin() == url.origin()) {
            return Ok(Some(url));
        }
        let origin = url.origin().ascii_serialization();
        Err(AppError::Invalid(format!(
            "{origin} is no application that this server signs users in for: the administrator can add it with \
             --application {origin}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirects() -> Redirects {
        let url = |text| Url::parse(text).unwrap();
        Redirects::new(url("https://keep.example.org"), vec![url("https://wiki.example.org")])
    }

    #[test]
    fn our_own_pages_are_returned_to() {
        for next in ["/", "/reports/sessions?type=rest&q=a%20b", "/account/sessions"] {
            assert_eq!(redirects().within(next), next);
        }
    }

    #[test]
    fn nothing_else_is() {
        let evil = [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "/\t/evil.example",
            "/\n//evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https:///evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "/..//evil.example",
            "/.//evil.example",
            "/%2e//evil.example",
            "///evil.example",
            "http://keep.example.org/",
            "evil.example",
            "https://keep.example.org@evil.example",
            "https://keep.example.org.evil.example/",
            "／／evil.example",
            "/sign-in?next=/",
            " /evil.example/..//x",
            "@evil.example",
            "/\r\nLocation: https://evil.example",
        ];
        let base = Url::parse("https://keep.example.org/sign-in").unwrap();
        for next in evil {
            let target = redirects().within(next);
            let landed = base.join(&target).unwrap();
            assert_eq!(landed.host_str(), Some("keep.example.org"), "{next} led to {target}");
            assert!(!target.contains(['\r', '\n']), "{next}");
        }
    }

    #[test]
    fn applications_are_known_by_their_exact_origin() {
        assert!(redirects().application("https://wiki.example.org/start?x=1").unwrap().is_some());
        for rd in [
            "http://wiki.example.org/",
            "https://wiki.example.org:8443/",
            "https://wiki.example.org.evil.example/",
            "https://a.wiki.example.org/",
            "https://user@wiki.example.org/",
            "//wiki.example.org/",
            "/start",
            "javascript:alert(1)",
        ] {
            assert!(matches!(redirects().application(rd), Err(AppError::Invalid(_))), "{rd}");
        }
        assert_eq!(redirects().application(""), Ok(None));
    }
}
