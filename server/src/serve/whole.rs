//! A request that was read in one piece.

use std::mem::MaybeUninit;

use axum::body::{Body, Bytes};
use http::{HeaderName, HeaderValue, Request, header};

use crate::header_values::HeaderValues;

/// The most headers of a request that is read in one piece; one with more is read by hyper.
const MOST_HEADERS: usize = 64;

/// A request of HTTP/1.1 every byte of which is here, and nothing behind it. Borrowed from what was read.
#[derive(Debug)]
pub struct Whole<'a> {
    /// As it stands in the request line.
    pub method: &'a str,
    /// The path, with the query if there is one, as a rule (RFC 9112, 3.2).
    pub target: &'a str,
    /// What follows the headers: as much as Content-Length says.
    pub body: &'a [u8],
    headers: &'a [httparse::Header<'a>],
}

impl Whole<'_> {
    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Has `use_it` called with the request that the bytes are; `None`, and it is not called, unless they are exactly one.
    ///
    /// Whatever leaves a doubt about where it ends, or asks for more than an answer, is none: no length or more than one
    /// way to tell it (RFC 9112, 6.3), an upgrade, an expectation, a connection that is to be closed.
    pub fn read<T>(bytes: &[u8], use_it: impl FnOnce(&Whole<'_>) -> T) -> Option<T> {
        let mut storage = [const { MaybeUninit::uninit() }; MOST_HEADERS];
        let mut parsed = httparse::Request::new(&mut []);
        let status = parsed.parse_with_uninit_headers(bytes, &mut storage).ok()?;
        let httparse::Status::Complete(end) = status else { return None };
        let httparse::Request { method: Some(method), path: Some(target), version: Some(1), headers } = parsed else {
            return None;
        };
        let mut length = None;
        for header in &*headers {
            let is = |name: HeaderName| header.name.eq_ignore_ascii_case(name.as_str());
            if is(header::CONTENT_LENGTH) {
                let digits = str::from_utf8(header.value).ok()?;
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                let first = length.replace(digits.parse::<usize>().ok()?);
                if !is_number || first.is_some() {
                    return None;
                }
            } else if is(header::TRANSFER_ENCODING)
                || is(header::UPGRADE)
                || is(header::EXPECT)
                || is(header::CONNECTION) && !header.value.eq_ignore_ascii_case(b"keep-alive")
            {
                return None;
            }
        }
        let body = bytes.get(end..)?;
        // The answer to HEAD has the length of a body that it does not have, and the one to CONNECT opens a tunnel.
        let is_plain = !matches!(method, "HEAD" | "CONNECT");
        (is_plain && body.len() == length.unwrap_or(0)).then(|| use_it(&Whole { method, target, body, headers }))
    }

    /// The same for whoever handles requests of any kind; `None` if they would not take it.
    pub fn to_request(&self) -> Option<Request<Body>> {
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.target)
            .body(Body::from(Bytes::copy_from_slice(self.body)))
            .ok()?;
        for header in self.headers {
            let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
            request.headers_mut().append(name, HeaderValue::from_bytes(header.value).ok()?);
        }
        Some(request)
    }
}

impl HeaderValues for Whole<'_> {
    fn all(&self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &[u8]> {
        let of_name = |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name.as_str());
        self.headers.iter().filter(of_name).map(|header| header.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_whole(text: &str) -> bool {
        Whole::read(text.as_bytes(), |_| ()).is_some()
    }

    #[test]
    fn a_request_is_whole_with_its_body_and_nothing_behind_it() {
        let post = "POST /a?b HTTP/1.1\r\nHost: x\r\ncontent-Length: 3\r\nX-A: 1\r\nx-a: 2\r\n\r\nabc";
        let read = Whole::read(post.as_bytes(), |whole| {
            let values: Vec<_> = whole.all(&HeaderName::from_static("x-a")).map(<[u8]>::to_vec).collect();
            (whole.method.to_owned(), whole.target.to_owned(), whole.body.to_vec(), values)
        });
        let values = vec![b"1".to_vec(), b"2".to_vec()];
        assert_eq!(read, Some(("POST".to_owned(), "/a?b".to_owned(), b"abc".to_vec(), values)));
        for cut in 0..post.len() {
            assert!(!is_whole(&post[..cut]), "the first {cut} bytes");
        }
        assert!(!is_whole(&format!("{post}G")));
        assert!(!is_whole(&post.repeat(2)));
    }

    #[test]
    fn a_doubt_about_its_end_is_left_to_hyper() {
        let get = |headers: &str| format!("GET / HTTP/1.1\r\n{headers}\r\n");
        for innocent in ["", "Content-Length: 0\r\n", "Connection: Keep-Alive\r\n", "Host: x\r\nCookie: a=b\r\n"] {
            assert!(is_whole(&get(innocent)), "{innocent}");
        }
        for doubtful in [
            "Content-Length: 0\r\nContent-Length: 0\r\n",
            "Content-Length: +0\r\n",
            "Content-Length: \r\n",
            "Content-Length: 0, 0\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            "Content-Length: 1\r\n",
            "Transfer-Encoding: chunked\r\n",
            "Transfer-Encoding: identity\r\nContent-Length: 0\r\n",
            "Connection: close\r\n",
            "Connection: keep-alive, upgrade\r\n",
            "Upgrade: websocket\r\n",
            "Expect: 100-continue\r\n",
            "Content-Length : 0\r\n",
            "A: b\r\n c\r\n",
        ] {
            assert!(!is_whole(&get(doubtful)), "{doubtful}");
        }
        assert!(!is_whole("GET / HTTP/1.0\r\n\r\n"));
        assert!(!is_whole("HEAD / HTTP/1.1\r\n\r\n"));
        assert!(!is_whole("CONNECT / HTTP/1.1\r\n\r\n"));
        assert!(!is_whole(&get(&"A: b\r\n".repeat(MOST_HEADERS + 1))));
        assert!(!is_whole("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"));
    }

    #[test]
    fn the_request_of_it_has_all_that_was_read() {
        let text = "PUT /a?b=c HTTP/1.1\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nhi";
        let request = Whole::read(text.as_bytes(), |whole| whole.to_request()).flatten().unwrap();
        assert_eq!((request.method().as_str(), request.uri().to_string()), ("PUT", "/a?b=c".to_owned()));
        assert_eq!(request.headers().get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2"]);
    }
}
