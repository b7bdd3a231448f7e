//! Names this build of the console and its server: see `wire`.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=src");
    let mut sources = Vec::new();
    find(Path::new("src"), &mut sources)?;
    sources.sort_unstable();
    let mut all = env::var("CARGO_PKG_VERSION").unwrap_or_default().into_bytes();
    for source in sources {
        all.extend(fs::read(source)?);
    }
    // FNV-1a.
    let hash = all.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    println!("cargo::rustc-env=KEEPWATCH_WIRE_VERSION={hash}");
    Ok(())
}

fn find(folder: &Path, sources: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, sources)?;
        } else {
            sources.push(path);
        }
    }
    Ok(())
}
