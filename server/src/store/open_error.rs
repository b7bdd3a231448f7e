//! Why a store cannot be opened.

use std::io;

use thiserror::Error;

/// Why a store cannot be opened: one line that names the file and says what to do. Nothing stored is ever overwritten
/// on the way here.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{path} is in use by another keepwatch; stop it first or choose another --data-dir")]
    InUse {
        /// The file.
        path: String,
    },
    /// It cannot be created, read or written.
    #[error("cannot use {path}: {reason}; make it readable and writable or choose another --data-dir")]
    Unusable {
        /// The file or directory.
        path: String,
        /// What the system says.
        reason: String,
    },
    /// It is not what keepwatch has written.
    #[error(
        "{path} is damaged: {reason}; nothing stored in it was changed; move it away, then use `keepwatch restore` or begin anew"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong, and with which record.
        reason: String,
    },
    /// It needs another version of keepwatch.
    #[error(
        "{path} was made by another version of keepwatch ({found}, this one knows {known}); nothing stored in it was changed, use that version"
    )]
    OtherVersion {
        /// The file.
        path: String,
        /// The version found.
        found: String,
        /// The version this program reads.
        known: String,
    },
}

impl OpenError {
    /// What an error of the database means for its file.
    pub(crate) fn of_database(path: String, error: redb::Error) -> Self {
        match error {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse { path },
            redb::Error::UpgradeRequired(found) => Self::OtherVersion {
                path,
                found: format!("file format {found}"),
                known: "the format of redb 4".to_owned(),
            },
            redb::Error::Io(error) if !is_damage(&error) => Self::Unusable { path, reason: error.to_string() },
            redb::Error::Io(error) => Self::Damaged { path, reason: error.to_string() },
            redb::Error::Corrupted(reason) => Self::Damaged { path, reason },
            redb::Error::Backend(error) => Self::Unusable { path, reason: error.to_string() },
            error => Self::Damaged { path, reason: error.to_string() },
        }
    }
}

/// Whether the content is at fault, not the access to it.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}
