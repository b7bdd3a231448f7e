//! `keepwatch demo`: simulated users on a throw-away store, through the same code as real ones.

use std::{net::IpAddr, sync::Arc, time::Duration};

use anyhow::Context;
use app::{
    session::{
        Client, SessionId, SessionType,
        store::{NewSession, SessionStore, StoreError},
    },
    time::Timestamp,
};
use futures_util::future::try_join_all;
use tempfile::TempDir;

use crate::{auth::token::SessionToken, state::AppState};

/// How many sessions are created side by side, so that they share commits.
const BATCH: u32 = 1_000;
/// The time between two acts of the simulation.
const ACT_EVERY: Duration = Duration::from_millis(350);

/// A data directory that vanishes with its handle.
///
/// # Errors
/// When no temporary directory can be made.
pub fn data_dir() -> anyhow::Result<TempDir> {
    tempfile::Builder::new().prefix("keepwatch-demo-").tempdir().context("no temporary directory can be made")
}

/// Fills the store with `count` simulated sessions and keeps them coming, acting and going until the server stops.
///
/// # Errors
/// When the store takes no sessions.
pub async fn spawn(state: &AppState, count: u32) -> anyhow::Result<()> {
    let mut crowd = Crowd::new(state.clone(), count);
    for batch in (0..count).step_by(BATCH as usize) {
        crowd.arrive(BATCH.min(count - batch), MAX_AGE).await.context("filling the demo")?;
    }
    state.tasks.spawn(crowd.live());
    Ok(())
}

/// The oldest sign-in at the start; less than the idle timeout.
const MAX_AGE: Duration = Duration::from_secs(25 * 60);

struct Crowd {
    state: AppState,
    wanted: usize,
    people: u64,
    present: Vec<SessionId>,
    dice: Dice,
}

impl Crowd {
    fn new(state: AppState, count: u32) -> Self {
        let people = u64::from(count / 2).max(12);
        Self { state, wanted: count as usize, people, present: Vec::new(), dice: Dice(0x9e37_79b9_7f4a_7c15) }
    }

    /// Lets `count` users sign in at random instants up to `max_age` ago.
    async fn arrive(&mut self, count: u32, max_age: Duration) -> Result<(), StoreError> {
        let newcomers: Vec<_> = (0..count).filter_map(|_| self.newcomer(max_age)).collect();
        let created = try_join_all(newcomers.into_iter().map(|session| self.state.store.create(session))).await?;
        self.present.extend(created.iter().map(|session| session.id));
        Ok(())
    }

    fn newcomer(&mut self, max_age: Duration) -> Option<NewSession> {
        let dice = &mut self.dice;
        let (username, session_type, user_agent) = persona(dice, self.people);
        // Squared, so that most have been active lately.
        let age = max_age.as_millis() as u64;
        let ago = dice.below(age.max(1)) * dice.below(1_000) / 1_000;
        let now = self.state.sessions.now();
        Some(NewSession {
            token_hash: SessionToken::generate().ok()?.hash(),
            username: username.into(),
            session_type,
            client: Client::new(address(dice), user_agent),
            server_name: Arc::from(SERVERS[dice.below(SERVERS.len() as u64) as usize]),
            created_at: Timestamp::from_millis(now.as_millis().saturating_sub(ago)),
            asker: None,
            standing: None,
        })
    }

    async fn live(mut self) {
        loop {
            let shutdown = self.state.shutdown.clone();
            if tokio::time::timeout(ACT_EVERY, shutdown.cancelled()).await.is_ok() {
                return;
            }
            if let Err(error) = self.act().await {
                tracing::warn!("the simulation could not go on just now: {error}");
            }
        }
    }

    /// A few requests, now and then a sign-in or a sign-out; the crowd stays about as large as wanted.
    async fn act(&mut self) -> Result<(), StoreError> {
        for _ in 0..self.present.len().div_ceil(150) {
            if let Some(id) = self.somebody() {
                self.state.sessions.touch(id);
            }
        }
        let surplus = self.state.store.len() as i64 - self.wanted as i64;
        if surplus < 0 || (surplus < 8 && self.dice.below(3) == 0) {
            self.arrive(1, Duration::from_millis(1)).await?;
        }
        if (surplus > 4 || self.dice.below(4) == 0)
            && let Some(id) = self.somebody()
        {
            _ = self.state.sessions.sign_out(id).await;
        }
        Ok(())
    }

    /// One of those who are there. Whoever is found to have gone is forgotten.
    fn somebody(&mut self) -> Option<SessionId> {
        while !self.present.is_empty() {
            let place = self.dice.below(self.present.len() as u64) as usize;
            let id = self.present[place];
            if self.state.store.get(id).is_some() {
                return Some(id);
            }
            self.present.swap_remove(place);
        }
        None
    }
}

const SERVERS: [&str; 3] = ["keep-01", "keep-02", "keep-03"];

const FIRST: [&str; 24] = [
    "anna", "jonas", "mei", "tuan", "paola", "karim", "emi", "lucas", "nadia", "oskar", "ruth", "sofia", "amir",
    "ines", "leo", "maja", "noor", "pablo", "vera", "yusuf", "zoe", "hugo", "lena", "femi",
];

const LAST: [&str; 24] = [
    "berg",
    "okafor",
    "lindqvist",
    "nguyen",
    "rossi",
    "haddad",
    "sato",
    "dupont",
    "kowalski",
    "silva",
    "novak",
    "meyer",
    "khan",
    "costa",
    "ivanova",
    "tanaka",
    "garcia",
    "jensen",
    "popescu",
    "adeyemi",
    "murphy",
    "fischer",
    "moreau",
    "larsen",
];

const CONSOLES: [&str; 4] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:147.0) Gecko/20100101 Firefox/147.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Safari/605.1.15",
];

const PHONES: [&str; 3] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
];

const AGENTS: [(&str, &str); 5] = [
    ("backup-agent", "restic/0.18.0 (linux/amd64)"),
    ("webdav-scan", "davfs2/1.7.0 neon/0.32.5"),
    ("svc-invoices", "reqwest/0.13"),
    ("calendar-sync", "vdirsyncer/0.20.0"),
    ("git-mirror", "git/2.47.3"),
];

fn persona(dice: &mut Dice, people: u64) -> (String, SessionType, &'static str) {
    if dice.below(18) == 0 {
        let (name, user_agent) = AGENTS[dice.below(AGENTS.len() as u64) as usize];
        return (name.to_owned(), SessionType::Other, user_agent);
    }
    let person = dice.below(people);
    let (first, last) = (FIRST[(person % 24) as usize], LAST[(person / 24 % 24) as usize]);
    let twin = person / 576;
    let name = if twin == 0 { format!("{first}.{last}") } else { format!("{first}.{last}{}", twin + 1) };
    if dice.below(3) == 0 {
        (name, SessionType::Browser, PHONES[dice.below(PHONES.len() as u64) as usize])
    } else {
        (name, SessionType::RestApi, CONSOLES[dice.below(CONSOLES.len() as u64) as usize])
    }
}

/// Addresses of private and documentation ranges only (RFC 1918, RFC 5737, RFC 3849).
fn address(dice: &mut Dice) -> IpAddr {
    let low = dice.below(0xffff) as u16;
    let [high_byte, low_byte] = low.to_be_bytes();
    match dice.below(10) {
        0 => [0x2001, 0xdb8, 0x9b40, 1, 0, 0, 0, low].into(),
        1 => [203, 0, 113, low_byte].into(),
        2 => [198, 51, 100, low_byte].into(),
        _ => [10, 20, high_byte % 16, low_byte].into(),
    }
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
