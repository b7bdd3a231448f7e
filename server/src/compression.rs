//! Pages on their way: compressed, because fifty rows of a table and the data behind them say the same again and again.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, header};

/// Less than half a millisecond for a hundred kilobytes, and a tenth of them left.
const LEVEL: Compression = Compression::new(3);

/// Whether a browser takes an encoding.
pub fn takes(request: &HeaderMap, encoding: &str) -> bool {
    let accepted = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|item| item.split(';').next().unwrap_or_default().trim() == encoding)
}

/// A page with gzip. Nothing in a page is a secret that its length could give away beside what somebody else has put
/// into its address (BREACH): the token is in none, and a nonce serves once.
pub fn gzip(page: &str) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(page.len() / 4);
    let mut encoder = GzEncoder::new(&mut compressed, LEVEL);
    // Into memory, where nothing fails.
    _ = encoder.write_all(page.as_bytes()).and_then(|()| encoder.try_finish());
    drop(encoder);
    compressed
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_page_is_the_same_behind_its_compression() {
        let text = "<tr><td>anna</td></tr>".repeat(1_000);
        let compressed = gzip(&text);
        assert!(compressed.len() < text.len() / 20);
        let mut unpacked = String::new();
        flate2::read::GzDecoder::new(&compressed[..]).read_to_string(&mut unpacked).unwrap();
        assert_eq!(unpacked, text);
    }

    #[test]
    fn only_what_is_accepted_by_name_is_taken() {
        let takes_gzip = |accepted: &'static str| {
            takes(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, http::HeaderValue::from_static(accepted))]), "gzip")
        };
        assert!(takes_gzip("gzip, deflate, br") && takes_gzip("br;q=1.0, gzip;q=0.8"));
        assert!(!takes_gzip("br") && !takes_gzip("*") && !takes(&HeaderMap::new(), "gzip"));
    }
}
