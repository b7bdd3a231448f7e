//! An answer as it goes over the wire.

use std::time::{Duration, UNIX_EPOCH};

use app::time::Timestamp;
use axum::{body::to_bytes, response::Response};
use http::{StatusCode, header};

/// The most bytes of an answer that is written here.
const MOST: usize = 1_024 * 1_024;

/// Where the answers of a connection are written, each over the one before, so that only the first asks for memory.
#[derive(Debug, Default)]
pub struct Answer {
    bytes: Vec<u8>,
    /// When the last one was begun, and how: for the rest of a second, most begin the same.
    begun: Option<(StatusCode, u64)>,
    beginning: String,
}

impl Answer {
    /// Begins an answer, over what was written before.
    pub fn begin(&mut self, status: StatusCode, now: Timestamp) {
        let seconds = now.as_millis() / 1_000;
        if self.begun != Some((status, seconds)) {
            let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            let reason = status.canonical_reason().unwrap_or_default();
            self.beginning = format!("HTTP/1.1 {} {reason}\r\ndate: {date}", status.as_str());
            self.begun = Some((status, seconds));
        }
        self.bytes.clear();
        self.bytes.extend_from_slice(self.beginning.as_bytes());
    }

    /// Adds a header. The value must be one that a header can have.
    pub fn header(&mut self, name: &str, value: &[u8]) {
        self.add(b"\r\n");
        self.add(name.as_bytes());
        self.add(b": ");
        self.add(value);
    }

    /// Adds headers that are always the same: each begins with the line break that ends what is before it.
    pub fn headers(&mut self, lines: &'static str) {
        self.add(lines.as_bytes());
    }

    /// Ends it with its body.
    pub fn end(&mut self, body: &[u8]) {
        self.header(header::CONTENT_LENGTH.as_str(), itoa::Buffer::new().format(body.len()).as_bytes());
        self.add(b"\r\n\r\n");
        self.add(body);
    }

    /// Writes a response of the routes, which must be one with a body (RFC 9110, 6.4.1); as 500, without its headers, if
    /// the body fails or is too long.
    pub async fn write(&mut self, response: Response, now: Timestamp) {
        let (parts, body) = response.into_parts();
        debug_assert!(!parts.status.is_informational() && parts.status != StatusCode::NO_CONTENT);
        let Ok(body) = to_bytes(body, MOST).await else {
            self.begin(StatusCode::INTERNAL_SERVER_ERROR, now);
            return self.end(b"");
        };
        self.begin(parts.status, now);
        for (name, value) in &parts.headers {
            // How it is framed is decided here.
            let is_framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::DATE];
            if !is_framing.contains(name) {
                self.header(name.as_str(), value.as_bytes());
            }
        }
        self.end(&body);
    }

    /// What is to be sent.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn text(answer: &Answer) -> &str {
        str::from_utf8(answer.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn an_answer_is_written_over_the_one_before() {
        let mut answer = Answer::default();
        answer.begin(StatusCode::OK, at(784_111_777));
        answer.header("a", b"b");
        answer.end(b"body");
        let date = "date: Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(text(&answer), format!("HTTP/1.1 200 OK\r\n{date}\r\na: b\r\ncontent-length: 4\r\n\r\nbody"));

        for second in [37, 38] {
            answer.begin(StatusCode::FORBIDDEN, at(784_111_740 + second));
            assert_eq!(text(&answer), format!("HTTP/1.1 403 Forbidden\r\ndate: Sun, 06 Nov 1994 08:49:{second} GMT"));
        }

        let response = (StatusCode::UNAUTHORIZED, [("content-length", "9"), ("x", "y")], "no").into_response();
        answer.write(response, at(784_111_779)).await;
        let written = text(&answer);
        assert!(
            written.starts_with("HTTP/1.1 401 Unauthorized\r\ndate: Sun, 06 Nov 1994 08:49:39 GMT\r\n"),
            "{written}"
        );
        assert!(written.contains("\r\nx: y\r\n") && written.ends_with("\r\ncontent-length: 2\r\n\r\nno"), "{written}");
        assert_eq!(written.matches("content-length").count(), 1);
    }
}
