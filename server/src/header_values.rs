//! The headers of a request, by whomever it was read.

use http::{HeaderMap, HeaderName};

/// Where the values of a header are looked up.
pub trait HeaderValues {
    /// All values of a header, in their order.
    fn all(&self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &[u8]>;

    /// The first of them.
    fn first(&self, name: &HeaderName) -> Option<&[u8]> {
        self.all(name).next()
    }
}

/// A value that is text; `None` for others, which nobody has to send.
pub fn as_text(value: &[u8]) -> Option<&str> {
    str::from_utf8(value).ok().filter(|text| text.is_ascii())
}

impl HeaderValues for HeaderMap {
    fn all(&self, name: &HeaderName) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.get_all(name).iter().map(http::HeaderValue::as_bytes)
    }
}
