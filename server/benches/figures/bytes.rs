//! What a browser loads.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context;

use crate::report::{Report, Unit};

/// Reports the console's files as they are sent: compressed with brotli.
pub(crate) fn measure(report: &mut Report) -> anyhow::Result<()> {
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/site");
    let Ok(manifest) = fs::read(site.join("manifest.json")) else {
        report.remark("bytes, brotli", "not built");
        return Ok(());
    };
    let names: BTreeMap<String, String> =
        serde_json::from_slice(&manifest).context("reading target/site/manifest.json")?;
    let mut total = 0.0;
    for (kind, name) in names {
        let file = site.join(format!("{name}.br"));
        let bytes = fs::metadata(&file).with_context(|| format!("looking at {}", file.display()))?.len() as f64;
        report.state(format!("bytes, brotli, {kind}"), Unit::Bytes, &[bytes]);
        total += bytes;
    }
    report.state("bytes, brotli, in all", Unit::Bytes, &[total]);
    Ok(())
}
