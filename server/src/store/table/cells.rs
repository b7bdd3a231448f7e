//! What stands in a slot of the table.

use std::{
    borrow::Cow,
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use app::{
    session::{Deadlines, Lifetimes, Session, SessionId, SessionType, Standing, TokenHash, store::Purpose},
    time::{Timestamp, millis},
};

use super::{Slot, Table, WORD, bit};
use crate::store::row::Row;

impl Table {
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
            standing: self.standing(slot).cloned(),
        }
    }

    /// The row to be written.
    pub(crate) fn row(&self, slot: Slot) -> Row<'_> {
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
            standing: self.standing(slot).map(|standing| Cow::Borrowed(&**standing)),
        }
    }

    #[inline]
    pub(crate) fn id(&self, slot: Slot) -> SessionId {
        SessionId(self.ids[slot as usize])
    }

    pub(crate) fn username(&self, slot: Slot) -> &str {
        self.usernames.text(self.user(slot))
    }

    /// What makes it one of the few that were made to be kept.
    #[inline]
    pub(crate) fn standing(&self, slot: Slot) -> Option<&Arc<Standing>> {
        let at = slot as usize;
        // A look into the map takes longer than all else that is done for a row.
        if self.are_standing[at / WORD] & bit(at) == 0 { None } else { self.find_standing(slot) }
    }

    #[cold]
    fn find_standing(&self, slot: Slot) -> Option<&Arc<Standing>> {
        self.standings.get(&slot)
    }

    /// Its number in `usernames`.
    #[inline]
    pub(crate) fn user(&self, slot: Slot) -> u32 {
        self.users[slot as usize]
    }

    /// Its number in `server_names`.
    #[inline]
    pub(crate) fn server(&self, slot: Slot) -> u32 {
        self.servers[slot as usize]
    }

    /// Its number in `user_agents`.
    #[inline]
    pub(crate) fn agent(&self, slot: Slot) -> u32 {
        self.agents[slot as usize]
    }

    /// The position of its type in [`SessionType::ALL`].
    #[inline]
    pub(crate) fn type_index(&self, slot: Slot) -> usize {
        usize::from(self.types[slot as usize])
    }

    pub(crate) fn session_type(&self, slot: Slot) -> SessionType {
        SessionType::ALL[self.type_index(slot)]
    }

    pub(crate) fn address(&self, slot: Slot) -> IpAddr {
        self.addresses.get(slot as usize)
    }

    /// A number that orders most addresses.
    #[inline]
    pub(crate) fn address_place(&self, slot: Slot) -> u64 {
        self.addresses.place(slot as usize)
    }

    /// A number that orders addresses: all of IPv4, then IPv6, each by value.
    #[inline]
    pub(crate) fn address_key(&self, slot: Slot) -> (bool, u128) {
        self.addresses.key(slot as usize)
    }

    #[inline]
    pub(crate) fn created_at(&self, slot: Slot) -> Timestamp {
        Timestamp::from_millis(self.created_at[slot as usize])
    }

    /// When its session ends if nothing happens.
    pub(crate) fn deadlines(&self, slot: Slot, lifetimes: &Lifetimes) -> Deadlines {
        match self.standing(slot) {
            Some(standing) => standing.deadlines(),
            None => {
                let lifetime = lifetimes.of(self.session_type(slot));
                lifetime.deadlines(self.created_at(slot), self.last_active_at(slot))
            }
        }
    }

    /// The first of them.
    pub(crate) fn deadline(&self, slot: Slot, lifetimes: &Lifetimes) -> Timestamp {
        self.deadlines(slot, lifetimes).first()
    }

    /// Numbers that order sessions by when their idle timeout is over, as [`Table::deadlines`] tells it for one: last are those
    /// that have none.
    pub(crate) fn idle_places(&self, lifetimes: &Lifetimes) -> impl Fn(Slot) -> u64 {
        let timeouts = SessionType::ALL.map(|one| millis(lifetimes.of(one).idle_timeout));
        // Asked once: where there are none, rows are decided side by side.
        let are_any = !self.standings.is_empty();
        move |slot| match are_any.then(|| self.standing(slot)).flatten() {
            Some(standing) => standing.deadlines().idle_timeout.map_or(u64::MAX, Timestamp::as_millis),
            None => self.last_active_at(slot).as_millis().saturating_add(timeouts[self.type_index(slot)]),
        }
    }

    /// The same for their absolute lifetime.
    pub(crate) fn lifetime_places(&self, lifetimes: &Lifetimes) -> impl Fn(Slot) -> u64 {
        let lifetimes = SessionType::ALL.map(|one| millis(lifetimes.of(one).absolute_lifetime));
        let are_any = !self.standings.is_empty();
        move |slot| match are_any.then(|| self.standing(slot)).flatten() {
            Some(standing) => standing.deadlines().absolute_lifetime.as_millis(),
            None => self.created_at(slot).as_millis().saturating_add(lifetimes[self.type_index(slot)]),
        }
    }

    /// What its session is good for.
    pub(crate) fn purpose(&self, slot: Slot) -> Purpose {
        Purpose::of(self.standing(slot).map(|standing| &**standing))
    }

    #[inline]
    pub(crate) fn last_active_at(&self, slot: Slot) -> Timestamp {
        Timestamp::from_millis(self.last_active_at[slot as usize].load(Ordering::Relaxed))
    }
}
