//! Slowing guesses down: a growing wait after failed sign-ins, by account and address.
//!
//! A ready-made limiter charges every attempt; here only failures count, so that nobody is slowed by signing in often,
//! and a few guesses of a stranger do not keep the owner out from another address. Very many slow the account down from
//! everywhere, because none takes guesses without end, but not from where its owner has signed in before.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use app::time::Timestamp;
use tokio::sync::{Notify, futures::Notified};

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

#[derive(Clone, Copy, Debug, Default)]
struct Past {
    failures: u32,
    last_at: Timestamp,
    /// Whether the account has signed in from the address.
    is_familiar: bool,
    /// Attempts whose outcome is not known yet.
    pending: u32,
}

impl Past {
    fn failures(&self, now: Timestamp) -> u32 {
        if now.since(self.last_at) >= FORGET_AFTER { 0 } else { self.failures }
    }

    fn wait(&self, free: u32, now: Timestamp) -> Duration {
        wait(self.failures(now), free).saturating_sub(now.since(self.last_at))
    }

    /// Whether the attempts under way may be all that can fail without a wait.
    fn is_busy(&self, free: u32, now: Timestamp) -> bool {
        self.pending >= free.saturating_sub(self.failures(now)).max(1)
    }
}

/// Remembers failed sign-ins.
#[derive(Debug, Default)]
pub struct Throttle {
    past: Mutex<HashMap<Key, Past>>,
    settled: Notify,
}

/// Why an attempt is not let in now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too many have failed: try again after this long.
    Wait(Duration),
    /// So many are under way that this could be one guess too many: ask again when one has [`settled`](Throttle::settled).
    Busy,
}

/// An attempt that is being tried. Dropped without an outcome it has failed: whoever hangs up gets no free guess.
#[derive(Debug)]
pub struct Attempt<'a> {
    throttle: &'a Throttle,
    keys: [Key; 3],
    began_at: Timestamp,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Failed,
    Succeeded,
    NotTried,
}

impl Throttle {
    /// Lets an attempt in before its password is tried. IPv6 addresses count by /64: one host has that many.
    ///
    /// # Errors
    /// [`Refusal`]; nothing is then noted.
    pub fn begin(&self, account: &str, address: IpAddr, now: Timestamp) -> Result<Attempt<'_>, Refusal> {
        let network = network(address);
        let keys = [Key::Pair(account.to_owned(), network), Key::Address(network), Key::Account(account.to_owned())];
        let mut past = self.lock();
        let is_familiar = past.get(&keys[0]).is_some_and(|past| past.is_familiar);
        let asked = if is_familiar { &keys[..2] } else { &keys[..] };
        let known = || asked.iter().filter_map(|key| Some((key.free(), past.get(key)?)));
        let wait = known().map(|(free, past)| past.wait(free, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(Refusal::Wait(wait));
        }
        if known().any(|(free, past)| past.is_busy(free, now)) {
            return Err(Refusal::Busy);
        }
        if past.len() >= MAX_KEYS {
            forget_older_half(&mut past);
        }
        for key in &keys {
            past.entry(key.clone()).or_default().pending += 1;
        }
        drop(past);
        Ok(Attempt { throttle: self, keys, began_at: now, outcome: Outcome::Failed })
    }

    /// Resolves when an attempt that is under way when this is called has got its outcome.
    pub fn settled(&self) -> Notified<'_> {
        self.settled.notified()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Past>> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The password was right: the account starts afresh from this address.
    pub fn succeeded(mut self) {
        self.outcome = Outcome::Succeeded;
    }

    /// The password could not be tried.
    pub fn not_tried(mut self) {
        self.outcome = Outcome::NotTried;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut all = self.throttle.lock();
        for key in &self.keys {
            let Some(past) = all.get_mut(key) else { continue };
            past.pending = past.pending.saturating_sub(1);
            match self.outcome {
                Outcome::Failed => {
                    past.failures = past.failures(self.began_at).saturating_add(1);
                    past.last_at = past.last_at.max(self.began_at);
                }
                Outcome::Succeeded if matches!(key, Key::Pair(..)) => {
                    *past = Past { last_at: self.began_at, is_familiar: true, pending: past.pending, failures: 0 };
                }
                Outcome::Succeeded | Outcome::NotTried => {}
            }
            if past.failures == 0 && past.pending == 0 && !past.is_familiar {
                all.remove(key);
            }
        }
        drop(all);
        self.throttle.settled.notify_waiters();
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// The wait after `count` failures of which `free` are free: 1 s, 2 s, 4 s ... up to [`MAX_WAIT`].
fn wait(count: u32, free: u32) -> Duration {
    match count.checked_sub(free) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1_u64.checked_shl(over).unwrap_or(u64::MAX)).min(MAX_WAIT),
    }
}

fn forget_older_half(past: &mut HashMap<Key, Past>) {
    let mut times: Vec<_> = past.values().map(|past| past.last_at).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    past.retain(|_, past| past.pending > 0 || past.last_at > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const AWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn fail(throttle: &Throttle, account: &str, address: IpAddr, now: Timestamp) -> Result<(), Refusal> {
        throttle.begin(account, address, now).map(drop)
    }

    #[test]
    fn waits_double_after_the_free_failures() {
        let throttle = Throttle::default();
        for _ in 0..FREE_FOR_PAIR {
            assert_eq!(fail(&throttle, "anna", HOME, at(0)), Ok(()));
        }
        assert_eq!(fail(&throttle, "anna", HOME, at(0)), Err(Refusal::Wait(Duration::from_secs(1))));
        assert_eq!(fail(&throttle, "anna", HOME, at(1)), Ok(()));
        assert_eq!(fail(&throttle, "anna", HOME, at(1)), Err(Refusal::Wait(Duration::from_secs(2))));
    }

    #[test]
    fn the_owner_gets_in_from_another_address() {
        let throttle = Throttle::default();
        for _ in 0..FREE_FOR_PAIR {
            fail(&throttle, "anna", AWAY, at(0)).unwrap();
        }
        assert!(fail(&throttle, "anna", AWAY, at(0)).is_err());
        assert_eq!(fail(&throttle, "anna", HOME, at(0)), Ok(()));
    }

    #[test]
    fn one_host_has_no_more_guesses_for_having_many_ipv6_addresses() {
        let throttle = Throttle::default();
        let host = |number: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, number]);
        for number in 0..FREE_FOR_PAIR as u16 {
            fail(&throttle, "anna", host(number), at(0)).unwrap();
        }
        assert!(fail(&throttle, "anna", host(99), at(0)).is_err());
        assert_eq!(fail(&throttle, "anna", [0x2001, 0xdb8, 0, 2, 0, 0, 0, 1].into(), at(0)), Ok(()));
    }

    #[test]
    fn signing_in_often_is_never_slowed() {
        let throttle = Throttle::default();
        for _ in 0..1_000 {
            throttle.begin("anna", HOME, at(0)).unwrap().succeeded();
        }
        assert!(throttle.lock().values().all(|past| past.failures == 0 && past.pending == 0));
    }

    #[test]
    fn strangers_everywhere_do_not_keep_the_owner_out_from_where_they_have_signed_in() {
        let throttle = Throttle::default();
        throttle.begin("anna", HOME, at(0)).unwrap().succeeded();
        for stranger in 0..FREE_FOR_ACCOUNT {
            fail(&throttle, "anna", IpAddr::V4((0x0b00_0000 + stranger).into()), at(1)).unwrap();
        }
        assert!(fail(&throttle, "anna", AWAY, at(1)).is_err(), "the account is slowed down");
        throttle.begin("anna", HOME, at(1)).unwrap().succeeded();
        for _ in 0..FREE_FOR_PAIR {
            fail(&throttle, "anna", HOME, at(1)).unwrap();
        }
        assert!(fail(&throttle, "anna", HOME, at(1)).is_err(), "nor does it take guesses without end from there");
    }

    #[test]
    fn attempts_side_by_side_wait_for_an_outcome_instead_of_guessing_on() {
        let throttle = Throttle::default();
        let mut under_way: Vec<_> = (0..FREE_FOR_PAIR).map(|_| throttle.begin("anna", HOME, at(0)).unwrap()).collect();
        assert_eq!(throttle.begin("anna", HOME, at(0)).unwrap_err(), Refusal::Busy);
        under_way.pop().unwrap().succeeded();
        let next = throttle.begin("anna", HOME, at(0)).unwrap();
        drop(under_way);
        drop(next);
        assert!(matches!(throttle.begin("anna", HOME, at(0)), Err(Refusal::Wait(_))), "all others have failed");
    }

    #[test]
    fn an_attempt_that_could_not_be_tried_does_not_count() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            throttle.begin("anna", HOME, at(0)).unwrap().not_tried();
        }
        assert!(throttle.lock().is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_the_next_outcome() {
        let throttle = Throttle::default();
        let attempt = throttle.begin("anna", HOME, at(0)).unwrap();
        let settled = throttle.settled();
        drop(attempt);
        settled.await;
    }

    #[test]
    fn an_account_takes_at_most_a_hundred_guesses_an_hour_from_one_address() {
        let throttle = Throttle::default();
        let accepted = (0..3_600).filter(|second| fail(&throttle, "anna", HOME, at(*second)).is_ok()).count();
        assert!(accepted <= 20, "{accepted}");
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..60_000_u32 {
            let address = IpAddr::V4(number.into());
            fail(&throttle, &number.to_string(), address, at(u64::from(number))).unwrap();
        }
        assert!(throttle.lock().len() <= MAX_KEYS + 2);
    }
}
