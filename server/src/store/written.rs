//! Rows as the messages of the live channel have them: written from the table, and written again only when they change.

use std::{hint::black_box, net::IpAddr, sync::Arc};

use app::{
    session::{Session, SessionId, SessionType, Standing},
    time::Timestamp,
    wire,
};
use serde::Serialize;

use super::table::{Slot, Table};

/// Rows of a list, in order, as a message has them one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WrittenRows {
    ids: Vec<SessionId>,
    /// What each was written from, but for what a change of the client changes; nothing of rows that were not read from the
    /// table.
    last_active_at: Vec<Timestamp>,
    /// How often the client of a session had changed by then.
    client_changes: u64,
    /// Where each row ends in `bytes`.
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

/// A [`Session`] whose parts are borrowed: it is written alike.
#[derive(Serialize)]
struct BorrowedSession<'a> {
    id: SessionId,
    username: &'a str,
    session_type: SessionType,
    address: IpAddr,
    server_name: &'a str,
    user_agent: &'a str,
    client: &'a str,
    created_at: u64,
    last_active_at: u64,
    standing: Option<&'a Standing>,
}

impl WrittenRows {
    /// The rows of these sessions.
    pub(crate) fn of(sessions: &[Session]) -> Self {
        let mut rows = Self::default();
        for session in sessions {
            rows.push(session.id, |bytes| wire::append(session, bytes));
        }
        rows
    }

    /// The rows of these slots; those that stand in `before` as they are now are taken from there.
    ///
    /// Column by column, so that the processor fetches what is far away for many rows at once.
    pub(super) fn read(table: &Table, slots: &[Slot], before: &Self) -> Self {
        let ids: Vec<_> = slots.iter().map(|slot| table.id(*slot)).collect();
        let last_active_at: Vec<_> = slots.iter().map(|slot| table.last_active_at(*slot)).collect();
        let client_changes = table.client_changes();
        let may_be_known = before.client_changes == client_changes;
        let mut known = before.finder();
        let as_before = |(id, last_active_at): (&SessionId, &Timestamp)| {
            known(*id).filter(|at| may_be_known && before.last_active_at.get(*at) == Some(last_active_at))
        };
        let places: Vec<_> = ids.iter().zip(&last_active_at).map(as_before).collect();
        let new = || slots.iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(slot, _)| *slot);
        let names: Vec<_> = new().map(|slot| table.username(slot)).collect();
        // What comes out is thrown away: that it is fetched is what counts.
        black_box(names.iter().fold(0, |all, name| all ^ name.as_bytes().first().copied().unwrap_or_default()));
        black_box(new().fold(0, |all, slot| all ^ table.created_at(slot).as_millis()));
        black_box(new().fold(0, |all, slot| all ^ table.server(slot) as usize ^ table.type_index(slot)));
        black_box(new().fold(0, |all, slot| all ^ u64::from(table.agent(slot)) ^ table.address_place(slot)));

        let mut rows = Self { bytes: Vec::with_capacity(before.bytes.len().max(1_024)), ..Self::default() };
        for ((id, slot), place) in ids.into_iter().zip(slots).zip(places) {
            match place {
                Some(place) => rows.push(id, |bytes| bytes.extend_from_slice(before.row(place))),
                None => rows.push(id, |bytes| wire::append(&BorrowedSession::of(table, *slot), bytes)),
            }
        }
        Self { last_active_at, client_changes, ..rows }
    }

    /// The sessions, in order.
    pub(crate) fn ids(&self) -> &[SessionId] {
        &self.ids
    }

    /// All rows, one after the other.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The row in a place.
    pub(crate) fn row(&self, place: usize) -> &[u8] {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin..self.ends[place]]
    }

    /// Finds the places of sessions. Rows move together: the next is nearly always the one behind the last that was found.
    /// One that is new costs a look at all, fifty as a rule.
    pub(crate) fn finder(&self) -> impl FnMut(SessionId) -> Option<usize> {
        let mut expected = 0;
        move |id| {
            let is_there = self.ids.get(expected) == Some(&id);
            let place = if is_there { Some(expected) } else { self.ids.iter().position(|known| *known == id) };
            expected = place.map_or(expected, |place| place + 1);
            place
        }
    }

    fn push(&mut self, id: SessionId, write: impl FnOnce(&mut Vec<u8>)) {
        write(&mut self.bytes);
        self.ends.push(self.bytes.len());
        self.ids.push(id);
    }
}

impl<'a> BorrowedSession<'a> {
    fn of(table: &'a Table, slot: Slot) -> Self {
        let agent = table.agent(slot);
        Self {
            id: table.id(slot),
            username: table.username(slot),
            session_type: table.session_type(slot),
            address: table.address(slot),
            server_name: table.server_names.text(table.server(slot)),
            user_agent: table.user_agents.text(agent),
            client: table.user_agents.words(agent),
            created_at: table.created_at(slot).as_millis(),
            last_active_at: table.last_active_at(slot).as_millis(),
            standing: table.standing(slot).map(Arc::as_ref),
        }
    }
}

#[cfg(test)]
mod tests {
    use app::{session::Client, time::Timestamp};
    use proptest::prelude::*;

    use super::{
        super::{row::Row, table::tests::row},
        *,
    };

    proptest! {
        /// Rows that were written before, in another order, some of them changed since, are as if they were written now.
        #[test]
        fn rows_are_as_messages_have_them_whatever_was_written_before(
            sessions in proptest::collection::vec((any::<IpAddr>(), ".{0,9}", any::<bool>()), 1..12),
            before in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
            touched in proptest::collection::vec((any::<proptest::sample::Index>(), 0_u64..3), 0..6),
            moved in proptest::collection::vec((any::<proptest::sample::Index>(), any::<IpAddr>(), "[ab]"), 0..4),
            after in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12),
        ) {
            let mut table = Table::new(|agent| format!("in words: {agent}"));
            for (id, (address, name, is_kept)) in (1..).zip(&sessions) {
                let expires_at = Timestamp::from_millis(9);
                let standing = Standing { name: name.clone(), expires_at, scopes: None };
                let standing = is_kept.then_some(std::borrow::Cow::Owned(standing));
                table.insert(&Row { address: *address, standing, user_agent: name, ..row(id, name) });
            }
            let slots = |places: Vec<proptest::sample::Index>| {
                let mut slots: Vec<_> = places.iter().map(|place| place.index(sessions.len()) as Slot).collect();
                let mut seen = std::collections::HashSet::new();
                slots.retain(|slot| seen.insert(*slot));
                slots
            };
            let before = WrittenRows::read(&table, &slots(before), &WrittenRows::default());
            for (place, later) in touched {
                table.touch(place.index(sessions.len()) as Slot, Timestamp::from_millis(1_000 + later));
            }
            for (place, address, user_agent) in moved {
                table.set_client(place.index(sessions.len()) as Slot, &Client { address, user_agent });
            }
            let slots = slots(after);
            let read = WrittenRows::read(&table, &slots, &before);
            let fresh: Vec<_> = slots.iter().map(|slot| table.session(*slot)).collect();
            let expected = WrittenRows::of(&fresh);
            prop_assert_eq!(read.ids(), expected.ids());
            prop_assert_eq!(read.bytes(), expected.bytes());
            for place in 0..slots.len() {
                prop_assert_eq!(read.row(place), expected.row(place));
            }
        }
    }
}
