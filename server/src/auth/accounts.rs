//! Accounts: who may sign in, as what, and what they have chosen. Read from memory, written through the store.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::{Context, bail};
use app::{
    error::AppError,
    principal::{Principal, Role},
    session::{column::Columns, service::Sessions},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::{
    password,
    token::SessionToken,
    username::{self, Username},
};
use crate::store::RedbStore;

/// The name of the first administrator.
pub const FIRST_ADMINISTRATOR: &str = "Admin";

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
    /// What it may do now.
    fn role_now(&self) -> Role {
        if self.disabled { Role::User } else { self.role }
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
/// The longest message of a lock, in bytes.
const MESSAGE_BYTES: usize = 300;

/// What is stored under a key.
enum Record {
    Account(Account),
    Lock(Lock),
}

impl Record {
    fn parse(key: &str, stored: &[u8]) -> anyhow::Result<Self> {
        if key == LOCK_KEY {
            let lock = serde_json::from_slice(stored).context("the lock is damaged or from a newer keepwatch")?;
            return Ok(Self::Lock(lock));
        }
        let account = serde_json::from_slice(stored)
            .with_context(|| format!("account '{key}' is damaged or from a newer keepwatch"))?;
        Ok(Self::Account(account))
    }
}

/// Whether all records can be read as accounts.
///
/// # Errors
/// Names the one that cannot.
pub fn verify(records: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    records.iter().try_for_each(|(key, stored)| Record::parse(key, stored).map(drop))
}

/// All accounts, by the key of their name.
pub struct Accounts {
    store: RedbStore,
    sessions: Arc<Sessions>,
    by_key: RwLock<HashMap<String, Account>>,
    /// By canonical name, which is what sessions carry: every check asks.
    roles: RwLock<HashMap<Arc<str>, Role>>,
    lock: RwLock<Option<Lock>>,
    /// Held while an account is read, changed and written: of two changes at once neither undoes the other.
    changing: Mutex<()>,
}

impl Accounts {
    /// Reads the accounts of a store. A change that bears on running sessions ends those among `sessions`.
    ///
    /// # Errors
    /// When an account cannot be read; the message names it.
    pub fn open(store: RedbStore, sessions: Arc<Sessions>) -> anyhow::Result<Self> {
        let (mut by_key, mut roles, mut lock) = (HashMap::new(), HashMap::new(), None);
        for (key, stored) in store.kept().context("reading the accounts")?.accounts {
            match Record::parse(&key, &stored)? {
                Record::Lock(read) => lock = Some(read),
                Record::Account(account) => {
                    roles.insert(account.name.clone(), account.role_now());
                    by_key.insert(key, account);
                }
            }
        }
        let (by_key, roles, lock) = (RwLock::new(by_key), RwLock::new(roles), RwLock::new(lock));
        Ok(Self { store, sessions, by_key, roles, lock, changing: Mutex::new(()) })
    }

    /// The account that a name as typed means. Constant cost.
    pub fn find(&self, name: &str) -> Option<Account> {
        let username = Username::parse(name).ok()?;
        self.read().get(&username.key).cloned()
    }

    /// What the account of a canonical name may do now; a disabled or unknown one may nothing but use its sessions.
    /// Constant cost.
    pub fn role_of(&self, canonical: &str) -> Role {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.get(canonical).copied().unwrap_or(Role::User)
    }

    /// All accounts by name.
    pub fn list(&self) -> Vec<Account> {
        let mut accounts: Vec<_> = self.read().values().cloned().collect();
        accounts.sort_by(|one, other| one.name.cmp(&other.name));
        accounts
    }

    /// Adds an account. Sessions that an integration has registered under its name end: none is older than its account.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when the name or password cannot be used or the name is taken.
    pub async fn add(&self, name: &str, role: Role, password: &str, now: Timestamp) -> Result<Account, AppError> {
        let username = Username::parse(name)?;
        let _changing = self.changing.lock().await;
        if self.read().contains_key(&username.key) {
            return Err(AppError::Invalid(format!("there is a user '{}' already", username.shown)));
        }
        let password_hash = hashed(password).await?;
        let account = Account {
            name: username.shown.into(),
            role,
            password_hash,
            disabled: false,
            columns: Columns::default(),
            created_at: now,
            last_sign_in: None,
        };
        self.put(username.key.clone(), account.clone()).await?;
        self.sessions.end_all_of(&username.key, None).await?;
        Ok(account)
    }

    /// Changes an account that is there.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or as the store says.
    pub async fn update(&self, name: &str, change: impl FnOnce(&mut Account)) -> Result<Account, AppError> {
        let username = Username::parse(name)?;
        let _changing = self.changing.lock().await;
        let mut account = self.find(name).ok_or_else(|| AppError::NotFound(format!("user '{}'", username.shown)))?;
        change(&mut account);
        self.put(username.key, account.clone()).await?;
        Ok(account)
    }

    /// Sets a new password and ends the account's sessions.
    ///
    /// # Errors
    /// As [`Accounts::add`] and [`Accounts::update`].
    pub async fn set_password(&self, name: &str, password: &str) -> Result<Account, AppError> {
        let password_hash = hashed(password).await?;
        let account = self.update(name, |account| account.password_hash = password_hash).await?;
        self.sessions.end_all_of(&account.name, None).await?;
        Ok(account)
    }

    /// Sets the new password of whoever asks, who has proved to be the account's user, and ends their other sessions.
    ///
    /// # Errors
    /// As [`Accounts::set_password`].
    pub async fn set_own_password(&self, asker: &Principal, password: &str) -> Result<(), AppError> {
        let password_hash = hashed(password).await?;
        self.sessions.still_signed_in(asker)?;
        self.update(&asker.username, |account| account.password_hash = password_hash).await?;
        self.sessions.end_all_of(&asker.username, Some(asker.session_id)).await
    }

    /// Refuses or allows sign-in; refusing ends the account's sessions.
    ///
    /// # Errors
    /// As [`Accounts::update`]; [`AppError::Invalid`] for the last administrator.
    pub async fn set_disabled(&self, name: &str, disabled: bool) -> Result<Account, AppError> {
        let account = self.change(name, |account| account.disabled = disabled).await?;
        if disabled {
            self.sessions.end_all_of(&account.name, None).await?;
        }
        Ok(account)
    }

    /// Changes what an account may do, and ends its sessions: they were opened by somebody who might do something else.
    ///
    /// # Errors
    /// As [`Accounts::set_disabled`].
    pub async fn set_role(&self, name: &str, role: Role) -> Result<Account, AppError> {
        let account = self.change(name, |account| account.role = role).await?;
        self.sessions.end_all_of(&account.name, None).await?;
        Ok(account)
    }

    /// Takes an account away and ends its sessions.
    ///
    /// # Errors
    /// As [`Accounts::set_disabled`].
    pub async fn remove(&self, name: &str) -> Result<(), AppError> {
        let username = Username::parse(name)?;
        let account = {
            let _changing = self.changing.lock().await;
            let account = self.find(name).ok_or_else(|| AppError::NotFound(format!("user '{}'", username.shown)))?;
            self.keep_an_administrator(&account, None)?;
            self.store.put_account(username.key.clone(), None).await?;
            self.roles.write().unwrap_or_else(PoisonError::into_inner).remove(&account.name);
            self.by_key.write().unwrap_or_else(PoisonError::into_inner).remove(&username.key);
            account
        };
        self.sessions.end_all_of(&account.name, None).await
    }

    /// The lock, while only administrators may sign in.
    pub fn lock(&self) -> Option<Lock> {
        self.lock.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refuses an account that may not sign in just now.
    ///
    /// # Errors
    /// [`AppError::Locked`].
    pub fn admit(&self, account: &Account) -> Result<(), AppError> {
        match self.lock() {
            Some(lock) if account.role_now() != Role::Administrator => Err(AppError::Locked(lock.message)),
            Some(_) | None => Ok(()),
        }
    }

    /// Lets only administrators sign in from now on, or everybody again. Sessions that are open stay.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a message that is too long, or as the store says.
    pub async fn set_lock(&self, lock: Option<Lock>) -> Result<(), AppError> {
        if lock.as_ref().is_some_and(|lock| lock.message.len() > MESSAGE_BYTES) {
            return Err(AppError::Invalid(format!("the message of a lock has at most {MESSAGE_BYTES} bytes")));
        }
        let stored = lock.as_ref().map(serde_json::to_vec).transpose().map_err(|_| AppError::Internal)?;
        let _changing = self.changing.lock().await;
        // What denies takes effect before it is durable, what grants after it.
        if lock.is_some() {
            self.lock.write().unwrap_or_else(PoisonError::into_inner).clone_from(&lock);
        }
        self.store.put_account(LOCK_KEY.to_owned(), stored).await?;
        *self.lock.write().unwrap_or_else(PoisonError::into_inner) = lock;
        Ok(())
    }

    /// Notes that its user has proved to be it.
    ///
    /// # Errors
    /// As [`Accounts::update`].
    pub async fn note_sign_in(&self, name: &str, now: Timestamp) -> Result<(), AppError> {
        self.update(name, |account| account.last_sign_in = Some(now)).await.map(drop)
    }

    /// As [`Accounts::update`], unless it would leave no administrator.
    async fn change(&self, name: &str, change: impl FnOnce(&mut Account)) -> Result<Account, AppError> {
        let username = Username::parse(name)?;
        let _changing = self.changing.lock().await;
        let before = self.find(name).ok_or_else(|| AppError::NotFound(format!("user '{}'", username.shown)))?;
        let mut account = before.clone();
        change(&mut account);
        self.keep_an_administrator(&before, Some(&account))?;
        self.put(username.key, account.clone()).await?;
        Ok(account)
    }

    /// Refuses what would leave nobody who can undo it.
    fn keep_an_administrator(&self, before: &Account, after: Option<&Account>) -> Result<(), AppError> {
        let is_one = |account: &Account| account.role_now() == Role::Administrator;
        let others = self.read().values().filter(|other| other.name != before.name && is_one(other)).count();
        if is_one(before) && !after.is_some_and(is_one) && others == 0 {
            let name = &before.name;
            return Err(AppError::Invalid(format!("'{name}' is the last administrator: make somebody else one first")));
        }
        Ok(())
    }

    /// Adds the first administrator to a store that has none, and prints its password unless it came from a file.
    /// Accounts that were added before the first start do not count unless one of them is an administrator's.
    ///
    /// # Errors
    /// When the password file cannot be used, when its name belongs to an account that is no administrator, or as the
    /// store says.
    pub async fn ensure_administrator(&self, password_file: Option<&Path>, now: Timestamp) -> anyhow::Result<()> {
        if self.read().values().any(|account| account.role == Role::Administrator) {
            return Ok(());
        }
        let Some(file) = password_file else {
            let password = random_password()?;
            self.add(FIRST_ADMINISTRATOR, Role::Administrator, &password, now).await?;
            println!("first start: sign in as {FIRST_ADMINISTRATOR} with password {password}");
            return Ok(());
        };
        let content = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read the administrator's password from {}", file.display()))?;
        let password = content.lines().next().unwrap_or_default();
        if let Err(problem) = username::new_password(password) {
            bail!("{}: {problem}", file.display());
        }
        self.add(FIRST_ADMINISTRATOR, Role::Administrator, password, now).await?;
        Ok(())
    }

    async fn put(&self, key: String, account: Account) -> Result<(), AppError> {
        let stored = serde_json::to_vec(&account).map_err(|_| AppError::Internal)?;
        self.store.put_account(key.clone(), Some(stored)).await?;
        self.roles.write().unwrap_or_else(PoisonError::into_inner).insert(account.name.clone(), account.role_now());
        self.by_key.write().unwrap_or_else(PoisonError::into_inner).insert(key, account);
        Ok(())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Account>> {
        self.by_key.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes tens of milliseconds: not on the async threads.
async fn hashed(password: &str) -> Result<Arc<str>, AppError> {
    let password = username::new_password(password)?;
    let hashed = tokio::task::spawn_blocking(move || password::hash_now(&password)).await;
    let hash = hashed.map_err(anyhow::Error::from).flatten().map_err(|error| {
        tracing::error!("a password could not be hashed: {error:#}");
        AppError::Internal
    })?;
    Ok(hash.into())
}

/// 80 bits in four groups of four: easy to copy by hand, hard to guess.
fn random_password() -> anyhow::Result<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let token = SessionToken::generate().map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let letters: Vec<char> =
        token.hash().0.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    Ok(letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use app::session::Lifetimes;

    use super::*;
    use crate::{clock::SystemClock, user_agent};

    fn accounts() -> Accounts {
        let store = RedbStore::in_memory(user_agent::in_words).unwrap();
        let clock = Arc::new(SystemClock::default());
        let sessions = Sessions::new(Arc::new(store.clone()), clock, Lifetimes::default(), "keep-01");
        Accounts::open(store, Arc::new(sessions)).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_side_by_side_do_not_undo_each_other() {
        let accounts = Arc::new(accounts());
        accounts.add("anna", Role::User, "a long password", Timestamp::default()).await.unwrap();
        let changes = (0..20).map(|_| {
            let accounts = accounts.clone();
            tokio::spawn(async move {
                let later = |account: &mut Account| {
                    account.created_at = Timestamp::from_millis(account.created_at.as_millis() + 1);
                };
                accounts.update("anna", later).await.unwrap();
            })
        });
        futures_util::future::join_all(changes).await;
        assert_eq!(accounts.find("anna").unwrap().created_at, Timestamp::from_millis(20));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn two_spellings_of_a_name_are_one_account() {
        let accounts = accounts();
        accounts.add("Anna", Role::User, "a long password", Timestamp::default()).await.unwrap();
        let again = accounts.add("ANNA", Role::User, "a long password", Timestamp::default()).await;
        assert_eq!(again.unwrap_err(), AppError::Invalid("there is a user 'ANNA' already".to_owned()));
        assert_eq!(&*accounts.find("anna").unwrap().name, "Anna");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_disabled_administrator_is_no_administrator() {
        let accounts = accounts();
        accounts.add("root", Role::Administrator, "a long password", Timestamp::default()).await.unwrap();
        assert_eq!(accounts.role_of("root"), Role::Administrator);
        accounts.update("root", |account| account.disabled = true).await.unwrap();
        assert_eq!(accounts.role_of("root"), Role::User);
        assert_eq!(accounts.role_of("nobody"), Role::User);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn users_added_before_the_first_start_do_not_keep_the_administrator_away() {
        let accounts = accounts();
        accounts.add("anna", Role::User, "a long password", Timestamp::default()).await.unwrap();
        accounts.ensure_administrator(None, Timestamp::default()).await.unwrap();
        assert_eq!(accounts.role_of("Admin"), Role::Administrator);
        let password = accounts.find("Admin").unwrap().password_hash;
        accounts.ensure_administrator(None, Timestamp::default()).await.unwrap();
        assert_eq!(accounts.find("Admin").unwrap().password_hash, password);
    }

    #[test]
    fn first_passwords_are_random_and_readable() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.len(), 19);
    }
}
