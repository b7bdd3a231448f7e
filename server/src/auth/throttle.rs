//! Slowing guesses down: a growing wait after failed sign-ins, by account and address.
//!
//! A ready-made limiter charges every attempt; here only failures count, so that nobody is slowed by signing in often,
//! and a few guesses of a stranger do not keep the owner out from another address. Very many do, for a while: no account
//! takes guesses without end.

use std::{collections::HashMap, net::IpAddr, sync::Mutex, time::Duration};

use app::time::Timestamp;

/// Failures without a wait, for one account from one address.
const FREE_FOR_PAIR: u32 = 5;
/// Failures without a wait, for all accounts from one address.
const FREE_FOR_ADDRESS: u32 = 30;
/// Failures without a wait, for one account from everywhere (NIST SP 800-63B-4 3.2.2 allows 100).
const FREE_FOR_ACCOUNT: u32 = 60;
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(15 * 60);
/// Failures are forgotten after this long without another.
const FORGET_AFTER: Duration = Duration::from_secs(60 * 60);
/// The most keys remembered; beyond it the oldest half is forgotten.
const MAX_KEYS: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, IpAddr),
    Address(IpAddr),
    Account(String),
}

impl Key {
    fn free(&self) -> u32 {
        match self {
            Self::Pair(..) => FREE_FOR_PAIR,
            Self::Address(_) => FREE_FOR_ADDRESS,
            Self::Account(_) => FREE_FOR_ACCOUNT,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last_at: Timestamp,
}

/// Remembers failed sign-ins.
#[derive(Debug, Default)]
pub struct Throttle {
    failures: Mutex<HashMap<Key, Failures>>,
}

impl Throttle {
    /// Notes an attempt as if it had failed, before the password is tried, so that attempts side by side count too.
    /// A successful one is taken back with [`Throttle::succeeded`].
    ///
    /// # Errors
    /// How long to wait, when the attempt comes too early; it is then not noted.
    pub fn attempt(&self, account: &str, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let keys = keys(account, address);
        let wait = keys
            .iter()
            .filter_map(|key| {
                failures.get(key).map(|past| wait(past.count, key.free()).saturating_sub(now.since(past.last_at)))
            })
            .max()
            .unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        if failures.len() >= MAX_KEYS {
            forget_older_half(&mut failures);
        }
        for key in keys {
            let past = failures.entry(key).or_insert(Failures { count: 0, last_at: now });
            if now.since(past.last_at) >= FORGET_AFTER {
                past.count = 0;
            }
            past.count = past.count.saturating_add(1);
            past.last_at = now;
        }
        Ok(())
    }

    /// Takes an attempt back that could not be tried.
    pub fn take_back(&self, account: &str, address: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for key in keys(account, address) {
            if let Some(past) = failures.get_mut(&key) {
                past.count = past.count.saturating_sub(1);
            }
        }
    }

    /// Takes an attempt back that was right: the pair starts afresh, the wider counts lose one.
    pub fn succeeded(&self, account: &str, address: IpAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for key in keys(account, address) {
            let spent = match failures.get_mut(&key) {
                Some(past) => {
                    past.count = past.count.saturating_sub(1);
                    past.count == 0 || matches!(key, Key::Pair(..))
                }
                None => false,
            };
            if spent {
                failures.remove(&key);
            }
        }
    }
}

fn keys(account: &str, address: IpAddr) -> [Key; 3] {
    [Key::Pair(account.to_owned(), address), Key::Address(address), Key::Account(account.to_owned())]
}

/// The wait after `count` failures of which `free` are free: 1 s, 2 s, 4 s ... up to [`MAX_WAIT`].
fn wait(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1_u64.checked_shl(over).unwrap_or(u64::MAX)).min(MAX_WAIT),
    }
}

fn forget_older_half(failures: &mut HashMap<Key, Failures>) {
    let mut times: Vec<_> = failures.values().map(|past| past.last_at).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    failures.retain(|_, past| past.last_at > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn waits_double_after_the_free_failures() {
        let throttle = Throttle::default();
        for _ in 0..FREE_FOR_PAIR {
            assert_eq!(throttle.attempt("anna", HOME, at(0)), Ok(()));
        }
        assert_eq!(throttle.attempt("anna", HOME, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.attempt("anna", HOME, at(1)), Ok(()));
        assert_eq!(throttle.attempt("anna", HOME, at(1)), Err(Duration::from_secs(2)));
    }

    #[test]
    fn the_owner_gets_in_from_another_address() {
        let throttle = Throttle::default();
        for _ in 0..FREE_FOR_PAIR {
            throttle.attempt("anna", AWAY, at(0)).unwrap();
        }
        assert!(throttle.attempt("anna", AWAY, at(0)).is_err());
        assert_eq!(throttle.attempt("anna", HOME, at(0)), Ok(()));
    }

    #[test]
    fn signing_in_often_is_never_slowed() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            throttle.attempt("anna", HOME, at(0)).unwrap();
            throttle.succeeded("anna", HOME);
        }
        assert!(throttle.failures.lock().unwrap().is_empty());
    }

    #[test]
    fn an_account_takes_at_most_a_hundred_guesses_an_hour_from_one_address() {
        let throttle = Throttle::default();
        let accepted = (0..3_600).filter(|second| throttle.attempt("anna", HOME, at(*second)).is_ok()).count();
        assert!(accepted <= 20, "{accepted}");
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..60_000_u32 {
            let address = IpAddr::V4(number.into());
            throttle.attempt(&number.to_string(), address, at(u64::from(number))).unwrap();
        }
        assert!(throttle.failures.lock().unwrap().len() <= MAX_KEYS + 2);
    }
}
