//! The session cookie.

use http::{HeaderMap, header::COOKIE};

/// How the session cookie is named and protected, decided by the public URL.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    secure: bool,
}

impl SessionCookie {
    /// `__Host-keepwatch` with `Secure`, or plain `keepwatch` for http on loopback, where browsers keep no secure cookie.
    pub fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        if self.secure { "__Host-keepwatch" } else { "keepwatch" }
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
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}", self.name())
    }

    /// The token in a request's cookies. A cookie that occurs twice is not believed.
    pub fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let mut found = headers
            .get_all(COOKIE)
            .iter()
            // By bytes: what other applications put beside it need not be ASCII.
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            .filter_map(|cookie| std::str::from_utf8(cookie.trim_ascii()).ok()?.split_once('='))
            .filter(|(name, _)| *name == self.name())
            .map(|(_, value)| value);
        let token = found.next()?;
        found.next().is_none().then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(cookies: &[&'static str]) -> HeaderMap {
        cookies.iter().map(|cookie| (COOKIE, HeaderValue::from_static(cookie))).collect()
    }

    #[test]
    fn the_cookie_is_bound_to_the_host_and_hidden_from_scripts() {
        let cookie = SessionCookie::new(true);
        assert_eq!(cookie.carrying("t"), "__Host-keepwatch=t; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(cookie.clearing(), "__Host-keepwatch=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
        assert_eq!(SessionCookie::new(false).carrying("t"), "keepwatch=t; Path=/; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn only_the_one_cookie_of_our_name_is_read() {
        let cookie = SessionCookie::new(false);
        assert_eq!(cookie.read(&headers(&["a=1; keepwatch=x; b=2"])), Some("x"));
        assert_eq!(cookie.read(&headers(&["__Host-keepwatch=x"])), None);
        let beside = HeaderValue::from_bytes(b"name=J\xfcrgen; keepwatch=x; other=\xc3\xbc").unwrap();
        assert_eq!(cookie.read(&HeaderMap::from_iter([(COOKIE, beside)])), Some("x"));
        assert_eq!(cookie.read(&headers(&["keepwatch=x; keepwatch=y"])), None);
        assert_eq!(cookie.read(&headers(&["keepwatch=x", "keepwatch=x"])), None);
    }
}
