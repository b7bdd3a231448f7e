//! Pages on their way: compressed, because fifty rows of a table and the data behind them say the same again and again.

use std::io::Write;

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};

/// Less than half a millisecond for a hundred kilobytes, and a tenth of them left.
const LEVEL: Compression = Compression::new(3);

/// Whether a browser takes an encoding.
pub fn takes(request: &HeaderMap, encoding: &str) -> bool {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|item| item.split(';').next().unwrap_or_default().trim() == encoding)
}

/// A page with gzip. Nothing in a page is a secret that its length could give away beside what somebody else has put
/// into its address (BREACH): the token is in none, and a nonce serves once.
pub async fn gzip(page: Response) -> Response {
    let (mut parts, body) = page.into_parts();
    let Ok(plain) = to_bytes(body, usize::MAX).await else {
        return Response::from_parts(parts, Body::empty());
    };
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), LEVEL);
    // Into memory, where nothing fails.
    let Ok(compressed) = encoder.write_all(&plain).and_then(|()| encoder.finish()) else {
        return Response::from_parts(parts, plain.into());
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    parts.headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie, Origin, Sec-Fetch-Site"));
    Response::from_parts(parts, compressed.into())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::response::IntoResponse;

    use super::*;

    #[tokio::test]
    async fn a_page_is_the_same_behind_its_compression() {
        let text = "<tr><td>anna</td></tr>".repeat(1_000);
        let response = gzip(([(header::CONTENT_TYPE, "text/html")], text.clone()).into_response()).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
        assert!(!response.headers().contains_key(header::CONTENT_LENGTH), "the server tells the new one");
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        assert!(body.len() < text.len() / 20);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
    }

    #[test]
    fn only_what_is_accepted_by_name_is_taken() {
        let takes_gzip = |accepted: &'static str| {
            takes(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]), "gzip")
        };
        assert!(takes_gzip("gzip, deflate, br") && takes_gzip("br;q=1.0, gzip;q=0.8"));
        assert!(!takes_gzip("br") && !takes_gzip("*") && !takes(&HeaderMap::new(), "gzip"));
    }
}
