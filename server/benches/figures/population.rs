//! Made-up sessions: by number, the same in every run.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::Range,
    sync::Arc,
    time::Duration,
};

use app::{
    session::{
        Client, Lifetime, Lifetimes, SessionId, SessionType, TokenHash,
        store::{NewSession, SessionStore, StoreError},
    },
    time::Timestamp,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use server::store::RedbStore;

/// Longer than any run: nothing is refused for its age.
pub(crate) const LIFETIMES: Lifetimes = Lifetimes::of_all(Lifetime {
    idle_timeout: Duration::from_secs(24 * 60 * 60),
    absolute_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
});

/// How many sessions are created side by side when a store is filled, so that they share commits.
const IN_FLIGHT: usize = 1_000;
/// The age of the oldest session.
const MAX_AGE: Duration = Duration::from_secs(25 * 60);

const FIRST: [&str; 8] = ["anna", "jonas", "mei", "tuan", "paola", "karim", "emi", "lucas"];
const LAST: [&str; 8] = ["berg", "okafor", "lindqvist", "nguyen", "rossi", "haddad", "sato", "dupont"];
const SERVERS: [&str; 3] = ["keep-01", "keep-02", "keep-03"];
const USER_AGENTS: u64 = 200;

/// As many users as there are thirds of sessions, 200 user agents, three servers, addresses of a /8.
pub(crate) struct Population {
    people: u64,
    now: Timestamp,
}

impl Population {
    pub(crate) fn new(sessions: u64, now: Timestamp) -> Self {
        Self { people: (sessions / 3).max(1), now }
    }

    /// The session of this number.
    pub(crate) fn session(&self, index: u64) -> NewSession {
        let dice = scattered(index);
        let [_, a, b, c, ..] = scattered(dice).to_be_bytes();
        let age = dice % MAX_AGE.as_millis() as u64;
        NewSession {
            token_hash: token(index),
            username: username(index % self.people).into(),
            session_type: session_type(dice >> 40),
            client: Client::new(Ipv4Addr::new(10, a, b, c).into(), &user_agent((dice >> 44) % USER_AGENTS)),
            server_name: Arc::from(SERVERS[(dice >> 52) as usize % SERVERS.len()]),
            created_at: Timestamp::from_millis(self.now.as_millis().saturating_sub(age)),
            asker: None,
            standing: None,
        }
    }

    /// An instant at which no session has been created yet: a check then moves no last-active instant, and leaves no row
    /// to be written behind the measurement's back.
    pub(crate) fn before_all(&self) -> Timestamp {
        let before = MAX_AGE.as_millis() as u64 + 1;
        Timestamp::from_millis(self.now.as_millis().saturating_sub(before))
    }

    /// The fields of a session one after the other, but the token: id, type, address, two instants, texts.
    pub(crate) fn rest(&self, index: u64) -> Vec<u8> {
        let session = self.session(index);
        let created_at = session.created_at.as_millis().to_le_bytes();
        let mut record = index.to_le_bytes().to_vec();
        record.push(session.session_type as u8);
        match session.client.address {
            IpAddr::V4(address) => record.extend(address.octets()),
            IpAddr::V6(address) => record.extend(address.octets()),
        }
        record.extend(created_at);
        record.extend(created_at);
        for text in [&*session.username, &*session.server_name, &*session.client.user_agent] {
            record.extend_from_slice(text.as_bytes());
        }
        record
    }

    /// The bytes of a session's fields, on average.
    pub(crate) fn field_bytes(&self, sessions: u64) -> f64 {
        let some = sessions.min(10_000);
        let bytes: usize = (0..some).map(|index| size_of::<TokenHash>() + self.rest(index).len()).sum();
        bytes as f64 / some as f64
    }
}

/// Creates the sessions of these numbers; their ids, in the same order.
pub(crate) async fn fill(
    store: &RedbStore,
    population: &Population,
    indices: Range<u64>,
) -> Result<Vec<SessionId>, StoreError> {
    stream::iter(indices)
        .map(|index| store.create(population.session(index)))
        .buffered(IN_FLIGHT)
        .map_ok(|session| session.id)
        .try_collect()
        .await
}

/// The token of the session of this number.
pub(crate) fn token(index: u64) -> TokenHash {
    let mut token = [0; 32];
    for (lane, bytes) in (0..).zip(token.as_chunks_mut::<8>().0) {
        *bytes = scattered(index.wrapping_mul(4).wrapping_add(lane)).to_le_bytes();
    }
    TokenHash(token)
}

/// A number that looks random and is another for every number (SplitMix64).
pub(crate) fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn username(person: u64) -> String {
    let (first, last) = (FIRST[(person % 8) as usize], LAST[(person / 8 % 8) as usize]);
    format!("{first}.{last}{}", person / 64)
}

fn session_type(dice: u64) -> SessionType {
    match dice % 10 {
        0..=5 => SessionType::RestApi,
        6..=8 => SessionType::Browser,
        _ => SessionType::Other,
    }
}

fn user_agent(number: u64) -> String {
    const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome";
    let version = 100 + number / 4;
    match number % 4 {
        0 => format!("Mozilla/5.0 (X11; Linux x86_64) {CHROME}/{version}.0.0.0 Safari/537.36"),
        1 => format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"),
        2 => format!("Mozilla/5.0 (Linux; Android 16; Pixel 10) {CHROME}/{version}.0.0.0 Mobile Safari/537.36"),
        _ => format!("restic/0.{version}.0 (linux/amd64)"),
    }
}
