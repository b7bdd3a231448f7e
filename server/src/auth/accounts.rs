//! Accounts: who may sign in, as what, and what they have chosen. Read from memory, written through the store.

mod first_administrator;
mod record;

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use anyhow::Context;
use app::{
    error::AppError,
    principal::{Principal, Role},
    session::{
        SessionId,
        column::Columns,
        service::Sessions,
        store::{EndReason, StoreError},
    },
    time::Timestamp,
};
use tokio::sync::Mutex;

use self::record::Record;
pub use self::record::{Account, LOCK_KEY, Lock, keep_denials};
use super::{
    password,
    username::{self, Username},
};
use crate::store::{AccountChange, RedbStore};

/// The sessions that end with a change of an account.
struct Ends {
    /// Whose.
    of: Vec<Arc<str>>,
    but: Option<SessionId>,
    reason: EndReason,
}

impl Ends {
    const NONE: Self = Self { of: Vec::new(), but: None, reason: EndReason::Deleted };

    /// All of a user's.
    fn all_of(name: &Arc<str>) -> Self {
        Self { of: vec![name.clone()], ..Self::NONE }
    }
}

/// The longest message of a lock, in characters.
const MESSAGE_LENGTH: usize = 300;

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
                    roles.extend(account.role_now().map(|role| (account.name.clone(), role)));
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

    /// What the account of a canonical name may do now; `None` if it is disabled or not there. Constant cost.
    pub fn role_of(&self, canonical: &str) -> Option<Role> {
        let roles = self.roles.read().unwrap_or_else(PoisonError::into_inner);
        roles.get(canonical).copied()
    }

    /// All accounts by name, in any case.
    pub fn list(&self) -> Vec<Account> {
        let mut accounts: Vec<_> = self.read().iter().map(|(key, account)| (key.clone(), account.clone())).collect();
        accounts.sort_by(|(one, _), (other, _)| one.cmp(other));
        accounts.into_iter().map(|(_, account)| account).collect()
    }

    /// Adds an account. Sessions that an integration has registered under its name end: none is older than its account.
    ///
    /// `by` is on whose word, here and below; `None` is the operator. When their session has ended by then, nothing is done.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when the name or password cannot be used or the name is taken.
    pub async fn add(
        &self,
        name: &str,
        role: Role,
        password: &str,
        now: Timestamp,
        by: Option<&Principal>,
    ) -> Result<Account, AppError> {
        let username = Username::parse(name)?;
        let is_free = || {
            if self.read().contains_key(&username.key) {
                return Err(AppError::Invalid(format!("there is a user '{}' already", username.shown)));
            }
            Ok(())
        };
        // Nobody waits for the hash of a name that is taken, nor for that of somebody else.
        is_free()?;
        let password_hash = hashed(password).await?;
        let _changing = self.changing.lock().await;
        is_free()?;
        let account = Account {
            name: username.shown.into(),
            role,
            password_hash,
            disabled: false,
            columns: Columns::default(),
            created_at: now,
            last_sign_in: None,
        };
        let ends = Ends { of: vec![username.key.as_str().into(), account.name.clone()], ..Ends::NONE };
        self.put(username.key, Some(&account), &account.name, by, ends).await?;
        Ok(account)
    }

    /// Changes what bears on no session.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or as the store says.
    pub async fn update(&self, name: &str, change: impl FnOnce(&mut Account)) -> Result<Account, AppError> {
        let change = |account: &mut Account| {
            change(account);
            Ok(())
        };
        self.change(name, None, |_| Ends::NONE, change).await
    }

    /// Sets a new password and ends the account's sessions.
    ///
    /// # Errors
    /// As [`Accounts::add`] and [`Accounts::update`].
    pub async fn set_password(&self, name: &str, password: &str, by: Option<&Principal>) -> Result<Account, AppError> {
        let password_hash = hashed(password).await?;
        let change = |account: &mut Account| {
            account.password_hash = password_hash;
            Ok(())
        };
        self.change(name, by, Ends::all_of, change).await
    }

    /// Sets the new password of whoever asks, and ends their other sessions. They have `proved` to be the account's user by
    /// its password, which must be the same still.
    ///
    /// # Errors
    /// As [`Accounts::set_password`]; [`AppError::WrongCredentials`] when it has been changed meanwhile.
    pub async fn set_own_password(&self, asker: &Principal, proved: &Account, password: &str) -> Result<(), AppError> {
        let password_hash = hashed(password).await?;
        let change = |account: &mut Account| {
            if account.password_hash != proved.password_hash {
                return Err(AppError::WrongCredentials);
            }
            account.password_hash = password_hash;
            Ok(())
        };
        let (but, reason) = (Some(asker.session_id), EndReason::EndedByUser);
        let ends = |name: &Arc<str>| Ends { but, reason, ..Ends::all_of(name) };
        self.change(&asker.username, Some(asker), ends, change).await.map(drop)
    }

    /// Refuses or allows sign-in; refusing ends the account's sessions.
    ///
    /// # Errors
    /// As [`Accounts::update`]; [`AppError::Invalid`] for the last administrator.
    pub async fn set_disabled(&self, name: &str, disabled: bool, by: Option<&Principal>) -> Result<Account, AppError> {
        let change = |account: &mut Account| {
            account.disabled = disabled;
            Ok(())
        };
        let ends = |name: &Arc<str>| if disabled { Ends::all_of(name) } else { Ends::NONE };
        self.change(name, by, ends, change).await
    }

    /// Changes what an account may do, and ends its sessions: they were opened by somebody who might do something else.
    ///
    /// # Errors
    /// As [`Accounts::set_disabled`]; [`AppError::Invalid`] when it is its role already.
    pub async fn set_role(&self, name: &str, role: Role, by: Option<&Principal>) -> Result<Account, AppError> {
        let change = |account: &mut Account| {
            if account.role == role {
                let (name, role) = (&account.name, role.label().to_lowercase());
                return Err(AppError::Invalid(format!("the role of '{name}' is {role} already")));
            }
            account.role = role;
            Ok(())
        };
        self.change(name, by, Ends::all_of, change).await
    }

    /// Takes an account away and ends its sessions.
    ///
    /// # Errors
    /// As [`Accounts::set_disabled`].
    pub async fn remove(&self, name: &str, by: Option<&Principal>) -> Result<(), AppError> {
        let username = Username::parse(name)?;
        let _changing = self.changing.lock().await;
        let account = self.find(name).ok_or_else(|| AppError::NotFound(format!("user '{}'", username.shown)))?;
        self.keep_an_administrator(&account, None)?;
        self.put(username.key, None, &account.name, by, Ends::all_of(&account.name)).await
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
            Some(lock) if account.role_now() != Some(Role::Administrator) => Err(AppError::Locked(lock.message)),
            Some(_) | None => Ok(()),
        }
    }

    /// Lets only administrators sign in from now on, or everybody again. Sessions that are open stay.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for a message that is too long, or as the store says.
    pub async fn set_lock(&self, lock: Option<Lock>, by: Option<&Principal>) -> Result<(), AppError> {
        if lock.as_ref().is_some_and(|lock| lock.message.chars().count() > MESSAGE_LENGTH) {
            return Err(AppError::Invalid(format!("the message of a lock has at most {MESSAGE_LENGTH} characters")));
        }
        let value = lock.as_ref().map(serde_json::to_vec).transpose().map_err(|_| AppError::Internal)?;
        let _changing = self.changing.lock().await;
        let before = self.lock();
        let hold = |lock: Option<Lock>| *self.lock.write().unwrap_or_else(PoisonError::into_inner) = lock;
        // What denies takes effect before it is durable, what grants after it.
        if lock.is_some() {
            hold(lock.clone());
        }
        match self.store.put_account(self.account_change(LOCK_KEY.to_owned(), value, by)).await {
            Ok(()) => {
                hold(lock);
                Ok(())
            }
            Err(error) => {
                if error != StoreError::OutcomeUnknown {
                    hold(before);
                }
                Err(error.into())
            }
        }
    }

    /// Notes that its user has proved to be it.
    ///
    /// # Errors
    /// As [`Accounts::update`].
    pub async fn note_sign_in(&self, name: &str, now: Timestamp) -> Result<(), AppError> {
        self.update(name, |account| account.last_sign_in = Some(now)).await.map(drop)
    }

    /// Changes an account that is there, unless that would leave no administrator.
    async fn change(
        &self,
        name: &str,
        by: Option<&Principal>,
        ends: impl FnOnce(&Arc<str>) -> Ends,
        change: impl FnOnce(&mut Account) -> Result<(), AppError>,
    ) -> Result<Account, AppError> {
        let username = Username::parse(name)?;
        let _changing = self.changing.lock().await;
        let before = self.find(name).ok_or_else(|| AppError::NotFound(format!("user '{}'", username.shown)))?;
        let mut account = before.clone();
        change(&mut account)?;
        self.keep_an_administrator(&before, Some(&account))?;
        self.put(username.key, Some(&account), &account.name, by, ends(&account.name)).await?;
        Ok(account)
    }

    /// Refuses what would leave nobody who can undo it.
    fn keep_an_administrator(&self, before: &Account, after: Option<&Account>) -> Result<(), AppError> {
        let is_one = |account: &Account| account.role_now() == Some(Role::Administrator);
        let others = self.read().values().filter(|other| other.name != before.name && is_one(other)).count();
        if is_one(before) && !after.is_some_and(is_one) && others == 0 {
            let name = &before.name;
            return Err(AppError::Invalid(format!("'{name}' is the last administrator: make somebody else one first")));
        }
        Ok(())
    }

    /// Writes an account, or takes it away, and ends sessions in the same commit.
    async fn put(
        &self,
        key: String,
        account: Option<&Account>,
        name: &Arc<str>,
        by: Option<&Principal>,
        ends: Ends,
    ) -> Result<(), AppError> {
        let value = account.map(serde_json::to_vec).transpose().map_err(|_| AppError::Internal)?;
        let change = self.account_change(key.clone(), value, by);
        let Ends { of, but, reason } = ends;
        self.store.put_account(AccountChange { ends: of.clone(), but, reason, ..change }).await?;
        {
            let mut roles = self.roles.write().unwrap_or_else(PoisonError::into_inner);
            match account.and_then(Account::role_now) {
                Some(role) => _ = roles.insert(name.clone(), role),
                None => _ = roles.remove(name),
            }
            let mut by_key = self.by_key.write().unwrap_or_else(PoisonError::into_inner);
            match account {
                Some(account) => _ = by_key.insert(key, account.clone()),
                None => _ = by_key.remove(&key),
            }
        }
        // Whoever signed in between the commit and now has seen the account as it was.
        for username in of {
            self.sessions.end_all_of(&username, but, reason).await?;
        }
        Ok(())
    }

    fn account_change(&self, key: String, value: Option<Vec<u8>>, by: Option<&Principal>) -> AccountChange {
        AccountChange {
            key,
            value,
            ends: Vec::new(),
            but: None,
            reason: EndReason::Deleted,
            now: self.sessions.now(),
            asker: by.map(|by| by.session_id),
        }
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

#[cfg(test)]
mod tests {
    use app::session::Lifetimes;

    use super::*;
    use crate::{clock::SystemClock, user_agent};

    pub(super) fn accounts() -> Accounts {
        let store = RedbStore::in_memory(user_agent::in_words).unwrap();
        let clock = Arc::new(SystemClock::default());
        let sessions = Sessions::new(Arc::new(store.clone()), clock, Lifetimes::default(), "keep-01");
        Accounts::open(store, Arc::new(sessions)).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn changes_side_by_side_do_not_undo_each_other() {
        let accounts = Arc::new(accounts());
        accounts.add("anna", Role::User, "a long password", Timestamp::default(), None).await.unwrap();
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
        accounts.add("Anna", Role::User, "a long password", Timestamp::default(), None).await.unwrap();
        let again = accounts.add("ANNA", Role::User, "a long password", Timestamp::default(), None).await;
        assert_eq!(again.unwrap_err(), AppError::Invalid("there is a user 'ANNA' already".to_owned()));
        assert_eq!(&*accounts.find("anna").unwrap().name, "Anna");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_disabled_administrator_is_no_administrator() {
        let accounts = accounts();
        accounts.add("root", Role::Administrator, "a long password", Timestamp::default(), None).await.unwrap();
        accounts.add("boss", Role::Administrator, "a long password", Timestamp::default(), None).await.unwrap();
        assert_eq!(accounts.role_of("root"), Some(Role::Administrator));
        accounts.update("root", |account| account.disabled = true).await.unwrap();
        assert_eq!(accounts.role_of("root"), None);
        assert_eq!(accounts.role_of("nobody"), None);
    }
}
