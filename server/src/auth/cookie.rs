//! The session cookie, and the other that is read.

use app::time::UtcOffset;
use http::header::COOKIE;

use crate::header_values::{HeaderValues, as_text};

/// How the session cookie is named and protected.
#[derive(Clone, Debug)]
pub enum SessionCookie {
    /// `keepwatch`, for http on loopback, where browsers keep no secure cookie.
    Plain,
    /// `__Host-keepwatch`: only the host that has set it ever sees it.
    OfHost,
    /// `__Secure-keepwatch`: every host below this domain sees it, and can set it.
    OfDomain(String),
}

impl SessionCookie {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain => "keepwatch",
            Self::OfHost => "__Host-keepwatch",
            Self::OfDomain(_) => "__Secure-keepwatch",
        }
    }

    /// `Set-Cookie` value that carries `token` until the browser closes.
    pub fn carrying(&self, token: &str) -> String {
        self.with_attributes(token, "")
    }

    /// `Set-Cookie` value that takes the cookie away.
    pub fn clearing(&self) -> String {
        self.with_attributes("", "; Max-Age=0")
    }

    // Lax, not Strict: a person who follows a link to the console from a mail must not be asked to sign in again.
    fn with_attributes(&self, value: &str, age: &str) -> String {
        let protection = match self {
            Self::Plain => String::new(),
            Self::OfHost => "; Secure".to_owned(),
            Self::OfDomain(domain) => format!("; Secure; Domain={domain}"),
        };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{protection}{age}", self.name())
    }

    /// Whether it is among a request's cookies, however often.
    pub fn is_among(&self, headers: &impl HeaderValues) -> bool {
        self.values(headers).next().is_some()
    }

    /// The token in a request's cookies. A cookie that occurs twice is not believed.
    pub fn read<'a>(&self, headers: &'a impl HeaderValues) -> Option<&'a [u8]> {
        let mut found = self.values(headers);
        let token = found.next()?;
        found.next().is_none().then_some(token)
    }

    fn values<'a>(&self, headers: &'a impl HeaderValues) -> impl Iterator<Item = &'a [u8]> {
        values_of(self.name(), headers)
    }
}

/// The time of the device that has told it; else UTC.
pub fn utc_offset(headers: &impl HeaderValues) -> UtcOffset {
    let told = values_of(UtcOffset::COOKIE, headers).next().and_then(as_text);
    told.and_then(|minutes| UtcOffset::from_minutes(minutes.parse().ok()?)).unwrap_or_default()
}

/// The values of the cookies of this name.
fn values_of<'a>(name: &'static str, headers: &'a impl HeaderValues) -> impl Iterator<Item = &'a [u8]> {
    headers
        .all(&COOKIE)
        // By bytes: what other applications put beside it need not be ASCII.
        .flat_map(|value| value.split(|byte| *byte == b';'))
        .filter_map(move |cookie| cookie.trim_ascii().strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn headers(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|cookie| (COOKIE, HeaderValue::from_static(cookie))).collect()
    }

    #[test]
    fn the_cookie_is_bound_to_the_host_and_hidden_from_scripts() {
        let cookie = SessionCookie::OfHost;
        assert_eq!(cookie.carrying("t"), "__Host-keepwatch=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(cookie.clearing(), "__Host-keepwatch=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
        assert_eq!(SessionCookie::Plain.carrying("t"), "keepwatch=t; Path=/; HttpOnly; SameSite=Lax");
        let of_domain = SessionCookie::OfDomain("example.org".to_owned());
        let expected = "__Secure-keepwatch=t; Path=/; HttpOnly; SameSite=Lax; Secure; Domain=example.org";
        assert_eq!(of_domain.carrying("t"), expected);
    }

    #[test]
    fn a_device_tells_its_time() {
        let told = |cookie| utc_offset(&headers(&[cookie])).to_string();
        assert_eq!(told("keepwatch=x; keepwatch-utc-offset=345"), "UTC+5:45");
        assert_eq!(told("keepwatch-utc-offset=-480"), "UTC-8");
        for cookie in ["keepwatch=60", "keepwatch-utc-offset=", "keepwatch-utc-offset=9999", "keepwatch-utc-offset=1h"]
        {
            assert_eq!(told(cookie), "UTC");
        }
    }

    #[test]
    fn only_the_one_cookie_of_our_name_is_read() {
        let cookie = SessionCookie::Plain;
        assert_eq!(cookie.read(&headers(&["a=1; keepwatch=x; b=2"])), Some(&b"x"[..]));
        assert_eq!(cookie.read(&headers(&["__Host-keepwatch=x"])), None);
        let beside = HeaderValue::from_bytes(b"name=J\xfcrgen; keepwatch=x; other=\xc3\xbc").unwrap();
        assert_eq!(cookie.read(&HeaderMap::from_iter([(COOKIE, beside)])), Some(&b"x"[..]));
        assert_eq!(cookie.read(&headers(&["keepwatch=x; keepwatch=y"])), None);
        let twice = HeaderValue::from_bytes(b"keepwatch=x; keepwatch=\xfc").unwrap();
        assert_eq!(cookie.read(&HeaderMap::from_iter([(COOKIE, twice)])), None);
        assert_eq!(cookie.read(&headers(&["keepwatch=x", "keepwatch=x"])), None);
    }
}
