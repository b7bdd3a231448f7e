//! Rows as messages have them, each written once for all views that show it, and again only when it changes.

use std::{hint::black_box, mem};

use app::{session::SessionId, time::Timestamp, wire};
use hashbrown::{HashTable, hash_table::Entry};

use super::{
    table::{Slot, Table, hash_of_id},
    written::{BorrowedSession, WrittenRows},
};

/// What may be kept beside twice what is shown, in bytes.
const SLACK: usize = 64 * 1_024;

/// See the module. Reading a row that is kept waits for memory two or three times, one that is not, ten times.
///
/// Views are read in rounds. When too much has piled up that nobody shows any more, a round keeps what is read in it and drops
/// the rest.
#[derive(Debug, Default)]
pub(crate) struct RowCache {
    kept: Kept,
    /// What was kept before this round, if this is such a round.
    before: Kept,
    /// The bytes of the rows that have been read in this round, those of each view. None between rounds.
    shown: Option<usize>,
    /// How many bytes a round goes on with. When twice as many have piled up before it, all are dropped.
    most: usize,
    /// Up to which change of a session's client rows are as they are now.
    client_changes: u64,
}

/// Rows in the order in which they were written, which is mostly that in which they are shown: the next row is nearly always
/// the one behind.
#[derive(Debug, Default)]
struct Kept {
    rows: Vec<KeptRow>,
    bytes: Vec<u8>,
    /// The newest row of each session.
    by_id: HashTable<usize>,
}

#[derive(Debug)]
struct KeptRow {
    /// `None` when its client has changed.
    id: Option<SessionId>,
    /// What it was written from, beside what only a change of the client changes.
    last_active_at: Timestamp,
    /// Where it ends in the bytes.
    end: usize,
}

impl RowCache {
    /// Begins a round, in which all views are read.
    pub(crate) fn begin_round(&mut self) {
        if self.kept.bytes.len() > self.most {
            // It will be as much again: growing bit by bit would cost more than the rows.
            let room = Kept::with_room(self.kept.rows.len(), self.kept.bytes.len());
            self.before = mem::replace(&mut self.kept, room);
        }
        self.shown = Some(0);
    }

    /// Ends a round.
    pub(crate) fn end_round(&mut self) {
        self.before = Kept::default();
        self.most = 2 * self.shown.take().unwrap_or_default() + SLACK;
    }

    /// Puts the rows of these slots in the place of other rows.
    ///
    /// Column by column, so that the processor fetches what is far away for many rows at once.
    pub(super) fn read(&mut self, table: &Table, slots: &[Slot], rows: &mut WrittenRows) {
        self.forget_other_clients(table);
        if self.shown.is_none() && self.kept.bytes.len() > self.most.max(SLACK) * 2 {
            self.kept = Kept::default();
        }
        rows.clear();
        rows.ids.extend(slots.iter().map(|slot| table.id(*slot)));
        let last_active_at: Vec<_> = slots.iter().map(|slot| table.last_active_at(*slot)).collect();
        let (mut next, mut next_before) = (0, 0);
        let find = |(id, at): (&SessionId, &Timestamp)| {
            let known = self.kept.find(next, *id, *at).or_else(|| self.take_over(&mut next_before, *id, *at));
            next = known.map_or(next, |row| row + 1);
            known
        };
        let mut places: Vec<_> = rows.ids.iter().zip(&last_active_at).map(find).collect();
        fetch(table, slots.iter().zip(&places).filter(|(_, place)| place.is_none()).map(|(slot, _)| *slot));
        for ((slot, at), place) in slots.iter().zip(last_active_at).zip(&mut places) {
            place.get_or_insert_with(|| self.kept.write(table, *slot, at));
        }
        // Those that stand one behind the other together.
        for run in places.chunk_by(|one, next| one.map(|one| one + 1) == *next) {
            let first = run[0].unwrap_or_default();
            let (begin, moved) = (self.kept.begin(first), rows.bytes.len());
            let run = &self.kept.rows[first..first + run.len()];
            rows.ends.extend(run.iter().map(|row| row.end - begin + moved));
            rows.bytes.extend_from_slice(&self.kept.bytes[begin..run[run.len() - 1].end]);
        }
        rows.give_back();
        self.shown = self.shown.map(|shown| shown + rows.bytes.len());
    }

    /// Copies a row from those of before.
    fn take_over(&mut self, expected: &mut usize, id: SessionId, last_active_at: Timestamp) -> Option<usize> {
        let row = self.before.find(*expected, id, last_active_at)?;
        *expected = row + 1;
        let bytes = &self.before.bytes[self.before.begin(row)..self.before.rows[row].end];
        Some(self.kept.add(id, last_active_at, |kept| kept.extend_from_slice(bytes)))
    }

    /// Lets go of the rows whose client has changed.
    fn forget_other_clients(&mut self, table: &Table) {
        match table.clients_changed_since(self.client_changes) {
            Some(changed) => changed.for_each(|id| {
                self.kept.forget(id);
                self.before.forget(id);
            }),
            None => (self.kept, self.before) = Default::default(),
        }
        self.client_changes = table.client_changes();
    }
}

/// Has the processor fetch what these rows are written from.
fn fetch(table: &Table, slots: impl Iterator<Item = Slot> + Clone) {
    let names: Vec<_> = slots.clone().map(|slot| table.username(slot)).collect();
    // What comes out is thrown away: that it is fetched is what counts.
    black_box(names.iter().fold(0, |all, name| all ^ name.as_bytes().first().copied().unwrap_or_default()));
    black_box(slots.clone().fold(0, |all, slot| all ^ table.created_at(slot).as_millis()));
    black_box(slots.clone().fold(0, |all, slot| all ^ table.server(slot) as usize ^ table.type_index(slot)));
    black_box(slots.fold(0, |all, slot| all ^ u64::from(table.agent(slot)) ^ table.address_place(slot)));
}

impl Kept {
    fn with_room(rows: usize, bytes: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), bytes: Vec::with_capacity(bytes), by_id: HashTable::with_capacity(rows) }
    }

    /// The row of a session, if it is kept as it is now; `expected` is where it most likely stands.
    fn find(&self, expected: usize, id: SessionId, last_active_at: Timestamp) -> Option<usize> {
        let is_it = |row: &KeptRow| row.id == Some(id) && row.last_active_at == last_active_at;
        if self.rows.get(expected).is_some_and(is_it) {
            return Some(expected);
        }
        let newest = self.by_id.find(hash_of_id(id.0), |row| self.rows[*row].id == Some(id))?;
        is_it(&self.rows[*newest]).then_some(*newest)
    }

    /// Where a row begins.
    fn begin(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.rows[before].end)
    }

    /// Writes the row of a slot.
    fn write(&mut self, table: &Table, slot: Slot, last_active_at: Timestamp) -> usize {
        let session = BorrowedSession::of(table, slot, last_active_at);
        self.add(session.id, last_active_at, |bytes| wire::append(&session, bytes))
    }

    /// Adds a row.
    fn add(&mut self, id: SessionId, last_active_at: Timestamp, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        write(&mut self.bytes);
        let place = self.rows.len();
        self.rows.push(KeptRow { id: Some(id), last_active_at, end: self.bytes.len() });
        let Self { rows, by_id, .. } = self;
        let hash_of = |row: &usize| rows[*row].id.map_or(0, |id| hash_of_id(id.0));
        match by_id.entry(hash_of_id(id.0), |row| rows[*row].id == Some(id), hash_of) {
            Entry::Occupied(mut entry) => *entry.get_mut() = place,
            Entry::Vacant(entry) => _ = entry.insert(place),
        }
        place
    }

    /// Lets go of a row.
    fn forget(&mut self, id: SessionId) {
        if let Ok(entry) = self.by_id.find_entry(hash_of_id(id.0), |row| self.rows[*row].id == Some(id)) {
            let (row, _) = entry.remove();
            self.rows[row].id = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use app::session::{Client, Session, Standing};
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::{
        super::{row::Row, table::tests::row},
        *,
    };

    /// What happens to the sessions of a table, or who looks at them.
    #[derive(Clone, Debug)]
    enum Step {
        Touch(Index, u64),
        /// Leaves, and another session, as old, comes into the slot.
        Replace(Index, String),
        /// Comes from another address, with another User-Agent.
        Move(Index, std::net::IpAddr, String),
        /// So many that nobody remembers which.
        MoveMany(Index),
        Read(Vec<Index>),
        BeginRound,
        EndRound,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (any::<Index>(), 0_u64..3).prop_map(|(which, later)| Step::Touch(which, later)),
            2 => (any::<Index>(), ".{0,9}").prop_map(|(which, name)| Step::Replace(which, name)),
            2 => (any::<Index>(), any::<std::net::IpAddr>(), "[ab]").prop_map(|(which, ip, agent)| Step::Move(which, ip, agent)),
            1 => any::<Index>().prop_map(Step::MoveMany),
            4 => vec(any::<Index>(), 0..12).prop_map(Step::Read),
            1 => Just(Step::BeginRound),
            1 => Just(Step::EndRound),
        ]
    }

    proptest! {
        /// Whatever is kept, rows are as if they were written now.
        #[test]
        fn rows_are_as_messages_have_them_whatever_is_kept(
            sessions in vec((any::<std::net::IpAddr>(), ".{0,9}", any::<bool>()), 1..12),
            steps in vec(step(), 0..30),
        ) {
            let mut table = Table::new(|agent| format!("in words: {agent}"));
            for (id, (address, name, is_kept)) in (1..).zip(&sessions) {
                let expires_at = Timestamp::from_millis(9);
                let standing = Standing { name: name.clone(), expires_at, scopes: None };
                let standing = is_kept.then_some(std::borrow::Cow::Owned(standing));
                table.insert(&Row { address: *address, standing, user_agent: name, ..row(id, name) });
            }
            let slot = |which: Index| which.index(sessions.len()) as Slot;
            let (mut cache, mut rows) = (RowCache::default(), WrittenRows::default());
            let mut newest = sessions.len() as u64;
            for step in steps {
                match step {
                    Step::Replace(which, name) => {
                        let (slot, last_active_at) = (slot(which), table.last_active_at(slot(which)));
                        table.leave(slot);
                        table.clear_up(usize::MAX);
                        newest += 1;
                        prop_assert_eq!(table.insert(&Row { last_active_at, ..row(newest, &name) }), slot);
                    }
                    Step::Touch(which, later) => _ = table.touch(slot(which), Timestamp::from_millis(1_000 + later)),
                    Step::Move(which, address, user_agent) => table.set_client(slot(which), &Client { address, user_agent }),
                    Step::MoveMany(which) => {
                        for number in 0..2_000 {
                            let user_agent = format!("agent {}", number % 3);
                            let address = table.address(slot(which));
                            table.set_client(slot(which), &Client { address, user_agent });
                        }
                    }
                    // So few rows are let go of only by force.
                    Step::BeginRound => {
                        cache.begin_round();
                        cache.before = mem::take(&mut cache.kept);
                    }
                    Step::EndRound => cache.end_round(),
                    Step::Read(which) => {
                        let mut slots: Vec<_> = which.into_iter().map(slot).collect();
                        let mut seen = std::collections::HashSet::new();
                        slots.retain(|slot| seen.insert(*slot));
                        cache.read(&table, &slots, &mut rows);
                        let fresh: Vec<Session> = slots.iter().map(|slot| table.session(*slot)).collect();
                        prop_assert_eq!(&rows, &WrittenRows::of(&fresh));
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_read_between_rounds_does_not_pile_up() {
        let mut table = Table::new(str::to_owned);
        for id in 1..=10_000 {
            table.insert(&row(id, &format!("user {id}")));
        }
        let (mut cache, mut rows) = (RowCache::default(), WrittenRows::default());
        for first in 0..10 {
            let slots: Vec<_> = (first * 1_000..first * 1_000 + 1_000).collect();
            cache.read(&table, &slots, &mut rows);
            assert!(cache.kept.bytes.len() <= 2 * SLACK + rows.bytes().len());
        }
        // Nor does a small view keep the room of a large one.
        cache.read(&table, &[1, 2, 3], &mut rows);
        assert!(rows.bytes.capacity() < 1_024);
    }

    #[test]
    fn what_nobody_shows_any_more_is_let_go_of() {
        let mut table = Table::new(str::to_owned);
        for id in 1..=4_000 {
            table.insert(&row(id, &format!("user {id}")));
        }
        let (mut cache, mut rows) = (RowCache::default(), WrittenRows::default());
        for round in 0..100 {
            cache.begin_round();
            let slots: Vec<_> = (round * 40..round * 40 + 40).collect();
            cache.read(&table, &slots, &mut rows);
            cache.end_round();
            assert!(cache.kept.bytes.len() <= rows.bytes().len() * 3 + SLACK);
        }
        assert!(cache.kept.rows.len() < 2_000);
        assert!(cache.before.rows.is_empty());
    }
}
