//! Files as the server hands them out: named by their content and already compressed.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::files;

/// Enough of a hash that two contents do not share a name by accident.
const HASH_DIGITS: usize = 10;

/// One file in all the encodings that browsers ask for.
pub(crate) struct Asset {
    /// `console-HASH.EXTENSION`: a name whose content never changes.
    pub(crate) name: String,
    bytes: Vec<u8>,
    brotli: Vec<u8>,
    gzip: Vec<u8>,
}

impl Asset {
    /// Names and compresses a file's content, as small as its encodings go.
    pub(crate) fn new(extension: &str, bytes: Vec<u8>) -> Result<Self> {
        Ok(Self {
            name: format!("console-{}.{extension}", &sha256(&bytes)[..HASH_DIGITS]),
            brotli: compress_brotli(&bytes)?,
            gzip: compress_gzip(&bytes)?,
            bytes,
        })
    }

    /// Writes the file and, beside it, its encodings as `.br` and `.gz`.
    pub(crate) fn write_into(&self, folder: &Path) -> Result<()> {
        files::write(&folder.join(&self.name), &self.bytes)?;
        files::write(&folder.join(format!("{}.br", self.name)), &self.brotli)?;
        files::write(&folder.join(format!("{}.gz", self.name)), &self.gzip)
    }

    /// Bytes as they are.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that a browser loads.
    pub(crate) fn brotli_size(&self) -> usize {
        self.brotli.len()
    }
}

/// The hash of some bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

fn compress_brotli(bytes: &[u8]) -> Result<Vec<u8>> {
    let parameters =
        BrotliEncoderParams { quality: 11, lgwin: 22, size_hint: bytes.len(), ..BrotliEncoderParams::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut compressed, &parameters)?;
    Ok(compressed)
}

fn compress_gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_name_holds_the_hash_of_the_content() -> Result<()> {
        assert_eq!(Asset::new("css", b"abc".to_vec())?.name, "console-ba7816bf8f.css");
        Ok(())
    }

    #[test]
    fn every_encoding_gives_back_the_content() -> Result<()> {
        let content = b"keepwatch ".repeat(1000);
        let asset = Asset::new("js", content.clone())?;
        let mut from_brotli = Vec::new();
        brotli::BrotliDecompress(&mut &*asset.brotli, &mut from_brotli)?;
        let mut from_gzip = Vec::new();
        flate2::read::GzDecoder::new(&*asset.gzip).read_to_end(&mut from_gzip)?;
        assert_eq!(from_brotli, content);
        assert_eq!(from_gzip, content);
        assert!(asset.brotli_size() < asset.size());
        Ok(())
    }
}
