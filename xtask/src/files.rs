//! File operations whose errors name the file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};

/// The bytes of a file.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Creates or overwrites a file.
pub(crate) fn write(file: &Path, bytes: impl AsRef<[u8]>) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

/// Leaves an empty folder, whatever was there.
pub(crate) fn empty_folder(folder: &Path) -> Result<()> {
    remove_folder(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Removes a folder with its content, if there is one.
pub(crate) fn remove_folder(folder: &Path) -> Result<()> {
    unless_absent(fs::remove_dir_all(folder)).with_context(|| format!("cannot remove {}", folder.display()))
}

/// Removes a file, if there is one.
pub(crate) fn remove_file(file: &Path) -> Result<()> {
    unless_absent(fs::remove_file(file)).with_context(|| format!("cannot remove {}", file.display()))
}

/// Puts the folder `new` in the place of `current`, which may be absent. `current` is complete at every moment that it
/// exists.
pub(crate) fn swap_folder(new: &Path, current: &Path) -> Result<()> {
    let old = current.with_extension("old");
    remove_folder(&old)?;
    unless_absent(fs::rename(current, &old)).with_context(|| format!("cannot move {}", current.display()))?;
    fs::rename(new, current).with_context(|| format!("cannot move {}", new.display()))?;
    remove_folder(&old)
}

fn unless_absent(result: std::io::Result<()>) -> std::io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swapped_folder_keeps_no_file_of_the_old_one() -> Result<()> {
        let scratch = std::env::temp_dir().join(format!("keepwatch-swap-{}", std::process::id()));
        let (new, current) = (scratch.join("site.new"), scratch.join("site"));
        for content in ["first", "second"] {
            empty_folder(&new)?;
            write(&new.join(content), content)?;
            swap_folder(&new, &current)?;
        }
        assert!(!current.join("first").exists());
        assert_eq!(read(&current.join("second"))?, b"second");
        assert!(!current.with_extension("old").exists());
        remove_folder(&scratch)
    }
}
