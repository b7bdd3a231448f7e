//! A request as it is sent, and how its answer is told from a wrong one. Both are to cost the client less than a server
//! needs for its part: else the figures would be the client's.

use anyhow::{Context, ensure};
use memchr::memmem::Finder;

use crate::peer::Request;

/// The most headers of an answer.
const MOST_HEADERS: usize = 64;

/// A request that is ready to be sent, many times.
pub(crate) struct Prepared {
    pub(crate) bytes: Vec<u8>,
    /// `METHOD PATH`.
    name: String,
    status: u16,
    contains: Finder<'static>,
    /// Whether it is not HTTP.
    is_raw: bool,
}

impl Prepared {
    pub(crate) fn new(request: &Request, address: &str) -> Self {
        let Request { raw, method, path, headers, body, status, contains } = request;
        let bytes = raw.clone().unwrap_or_else(|| {
            let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n");
            headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
            if !body.is_empty() {
                text += &format!("Content-Length: {}\r\n", body.len());
            }
            format!("{text}\r\n{body}")
        });
        Self {
            bytes: bytes.into_bytes(),
            name: format!("{method} {path:.120}"),
            status: *status,
            contains: Finder::new(contains).into_owned(),
            is_raw: raw.is_some(),
        }
    }

    /// Whether what has come is the whole answer. It must be a right one.
    pub(crate) fn is_answered(&self, answer: &[u8]) -> anyhow::Result<bool> {
        let expected = self.contains.needle();
        if self.is_raw {
            ensure!(expected.starts_with(answer), "the answer is {}", String::from_utf8_lossy(answer));
            return Ok(answer.len() == expected.len());
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Response::new(&mut headers);
        let parsed = head.parse(answer).with_context(|| format!("the answer to {}", self.name))?;
        let httparse::Status::Complete(end) = parsed else { return Ok(false) };
        let body = &answer[end..];
        let is_whole = match header(&head, "content-length") {
            Some(length) => {
                let length: usize = str::from_utf8(length)?.parse().context("a length that is no number")?;
                ensure!(body.len() <= length, "the answer to {} is longer than it says", self.name);
                body.len() == length
            }
            // No content has no length.
            None => {
                let is_chunked =
                    header(&head, "transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
                if is_chunked { body.ends_with(b"0\r\n\r\n") } else { head.code == Some(204) }
            }
        };
        let is_right = || head.code == Some(self.status) && self.contains.find(answer).is_some();
        ensure!(!is_whole || is_right(), "{} is answered wrongly: {:.400}", self.name, String::from_utf8_lossy(answer));
        Ok(is_whole)
    }
}

fn header<'a>(head: &httparse::Response<'_, 'a>, name: &str) -> Option<&'a [u8]> {
    head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}
