//! How the table is filled at the start, before anybody reads it.

use std::{sync::PoisonError, thread};

use app::session::SessionId;

use super::{Slot, Table, WORD, bit, hash_of_id, hash_of_token};
use crate::store::{
    dictionary::Dictionary,
    newcomers::Newcomers,
    order,
    row::Row,
    stored_texts::{ReadTexts, StoredText},
};

/// The texts that stored rows share, and their numbers in the table once a row had them.
pub(crate) struct SharedTexts<'a> {
    texts: &'a ReadTexts,
    servers: Numbers,
    agents: Numbers,
}

/// The numbers of stored texts in a dictionary. A number is found in a tenth of the time that a long text takes.
#[derive(Default)]
struct Numbers(foldhash::HashMap<u32, u32>);

impl<'a> SharedTexts<'a> {
    pub(crate) fn new(texts: &'a ReadTexts) -> Self {
        Self { texts, servers: Numbers::default(), agents: Numbers::default() }
    }
}

impl Numbers {
    /// The number of a text for one more row; none if there is no such text.
    fn acquire(&mut self, text: StoredText<'_>, texts: &ReadTexts, dictionary: &mut Dictionary) -> Option<u32> {
        let stored = match text {
            StoredText::Here(text) => return Some(dictionary.acquire(text)),
            StoredText::Number(stored) => stored,
        };
        if let Some(number) = self.0.get(&stored) {
            dictionary.acquire_again(*number);
            return Some(*number);
        }
        let number = dictionary.acquire(texts.get(stored)?);
        self.0.insert(stored, number);
        Some(number)
    }
}

impl Table {
    /// Adds stored sessions. They are not found before [`Table::begin`].
    ///
    /// # Errors
    /// The id of a row of which a text is not there.
    pub(crate) fn load(
        &mut self,
        rows: &[Row<'_, StoredText<'_>>],
        shared: &mut SharedTexts<'_>,
    ) -> Result<(), SessionId> {
        // One after the other, so that the waits for memory of one name overlap with those of the next.
        let users: Vec<u32> = rows.iter().map(|row| self.usernames.acquire(row.username)).collect();
        for (row, user) in rows.iter().zip(users) {
            let server = shared.servers.acquire(row.server_name, shared.texts, &mut self.server_names).ok_or(row.id)?;
            let agent = shared.agents.acquire(row.user_agent, shared.texts, &mut self.user_agents).ok_or(row.id)?;
            self.put(row, user, server, agent);
        }
        Ok(())
    }

    /// Says that what has been loaded was here at the start, when ids up to this one had been handed out.
    pub(crate) fn begin(&mut self, newest_id: SessionId) {
        let loaded = 0..self.used as Slot;
        let entries = loaded.clone().map(|slot| (self.last_active_at(slot).as_millis(), slot)).collect();
        let Self { ids, tokens, types, by_id, by_token, order, .. } = self;
        // Side by side: indexes wait for memory, sorting computes.
        thread::scope(|scope| {
            scope.spawn(|| {
                let hash = |slot: Slot| hash_of_token(&tokens[slot as usize]);
                loaded.clone().for_each(|slot| by_token.insert(hash(slot), slot, hash));
                let hash = |slot: Slot| hash_of_id(ids[slot as usize]);
                loaded.clone().for_each(|slot| by_id.insert(hash(slot), slot, hash));
            });
            order.get_mut().unwrap_or_else(PoisonError::into_inner).fill(entries, order::Columns { ids, types });
        });
        self.newest_id = self.newest_id.max(newest_id);
        self.newcomers = Newcomers::since(self.newest_id.0);
        for slot in loaded {
            self.newcomers.enter(self.ids[slot as usize], self.type_index(slot));
            self.occupied[slot as usize / WORD] |= bit(slot as usize);
        }
        (*self.revision.get_mut(), self.changed_up_to) = (0, 0);
    }
}
