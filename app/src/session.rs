//! What a session is, and the rules about it. Nothing here knows of Leptos, HTTP or the store's medium.

pub mod column;
pub mod page;
pub mod query;
pub mod search;
pub mod selection;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod store;

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{scope::Scopes, time::Timestamp};

/// The public number of a session: handed out in order from 1, never reused, grants nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The channel by which a session was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SessionType {
    /// The Keepwatch user interface, or an integration that uses the REST API.
    #[serde(rename = "rest")]
    RestApi,
    /// The plain sign-in page for applications behind a reverse proxy.
    #[serde(rename = "browser")]
    Browser,
    /// An integration that does not use the REST API.
    #[serde(rename = "other")]
    Other,
}

impl SessionType {
    /// Every type, in the order in which lists show them.
    pub const ALL: [Self; 3] = [Self::RestApi, Self::Browser, Self::Other];

    /// The word in URLs and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RestApi => "rest",
            Self::Browser => "browser",
            Self::Other => "other",
        }
    }

    /// The words in the console.
    pub const fn label(self) -> &'static str {
        match self {
            Self::RestApi => "REST API",
            Self::Browser => "Browser",
            Self::Other => "Other",
        }
    }

    /// Position in [`SessionType::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::RestApi => 0,
            Self::Browser => 1,
            Self::Other => 2,
        }
    }

    /// The type that [`SessionType::as_str`] writes as `text`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|session_type| session_type.as_str() == text)
    }
}

/// One connection of one user from one client.
///
/// Texts are shared: a million sessions have few distinct servers and user agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its public number.
    pub id: SessionId,
    /// The canonical name of the account it was established under.
    pub username: Arc<str>,
    /// The channel by which it was established.
    pub session_type: SessionType,
    /// The address of the device.
    pub address: IpAddr,
    /// The Keepwatch server the user signed in on.
    pub server_name: Arc<str>,
    /// The client's own words, at most [`USER_AGENT_BYTES`].
    pub user_agent: Arc<str>,
    /// Browser and system in words: `Chrome 156 on Linux`.
    pub client: Arc<str>,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the last request of this session was accepted.
    pub last_active_at: Timestamp,
    /// What it has instead of the usual deadlines, if it was made to be kept.
    #[serde(default)]
    pub standing: Option<Arc<Standing>>,
}

/// What a session has that a user has made for a client to keep: a name and a deadline of its own instead of the two that
/// others have. It is an app password, for a client that cannot sign in, or a client token, for one that uses REST.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// What its user calls it.
    pub name: String,
    /// When it ends, used or not.
    pub expires_at: Timestamp,
    /// What a client token may do; `None`: it is an app password.
    #[serde(default)]
    pub scopes: Option<Scopes>,
}

impl Standing {
    /// When it ends, used or not.
    pub const fn deadlines(&self) -> Deadlines {
        Deadlines { idle_timeout: None, absolute_lifetime: self.expires_at }
    }

    /// The longest name, in bytes.
    pub const NAME_BYTES: usize = 64;
    /// The longest life.
    pub const MOST_DAYS: u64 = 366;
}

impl Session {
    /// When it ends if nothing happens.
    pub fn deadlines(&self, lifetimes: &Lifetimes) -> Deadlines {
        match &self.standing {
            Some(standing) => standing.deadlines(),
            None => lifetimes.of(self.session_type).deadlines(self.created_at, self.last_active_at),
        }
    }

    /// What the user calls the app password or client token; empty for other sessions.
    pub fn standing_name(&self) -> String {
        self.standing.as_ref().map(|standing| standing.name.clone()).unwrap_or_default()
    }
}

/// How many bytes of a User-Agent are kept, cut at a character boundary.
pub const USER_AGENT_BYTES: usize = 512;

/// The SHA-256 of a session token: what a session is found by.
///
/// The token itself has 256 bits of entropy, so a plain hash suffices (ASVS 6.5.2) and nothing else is ever stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// Where a sign-in comes from.
#[derive(Clone, Debug)]
pub struct Client {
    /// The address of the device.
    pub address: IpAddr,
    /// The User-Agent header, already cut to [`USER_AGENT_BYTES`].
    pub user_agent: String,
}

impl Client {
    /// A client, its User-Agent cut to [`USER_AGENT_BYTES`] and its IPv4-mapped address written as IPv4.
    pub fn new(address: IpAddr, user_agent: &str) -> Self {
        let cut = (0..=USER_AGENT_BYTES.min(user_agent.len()))
            .rev()
            .find(|&end| user_agent.is_char_boundary(end))
            .unwrap_or(0);
        Self { address: address.to_canonical(), user_agent: user_agent[..cut].to_owned() }
    }
}

/// When a session ends if nothing happens: by whichever deadline is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// When its idle timeout is over; what is made to be kept has none.
    pub idle_timeout: Option<Timestamp>,
    /// When its absolute lifetime is over.
    pub absolute_lifetime: Timestamp,
}

impl Deadlines {
    /// The first of the two.
    pub fn first(self) -> Timestamp {
        self.idle_timeout.map_or(self.absolute_lifetime, |idle| idle.min(self.absolute_lifetime))
    }
}

/// The two deadlines of a session, as times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 2]", into = "[u64; 2]")]
pub struct Lifetime {
    /// A session ends this long after it was last active.
    pub idle_timeout: Duration,
    /// A session ends this long after it was established, however active.
    pub absolute_lifetime: Duration,
}

impl Lifetime {
    /// When a session ends if nothing happens.
    pub fn deadlines(&self, created_at: Timestamp, last_active_at: Timestamp) -> Deadlines {
        Deadlines {
            idle_timeout: Some(last_active_at.plus(self.idle_timeout)),
            absolute_lifetime: created_at.plus(self.absolute_lifetime),
        }
    }
}

/// From seconds: idle timeout, absolute lifetime.
impl From<[u64; 2]> for Lifetime {
    fn from(seconds: [u64; 2]) -> Self {
        let [idle_timeout, absolute_lifetime] = seconds.map(Duration::from_secs);
        Self { idle_timeout, absolute_lifetime }
    }
}

impl From<Lifetime> for [u64; 2] {
    fn from(Lifetime { idle_timeout, absolute_lifetime }: Lifetime) -> Self {
        [idle_timeout, absolute_lifetime].map(|time| time.as_secs())
    }
}

impl Default for Lifetime {
    /// 30 minutes and 12 hours (NIST SP 800-63B-4 AAL3, ASVS 7.3.1 and 7.3.2).
    fn default() -> Self {
        Self { idle_timeout: Duration::from_secs(30 * 60), absolute_lifetime: Duration::from_secs(12 * 60 * 60) }
    }
}

/// The deadlines of the sessions of each type, in the order of [`SessionType::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes(pub [Lifetime; 3]);

impl Lifetimes {
    /// The same for all types.
    pub const fn of_all(lifetime: Lifetime) -> Self {
        Self([lifetime; 3])
    }

    /// Those of a type.
    #[inline]
    pub fn of(&self, session_type: SessionType) -> &Lifetime {
        &self.0[session_type.index()]
    }

    /// The first instant at which a session that is established `now` may end.
    pub fn first_deadline(&self, now: Timestamp) -> Timestamp {
        self.0.iter().map(|lifetime| lifetime.deadlines(now, now).first()).min().unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn a_huge_user_agent_is_cut_at_a_character_boundary() {
        let client = Client::new(Ipv4Addr::LOCALHOST.into(), &"é".repeat(1_000));
        assert_eq!(client.user_agent, "é".repeat(256));
        let odd = Client::new(Ipv4Addr::LOCALHOST.into(), &format!("x{}", "é".repeat(1_000)));
        assert_eq!(odd.user_agent.len(), 511);
    }

    #[test]
    fn an_ipv4_address_in_ipv6_clothes_is_the_ipv4_address() {
        let mapped = Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0x0a14, 0x0104);
        assert_eq!(Client::new(mapped.into(), "").address.to_string(), "10.20.1.4");
    }

    #[test]
    fn a_session_ends_exactly_at_its_deadlines() {
        let lifetime = Lifetime::default();
        let at = |minutes: u64| Timestamp::from_millis(minutes * 60_000);
        assert_eq!(
            [lifetime.deadlines(at(0), at(0)), lifetime.deadlines(at(0), at(719))].map(Deadlines::first),
            [at(30), at(720)]
        );
    }

    #[test]
    fn types_are_read_as_they_are_written() {
        for session_type in SessionType::ALL {
            assert_eq!(SessionType::parse(session_type.as_str()), Some(session_type));
            assert_eq!(SessionType::ALL[session_type.index()], session_type);
        }
        assert_eq!(SessionType::parse("REST"), None);
    }
}
