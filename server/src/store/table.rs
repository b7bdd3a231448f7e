//! The session table: what every check and every list reads.
//!
//! Columns, one element for each slot, and two indexes that keep only slot numbers: about 100 bytes a session and the
//! texts. A slot whose session has gone is used again. Last-active instants are atomic, so that a touch needs no more
//! than shared access.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::atomic::{AtomicU64, Ordering},
};

use app::{
    session::{
        Session, SessionId, SessionType, TokenHash,
        page::{Counts, Revision},
    },
    time::Timestamp,
};
use hashbrown::HashTable;

use super::{
    dictionary::{DescribeAgent, Dictionary},
    ends::Ended,
    row::Row,
};

/// The place of a session in the columns.
pub(crate) type Slot = u32;

/// In the place of an id: no session is here. Ids count from 1.
const VACANT: u64 = 0;

/// All sessions.
///
/// A session is found by its token last when it enters and no longer first when it leaves, so that a change broken off
/// halfway can only deny.
pub(crate) struct Table {
    ids: Vec<u64>,
    tokens: Vec<[u8; 32]>,
    users: Vec<u32>,
    servers: Vec<u32>,
    agents: Vec<u32>,
    types: Vec<u8>,
    /// IPv6 as it is, IPv4 mapped into it (RFC 4291, 2.5.5.2).
    addresses: Vec<u128>,
    created_at: Vec<u64>,
    last_active_at: Vec<AtomicU64>,
    /// One bit a slot: touched since its row was last written.
    touched: Vec<AtomicU64>,
    vacant: Vec<Slot>,
    by_token: HashTable<Slot>,
    by_id: HashTable<Slot>,
    pub(super) usernames: Dictionary,
    pub(super) server_names: Dictionary,
    pub(super) user_agents: Dictionary,
    by_type: [u64; 3],
    newest_id: SessionId,
    revision: AtomicU64,
}

/// Rows whose session was touched, encoded, and where to go on for more.
pub(crate) struct Touched {
    pub(crate) rows: Vec<(u64, Vec<u8>)>,
    pub(crate) next: Option<usize>,
}

impl Table {
    /// A table without sessions.
    pub(crate) fn new(describe_agent: DescribeAgent) -> Self {
        Self {
            ids: Vec::new(),
            tokens: Vec::new(),
            users: Vec::new(),
            servers: Vec::new(),
            agents: Vec::new(),
            types: Vec::new(),
            addresses: Vec::new(),
            created_at: Vec::new(),
            last_active_at: Vec::new(),
            touched: Vec::new(),
            vacant: Vec::new(),
            by_token: HashTable::new(),
            by_id: HashTable::new(),
            usernames: Dictionary::plain(),
            server_names: Dictionary::plain(),
            user_agents: Dictionary::described(describe_agent),
            by_type: [0; 3],
            newest_id: SessionId(0),
            revision: AtomicU64::new(0),
        }
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Adds a session.
    pub(crate) fn insert(&mut self, row: &Row<'_>) -> Slot {
        let slot = self.take_slot();
        let at = slot as usize;
        self.tokens[at] = row.token_hash.0;
        self.users[at] = self.usernames.acquire(row.username);
        self.servers[at] = self.server_names.acquire(row.server_name);
        self.agents[at] = self.user_agents.acquire(row.user_agent);
        self.types[at] = row.session_type.index() as u8;
        self.addresses[at] = address_bits(row.address);
        self.created_at[at] = row.created_at.as_millis();
        *self.last_active_at[at].get_mut() = row.last_active_at.as_millis();
        self.ids[at] = row.id.0;
        self.by_type[row.session_type.index()] += 1;
        self.newest_id = self.newest_id.max(row.id);
        *self.revision.get_mut() += 1;
        let Self { ids, tokens, by_id, by_token, .. } = self;
        by_id.insert_unique(hash_of_id(row.id.0), slot, |slot| hash_of_id(ids[*slot as usize]));
        by_token.insert_unique(hash_of_token(&row.token_hash.0), slot, |slot| hash_of_token(&tokens[*slot as usize]));
        slot
    }

    /// Takes the session out of a slot that holds one.
    pub(crate) fn remove(&mut self, slot: Slot) -> Ended {
        let at = slot as usize;
        let ended = Ended { id: self.id(slot), token_hash: TokenHash(self.tokens[at]) };
        if let Ok(entry) = self.by_token.find_entry(hash_of_token(&self.tokens[at]), |other| *other == slot) {
            entry.remove();
        }
        if let Ok(entry) = self.by_id.find_entry(hash_of_id(self.ids[at]), |other| *other == slot) {
            entry.remove();
        }
        self.ids[at] = VACANT;
        self.usernames.release(self.users[at]);
        self.server_names.release(self.servers[at]);
        self.user_agents.release(self.agents[at]);
        self.by_type[usize::from(self.types[at])] -= 1;
        *self.touched[at / 64].get_mut() &= !(1 << (at % 64));
        self.vacant.push(slot);
        *self.revision.get_mut() += 1;
        ended
    }

    /// Moves the last-active instant forward; whether it moved.
    pub(crate) fn touch(&self, slot: Slot, now: Timestamp) -> bool {
        let at = slot as usize;
        let moved = self.last_active_at[at].fetch_max(now.as_millis(), Ordering::Relaxed) < now.as_millis();
        if moved {
            self.mark_touched(slot);
        }
        moved
    }

    /// Has the row written with the next ones. Released here and acquired in [`Table::take_touched`], so that the bit
    /// is never taken without the instant.
    pub(crate) fn mark_touched(&self, slot: Slot) {
        let at = slot as usize;
        self.touched[at / 64].fetch_or(1 << (at % 64), Ordering::Release);
    }

    /// Takes rows that were touched since they were last taken: from a position on, and once there are `enough`, no
    /// further.
    pub(crate) fn take_touched(&self, from: usize, enough: usize) -> Touched {
        let mut rows = Vec::new();
        for (position, word) in self.touched.iter().enumerate().skip(from) {
            if rows.len() >= enough {
                return Touched { rows, next: Some(position) };
            }
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let mut bits = word.swap(0, Ordering::Acquire);
            while bits != 0 {
                let at = position * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                rows.push((self.ids[at], self.row(at as Slot).encode()));
            }
        }
        Touched { rows, next: None }
    }

    /// The slot of a token's session.
    pub(crate) fn find_token(&self, token: &TokenHash) -> Option<Slot> {
        self.by_token.find(hash_of_token(&token.0), |slot| self.tokens[*slot as usize] == token.0).copied()
    }

    /// The slot of a session.
    pub(crate) fn find(&self, id: SessionId) -> Option<Slot> {
        self.by_id.find(hash_of_id(id.0), |slot| self.ids[*slot as usize] == id.0).copied()
    }

    /// The slots that hold a session. One pass over all slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        (0..).zip(&self.ids).filter(|(_, id)| **id != VACANT).map(|(slot, _)| slot)
    }

    /// The whole session.
    pub(crate) fn session(&self, slot: Slot) -> Session {
        Session {
            id: self.id(slot),
            username: self.usernames.text(self.user(slot)).clone(),
            session_type: self.session_type(slot),
            address: self.address(slot),
            server_name: self.server_names.text(self.server(slot)).clone(),
            user_agent: self.user_agents.text(self.agent(slot)).clone(),
            client: self.user_agents.words(self.agent(slot)).clone(),
            created_at: self.created_at(slot),
            last_active_at: self.last_active_at(slot),
        }
    }

    fn row(&self, slot: Slot) -> Row<'_> {
        Row {
            id: self.id(slot),
            token_hash: TokenHash(self.tokens[slot as usize]),
            session_type: self.session_type(slot),
            address: self.address(slot),
            created_at: self.created_at(slot),
            last_active_at: self.last_active_at(slot),
            username: self.usernames.text(self.user(slot)),
            server_name: self.server_names.text(self.server(slot)),
            user_agent: self.user_agents.text(self.agent(slot)),
        }
    }

    pub(crate) fn id(&self, slot: Slot) -> SessionId {
        SessionId(self.ids[slot as usize])
    }

    /// Its number in `usernames`.
    pub(crate) fn user(&self, slot: Slot) -> u32 {
        self.users[slot as usize]
    }

    /// Its number in `server_names`.
    pub(crate) fn server(&self, slot: Slot) -> u32 {
        self.servers[slot as usize]
    }

    /// Its number in `user_agents`.
    pub(crate) fn agent(&self, slot: Slot) -> u32 {
        self.agents[slot as usize]
    }

    /// The position of its type in [`SessionType::ALL`].
    pub(crate) fn type_index(&self, slot: Slot) -> usize {
        usize::from(self.types[slot as usize])
    }

    pub(crate) fn session_type(&self, slot: Slot) -> SessionType {
        SessionType::ALL[self.type_index(slot)]
    }

    pub(crate) fn address(&self, slot: Slot) -> IpAddr {
        Ipv6Addr::from_bits(self.addresses[slot as usize]).to_canonical()
    }

    /// A number that orders addresses: all of IPv4, then IPv6, each by value.
    pub(crate) fn address_key(&self, slot: Slot) -> (bool, u128) {
        let bits = self.addresses[slot as usize];
        (bits >> 32 != 0xffff, bits)
    }

    pub(crate) fn created_at(&self, slot: Slot) -> Timestamp {
        Timestamp::from_millis(self.created_at[slot as usize])
    }

    pub(crate) fn last_active_at(&self, slot: Slot) -> Timestamp {
        Timestamp::from_millis(self.last_active_at[slot as usize].load(Ordering::Relaxed))
    }

    /// The tiles.
    pub(crate) fn counts(&self) -> Counts {
        Counts { active_users: self.usernames.len() as u64, by_type: self.by_type }
    }

    /// The newest id handed out, whether or not its session is still here.
    pub(crate) fn newest_id(&self) -> SessionId {
        self.newest_id
    }

    /// Says that what is here now was here at the start, when ids up to this one had been handed out.
    pub(crate) fn begin(&mut self, newest_id: SessionId) {
        self.newest_id = self.newest_id.max(newest_id);
        *self.revision.get_mut() = 0;
    }

    /// How many changes there were since the start. To be read before the rows that are shown with it.
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    /// Counts the touches so far as one change.
    pub(crate) fn count_touches(&self) -> Revision {
        Revision(self.revision.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Makes room for this many sessions at once.
    pub(crate) fn reserve(&mut self, sessions: usize) {
        self.reserve_columns(sessions);
        let Self { ids, tokens, by_id, by_token, .. } = self;
        by_id.reserve(sessions, |slot| hash_of_id(ids[*slot as usize]));
        by_token.reserve(sessions, |slot| hash_of_token(&tokens[*slot as usize]));
    }

    /// Exactly, because `Vec` would double a hundred megabytes.
    fn reserve_columns(&mut self, sessions: usize) {
        self.ids.reserve_exact(sessions);
        self.tokens.reserve_exact(sessions);
        self.users.reserve_exact(sessions);
        self.servers.reserve_exact(sessions);
        self.agents.reserve_exact(sessions);
        self.types.reserve_exact(sessions);
        self.addresses.reserve_exact(sessions);
        self.created_at.reserve_exact(sessions);
        self.last_active_at.reserve_exact(sessions);
    }

    fn take_slot(&mut self) -> Slot {
        if let Some(slot) = self.vacant.pop() {
            return slot;
        }
        let slot = Slot::try_from(self.ids.len()).expect("memory ends before 2^32 sessions do");
        if self.ids.len() == self.ids.capacity() {
            self.reserve_columns(self.ids.len() / 8 + 1_024);
        }
        self.ids.push(VACANT);
        self.tokens.push([0; 32]);
        self.users.push(0);
        self.servers.push(0);
        self.agents.push(0);
        self.types.push(0);
        self.addresses.push(0);
        self.created_at.push(0);
        self.last_active_at.push(AtomicU64::new(0));
        if slot.is_multiple_of(64) {
            self.touched.push(AtomicU64::new(0));
        }
        slot
    }
}

fn address_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Sequential numbers spread over all bits (the finalizer of SplitMix64).
fn hash_of_id(id: u64) -> u64 {
    let mut hash = id;
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// A SHA-256 is as good as random already, and nobody chooses the tokens in the table.
fn hash_of_token(token: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *token;
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
#[path = "table_tests.rs"]
pub(super) mod tests;
