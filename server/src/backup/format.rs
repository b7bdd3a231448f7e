//! What stands in the file of a backup: a line of JSON that says what it is, one for each account as it is stored, and
//! one with the SHA-256 of those before it.

use std::fmt;

use anyhow::{Context, bail, ensure};
use app::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::store::Kept;

/// The format that is written. A change of meaning takes the next number.
const FORMAT: u32 = 1;
/// How every backup begins.
pub(super) const BEGIN: &str = "{\"keepwatch_backup\":";

/// A backup.
#[derive(Debug)]
pub(super) struct Backup {
    /// What it holds.
    pub(super) kept: Kept,
    /// When it was made, RFC 3339.
    pub(super) made_at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    keepwatch_backup: u32,
    made_at: String,
    next_session_id: u64,
    accounts: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    account: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Foot {
    sha256: String,
}

impl Backup {
    /// A backup of this, made `now`.
    pub(super) fn of(kept: Kept, now: Timestamp) -> Self {
        Self { kept, made_at: now.to_string() }
    }

    /// The text of a backup.
    ///
    /// # Errors
    /// When an account is no JSON.
    pub(super) fn write(&self) -> anyhow::Result<String> {
        let head = Head {
            keepwatch_backup: FORMAT,
            made_at: self.made_at.clone(),
            next_session_id: self.kept.next_id,
            accounts: self.kept.accounts.len(),
        };
        let mut text = serde_json::to_string(&head)? + "\n";
        for (key, stored) in &self.kept.accounts {
            let account = serde_json::from_slice(stored).with_context(|| format!("account '{key}' is damaged"))?;
            text += &serde_json::to_string(&Line { key: key.clone(), account })?;
            text.push('\n');
        }
        text += &serde_json::to_string(&Foot { sha256: hex(&text) })?;
        text.push('\n');
        Ok(text)
    }

    /// The backup that [`Backup::write`] wrote.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        ensure!(text.starts_with(BEGIN), "it is no backup of keepwatch");
        let (head, _) = text.split_once('\n').context(CUT)?;
        let head: Head = serde_json::from_str(head).context("its first line is damaged or from a newer keepwatch")?;
        if head.keepwatch_backup != FORMAT {
            bail!(
                "it has format {}, this keepwatch knows {FORMAT}: use the version that made it",
                head.keepwatch_backup
            );
        }
        let whole = text.strip_suffix('\n').context(CUT)?;
        let foot = whole.rfind('\n').map_or(0, |line| line + 1);
        let Foot { sha256 } = serde_json::from_str(&whole[foot..]).context(CUT)?;
        ensure!(hex(&text[..foot]) == sha256, "it is damaged: its checksum does not fit; take another backup");
        let accounts = text[..foot].lines().skip(1).map(|line| {
            let Line { key, account } = serde_json::from_str(line)?;
            Ok((key, serde_json::to_vec(&account)?))
        });
        let accounts: Vec<_> = accounts.collect::<anyhow::Result<_>>().context("an account in it cannot be read")?;
        ensure!(accounts.len() == head.accounts, "it has {} accounts of {}", accounts.len(), head.accounts);
        Ok(Self { kept: Kept { accounts, next_id: head.next_session_id }, made_at: head.made_at })
    }
}

const CUT: &str = "it is cut off: take another backup";

fn hex(text: &str) -> String {
    struct Hex([u8; 32]);
    impl fmt::Display for Hex {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
        }
    }
    Hex(Sha256::digest(text).into()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        let accounts = vec![
            ("anna".to_owned(), br#"{"name":"anna","role":"user"}"#.to_vec()),
            ("\0lock".to_owned(), br#"{"message":"a \"pause\"\n"}"#.to_vec()),
        ];
        Backup { kept: Kept { accounts, next_id: 7 }, made_at: "2027-01-15T08:00:00Z".to_owned() }.write().unwrap()
    }

    #[test]
    fn what_was_written_is_read_again() {
        let backup = Backup::parse(&text()).unwrap();
        assert_eq!((backup.kept.next_id, backup.made_at.as_str()), (7, "2027-01-15T08:00:00Z"));
        assert_eq!(backup.kept.accounts[0], ("anna".to_owned(), br#"{"name":"anna","role":"user"}"#.to_vec()));
        assert_eq!(backup.write().unwrap(), text());
    }

    #[test]
    fn a_backup_that_is_cut_off_or_damaged_anywhere_is_none() {
        let text = text();
        for end in 0..text.len() {
            assert!(Backup::parse(&text[..end]).is_err(), "{end}");
        }
        for place in (0..text.len()).filter(|place| text.is_char_boundary(place + 1)) {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let damaged = String::from_utf8(bytes).unwrap();
            assert!(Backup::parse(&damaged).is_err(), "{damaged}");
        }
        assert!(Backup::parse(&format!("{text}x\n")).is_err());
    }

    #[test]
    fn a_newer_backup_is_named_as_such() {
        let newer = text().replacen("backup\":1", "backup\":2", 1);
        assert!(Backup::parse(&newer).unwrap_err().to_string().contains("format 2"));
    }
}
