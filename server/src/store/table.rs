//! The session table: what every check and every list reads.
//!
//! Columns, one element for each slot, two indexes of slot numbers, and the default order: about 130 bytes a session, some
//! more before an index doubles, and the texts. A slot whose session has gone is used again. Last-active instants are
//! atomic, so that a touch needs no more than shared access.

mod cells;
mod start;
mod touching;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use app::session::{
    Client, SessionId, Standing, TokenHash,
    page::{Counts, Revision},
    search::fold,
};

pub(crate) use self::start::SharedTexts;
use super::{
    addresses::Addresses,
    bits::{self, SlotBits},
    column::lengthen,
    dictionary::{DescribeAgent, Dictionary},
    ends::Ended,
    newcomers::Newcomers,
    order::{self, OfType, Order},
    row::Row,
    slot_index::SlotIndex,
};

/// The place of a session in the columns.
pub(crate) type Slot = u32;

/// In the place of an id: no session is here. Ids count from 1.
const VACANT: u64 = 0;
/// Slots are made in words of this many, so that whole words can be looked at.
const WORD: usize = 64;
/// The most slots that are made at once when there is no vacant one: nobody reads meanwhile.
const MOST_SLOTS_AT_ONCE: usize = 4_096;

/// All sessions.
///
/// A slot is occupied last when a session enters and no longer first when it leaves, and nothing is found in a slot that
/// is not: a change broken off halfway can only deny.
pub(crate) struct Table {
    /// One bit a slot.
    occupied: Vec<u64>,
    ids: Vec<u64>,
    tokens: Vec<[u8; 32]>,
    users: Vec<u32>,
    servers: Vec<u32>,
    agents: Vec<u32>,
    types: Vec<u8>,
    addresses: Addresses,
    created_at: Vec<u64>,
    last_active_at: Vec<AtomicU64>,
    /// One bit a slot: touched since its row was last written.
    touched: Vec<AtomicU64>,
    /// Which slots were touched since their place in the order was last looked at.
    moved: SlotBits,
    /// Of which something else is shown than when that was last asked.
    changed: SlotBits,
    order: Mutex<Order>,
    /// Of the few sessions that were made to be kept, and one bit a slot: whether it is one of them.
    standings: HashMap<Slot, Arc<Standing>>,
    are_standing: Vec<u64>,
    vacant: Vec<Slot>,
    /// Slots whose session has gone, but not yet what points there.
    left: Vec<Slot>,
    /// How many slots have ever been used.
    used: usize,
    by_token: SlotIndex,
    by_id: SlotIndex,
    pub(super) usernames: Dictionary,
    pub(super) server_names: Dictionary,
    pub(super) user_agents: Dictionary,
    by_type: [u64; 3],
    newest_id: SessionId,
    newcomers: Newcomers,
    revision: AtomicU64,
    /// The newest revision that more than touches has led to.
    changed_up_to: u64,
}

impl Table {
    /// A table without sessions.
    pub(crate) fn new(describe_agent: DescribeAgent) -> Self {
        Self {
            occupied: Vec::new(),
            ids: Vec::new(),
            tokens: Vec::new(),
            users: Vec::new(),
            servers: Vec::new(),
            agents: Vec::new(),
            types: Vec::new(),
            addresses: Addresses::default(),
            created_at: Vec::new(),
            last_active_at: Vec::new(),
            touched: Vec::new(),
            moved: SlotBits::default(),
            changed: SlotBits::default(),
            order: Mutex::default(),
            standings: HashMap::new(),
            are_standing: Vec::new(),
            vacant: Vec::new(),
            left: Vec::new(),
            used: 0,
            by_token: SlotIndex::default(),
            by_id: SlotIndex::default(),
            usernames: Dictionary::plain(),
            server_names: Dictionary::plain(),
            user_agents: Dictionary::described(describe_agent),
            by_type: [0; 3],
            newest_id: SessionId(0),
            newcomers: Newcomers::default(),
            revision: AtomicU64::new(0),
            changed_up_to: 0,
        }
    }

    /// How many sessions there are.
    pub(crate) fn len(&self) -> usize {
        self.by_type.iter().sum::<u64>() as usize
    }

    /// Adds a session.
    pub(crate) fn insert(&mut self, row: &Row<'_>) -> Slot {
        let server = self.server_names.acquire(row.server_name);
        let agent = self.user_agents.acquire(row.user_agent);
        let user = self.usernames.acquire(row.username);
        let slot = self.put(row, user, server, agent);
        let Self { ids, tokens, types, by_id, by_token, order, .. } = self;
        by_id.insert(hash_of_id(row.id.0), slot, |slot| hash_of_id(ids[slot as usize]));
        by_token.insert(hash_of_token(&row.token_hash.0), slot, |slot| hash_of_token(&tokens[slot as usize]));
        let order = order.get_mut().unwrap_or_else(PoisonError::into_inner);
        order.insert(slot, row.last_active_at.as_millis(), order::Columns { ids, types });
        self.newcomers.enter(row.id.0, row.session_type.index());
        self.occupied[slot as usize / WORD] |= bit(slot as usize);
        slot
    }

    /// Fills a slot for a session, which is not found yet. The numbers are those of its texts.
    fn put<T>(&mut self, row: &Row<'_, T>, user: u32, server: u32, agent: u32) -> Slot {
        let slot = self.take_slot();
        let at = slot as usize;
        self.tokens[at] = row.token_hash.0;
        self.users[at] = user;
        self.servers[at] = server;
        self.agents[at] = agent;
        self.types[at] = row.session_type.index() as u8;
        self.addresses.put(at, row.address);
        self.created_at[at] = row.created_at.as_millis();
        *self.last_active_at[at].get_mut() = row.last_active_at.as_millis();
        if let Some(standing) = &row.standing {
            self.standings.insert(slot, Arc::new(Standing::clone(standing)));
            self.are_standing[at / WORD] |= bit(at);
        }
        self.ids[at] = row.id.0;
        self.by_type[row.session_type.index()] += 1;
        self.newest_id = self.newest_id.max(row.id);
        self.count_change();
        slot
    }

    /// Takes the session out of a slot that holds one. What points to the slot stays until [`Table::clear_up`]: nothing is
    /// found there any more, and that is all that many deletes at once have to wait for.
    pub(crate) fn leave(&mut self, slot: Slot) -> Ended {
        let at = slot as usize;
        self.occupied[at / WORD] &= !bit(at);
        let ended = Ended { id: self.id(slot), token_hash: TokenHash(self.tokens[at]) };
        self.usernames.release(self.users[at]);
        self.server_names.release(self.servers[at]);
        self.user_agents.release(self.agents[at]);
        self.by_type[usize::from(self.types[at])] -= 1;
        *self.touched[at / WORD].get_mut() &= !bit(at);
        self.moved.clear(slot);
        let Self { ids, types, order, .. } = self;
        order.get_mut().unwrap_or_else(PoisonError::into_inner).remove(slot, order::Columns { ids, types });
        self.newcomers.leave(ids[at], usize::from(types[at]));
        self.left.push(slot);
        self.changed.set(slot);
        self.count_change();
        ended
    }

    /// Whether there are slots to clear up.
    pub(crate) fn is_untidy(&self) -> bool {
        !self.left.is_empty()
    }

    /// Makes up to so many slots vacant that sessions have left.
    pub(crate) fn clear_up(&mut self, slots: usize) {
        let kept = self.left.len().saturating_sub(slots);
        for slot in self.left.split_off(kept) {
            self.vacate(slot);
        }
    }

    fn vacate(&mut self, slot: Slot) {
        let at = slot as usize;
        self.by_token.remove(hash_of_token(&self.tokens[at]), slot);
        self.by_id.remove(hash_of_id(self.ids[at]), slot);
        self.ids[at] = VACANT;
        if self.standings.remove(&slot).is_some() {
            self.are_standing[at / WORD] &= !bit(at);
        }
        self.addresses.take(at);
        self.usernames.forget(self.users[at]);
        self.server_names.forget(self.servers[at]);
        self.user_agents.forget(self.agents[at]);
        self.vacant.push(slot);
    }

    /// Notes from where the session of a slot is used now; its row is written with the touched ones.
    pub(crate) fn set_client(&mut self, slot: Slot, client: &Client) {
        let at = slot as usize;
        self.addresses.take(at);
        self.addresses.put(at, client.address);
        let before = std::mem::replace(&mut self.agents[at], self.user_agents.acquire(&client.user_agent));
        self.user_agents.release(before);
        self.user_agents.forget(before);
        self.mark_touched(slot);
        self.changed.set(slot);
        self.count_change();
    }

    /// The slot of a token's session.
    pub(crate) fn find_token(&self, token: &TokenHash) -> Option<Slot> {
        let found = self.by_token.find(hash_of_token(&token.0), |slot| self.tokens[slot as usize] == token.0);
        found.filter(|slot| self.is_occupied(*slot))
    }

    /// The slot of a session.
    pub(crate) fn find(&self, id: SessionId) -> Option<Slot> {
        let found = self.by_id.find(hash_of_id(id.0), |slot| self.ids[slot as usize] == id.0);
        found.filter(|slot| self.is_occupied(*slot))
    }

    /// The slots that hold a session. One pass over all slots.
    pub(crate) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.occupied.iter().enumerate().flat_map(|(word, occupied)| bits::slots(word, *occupied))
    }

    /// How many words of 64 slots there are.
    pub(crate) fn words(&self) -> usize {
        self.occupied.len()
    }

    /// Which slots of a word hold a session.
    pub(crate) fn occupied(&self, word: usize) -> u64 {
        self.occupied[word]
    }

    fn is_occupied(&self, slot: Slot) -> bool {
        let at = slot as usize;
        self.occupied[at / WORD] & bit(at) != 0
    }

    /// The types of a word's slots, as positions in [`SessionType::ALL`].
    pub(crate) fn types_of(&self, word: usize) -> &[u8] {
        &self.types[word * WORD..][..WORD]
    }

    /// The column of addresses.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The column of usernames by number, and a 1 for each number whose text contains a part. `None` if none does. So
    /// for the others.
    pub(crate) fn users_containing(&self, part: &str) -> Option<(&[u32], Vec<u8>)> {
        Some((&self.users, self.usernames.containing(part)?))
    }

    /// The same for the usernames that are this one, in any case.
    pub(crate) fn user_named(&self, folded: &str) -> Option<(&[u32], Vec<u8>)> {
        let (column, mut meant) = self.users_containing(folded)?;
        for (number, meant) in (0..).zip(&mut meant) {
            *meant &= u8::from(*meant != 0 && fold(self.usernames.text(number)) == folded);
        }
        Some((column, meant))
    }

    pub(crate) fn servers_containing(&self, part: &str) -> Option<(&[u32], Vec<u8>)> {
        Some((&self.servers, self.server_names.containing(part)?))
    }

    pub(crate) fn agents_containing(&self, part: &str) -> Option<(&[u32], Vec<u8>)> {
        Some((&self.agents, self.user_agents.containing(part)?))
    }

    /// The tiles.
    pub(crate) fn counts(&self) -> Counts {
        Counts { active_users: self.usernames.len() as u64, by_type: self.by_type }
    }

    /// How many sessions, of one type or of all, have ids above this one; see [`Newcomers::count_above`].
    pub(crate) fn count_above(&self, id: SessionId, of_type: OfType) -> u64 {
        self.newcomers.count_above(id.0, of_type, |id| Some(self.type_index(self.find(SessionId(id))?)))
    }

    /// The newest id handed out, whether or not its session is still here.
    pub(crate) fn newest_id(&self) -> SessionId {
        self.newest_id
    }

    fn count_change(&mut self) {
        let revision = self.revision.get_mut();
        *revision += 1;
        self.changed_up_to = *revision;
    }

    /// How many changes there were since the start. To be read before the rows that are shown with it.
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    /// The newest revision that more than touches has led to.
    pub(crate) fn changed_up_to(&self) -> Revision {
        Revision(self.changed_up_to)
    }

    /// Counts the touches so far as one change.
    pub(crate) fn count_touches(&self) -> Revision {
        Revision(self.revision.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// Makes room for this many sessions at once.
    pub(crate) fn reserve(&mut self, sessions: usize) {
        self.grow(sessions);
        // As many as there can well be: to double on the way would be a fifth of the start, and four bytes a session are not much
        // where they are fewer.
        self.usernames.reserve(sessions / 2);
        let Self { ids, tokens, by_id, by_token, .. } = self;
        by_id.reserve(sessions, |slot| hash_of_id(ids[slot as usize]));
        by_token.reserve(sessions, |slot| hash_of_token(&tokens[slot as usize]));
    }

    /// Makes at least so many slots in all.
    fn grow(&mut self, slots: usize) {
        let slots = slots.next_multiple_of(WORD);
        if slots <= self.ids.len() {
            return;
        }
        lengthen(&mut self.occupied, slots / WORD);
        lengthen(&mut self.ids, slots);
        lengthen(&mut self.tokens, slots);
        lengthen(&mut self.users, slots);
        lengthen(&mut self.servers, slots);
        lengthen(&mut self.agents, slots);
        lengthen(&mut self.types, slots);
        lengthen(&mut self.created_at, slots);
        lengthen(&mut self.last_active_at, slots);
        lengthen(&mut self.touched, slots / WORD);
        lengthen(&mut self.are_standing, slots / WORD);
        self.moved.grow(slots / WORD);
        self.changed.grow(slots / WORD);
        self.addresses.grow(slots);
        self.order.get_mut().unwrap_or_else(PoisonError::into_inner).grow(slots);
    }

    fn take_slot(&mut self) -> Slot {
        if let Some(slot) = self.vacant.pop() {
            return slot;
        }
        if self.used == self.ids.len() {
            self.grow(self.used + (self.used / 8 + 1).min(MOST_SLOTS_AT_ONCE));
        }
        let slot = Slot::try_from(self.used).expect("memory ends before 2^32 sessions do");
        self.used += 1;
        slot
    }
}

/// The bit of a slot in its word.
fn bit(at: usize) -> u64 {
    1 << (at % WORD)
}

/// Sequential numbers spread over all bits (the finalizer of SplitMix64).
pub(super) fn hash_of_id(id: u64) -> u64 {
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
