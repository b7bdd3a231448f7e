//! The least that some work can cost on this machine.

use std::{
    collections::HashMap,
    fs::{self, File},
    hash::{BuildHasherDefault, Hasher},
    hint::black_box,
    io::{self, Read, Write},
    path::Path,
    time::Instant,
};

use app::session::TokenHash;

use crate::population;

/// Tokens and where they are, and nothing else. `HashMap` is hashbrown; its hash is as cheap as can be.
pub(crate) type Index = HashMap<[u8; 32], u32, BuildHasherDefault<FirstBytes>>;

/// A SHA-256 is as good as random: its first eight bytes are the hash.
#[derive(Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// The length, which is always the same.
    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The tokens of the first `sessions` sessions.
pub(crate) fn index(sessions: u64) -> Index {
    (0..).zip(0..sessions).map(|(place, index)| (population::token(index).0, place)).collect()
}

/// How many of these tokens are there.
pub(crate) fn look_up(index: &Index, tokens: &[TokenHash]) -> usize {
    tokens.iter().filter(|token| index.get(&token.0).is_some_and(|place| black_box(*place) < u32::MAX)).count()
}

/// Appends to a file and waits for the disk; how long that took, in seconds.
pub(crate) fn append_durably(file: &mut File, record: &[u8]) -> io::Result<f64> {
    let start = Instant::now();
    file.write_all(record)?;
    file.sync_data()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Reads all files of a folder from start to end; how long that took, in seconds.
pub(crate) fn read_through(folder: &Path) -> io::Result<f64> {
    let mut buffer = vec![0; 1 << 20];
    let start = Instant::now();
    for entry in fs::read_dir(folder)? {
        let mut file = File::open(entry?.path())?;
        while file.read(&mut buffer)? > 0 {
            black_box(&buffer);
        }
    }
    Ok(start.elapsed().as_secs_f64())
}
