//! What is stored of accounts: one record for each, and one for the lock.

use std::sync::Arc;

use anyhow::Context;
use app::{principal::Role, session::column::Columns, time::Timestamp};
use serde::{Deserialize, Serialize};

/// One account as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its canonical name, as shown.
    pub name: Arc<str>,
    /// What it may do.
    pub role: Role,
    /// PHC string.
    pub password_hash: Arc<str>,
    /// Whether sign-in is refused.
    pub disabled: bool,
    /// The columns its owner has chosen in Active Sessions.
    #[serde(default)]
    pub columns: Columns,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its user last proved to be it.
    #[serde(default)]
    pub last_sign_in: Option<Timestamp>,
}

impl Account {
    /// What it may do now; nothing if it is disabled.
    pub(super) fn role_now(&self) -> Option<Role> {
        (!self.disabled).then_some(self.role)
    }
}

/// While there is one, only administrators may sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// What the sign-in page says.
    pub message: String,
}

/// The key under which the lock stands among the accounts: no name has it.
pub const LOCK_KEY: &str = "\0lock";
/// What is stored under a key.
pub(super) enum Record {
    Account(Account),
    Lock(Lock),
}

impl Record {
    pub(super) fn parse(key: &str, stored: &[u8]) -> anyhow::Result<Self> {
        if key == LOCK_KEY {
            let lock = serde_json::from_slice(stored).context("the lock is damaged or from a newer keepwatch")?;
            return Ok(Self::Lock(lock));
        }
        let account = serde_json::from_slice(stored)
            .with_context(|| format!("account '{key}' is damaged or from a newer keepwatch"))?;
        Ok(Self::Account(account))
    }
}

/// Keeps denied, among records that come back, what is denied `there`: accounts that are disabled, and sign-in while it is
/// locked. Says what that was.
///
/// # Errors
/// Names a record that cannot be read.
pub fn keep_denials(records: &mut Vec<(String, Vec<u8>)>, there: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<String>> {
    let mut kept = Vec::new();
    let is_disabled = |record: &Record| matches!(record, Record::Account(account) if account.disabled);
    for (key, stored) in records.iter_mut() {
        let record = Record::parse(key, stored)?;
        let now = there.iter().find(|(other, _)| other == key).map(|(_, now)| Record::parse(key, now)).transpose()?;
        if let Record::Account(mut account) = record
            && !account.disabled
            && now.as_ref().is_some_and(is_disabled)
        {
            account.disabled = true;
            *stored = serde_json::to_vec(&account)?;
            kept.push(format!("sign-in of {} stays disabled", account.name));
        }
    }
    let lock = there.iter().find(|(key, _)| key == LOCK_KEY);
    if let Some(lock) = lock.filter(|_| records.iter().all(|(key, _)| key != LOCK_KEY)) {
        records.push(lock.clone());
        kept.push("the server stays locked".to_owned());
    }
    Ok(kept)
}
