//! All sessions that match, in order. What takes long is done away from the table, which changes meanwhile: it is looked
//! at once for what is to be sorted, and a moment each for the order of texts whose beginnings are alike.

use std::{collections::HashMap, net::IpAddr};

use app::{
    session::{Lifetimes, SessionId, column::Column, query::Filter},
    time::Timestamp,
};

use super::{
    dictionary::Dictionary,
    matcher::Matcher,
    query::type_places,
    table::{Slot, Table},
};

/// Sessions that match, and what they are sorted by.
pub(crate) struct Found {
    column: Column,
    sessions: Vec<Entry>,
}

struct Entry {
    /// Orders most sessions.
    place: u64,
    /// Orders those of one place. Of texts it is the number at first, then the rank among those that begin alike.
    tie: u64,
    id: SessionId,
}

/// Texts that share their place with others: the place, and the number of the text.
pub(crate) struct Alike(Vec<(u64, u64)>);

impl Found {
    /// All that match at `now`. One pass.
    pub(crate) fn new(table: &Table, filter: &Filter, column: Column, lifetimes: &Lifetimes, now: Timestamp) -> Self {
        let matcher = Matcher::new(table, filter, now);
        let types = type_places();
        let sessions = match column {
            Column::Username => entries(&matcher, table, |slot| of_text(&table.usernames, table.user(slot))),
            Column::ServerName => entries(&matcher, table, |slot| of_text(&table.server_names, table.server(slot))),
            Column::UserAgent => entries(&matcher, table, |slot| of_text(&table.user_agents, table.agent(slot))),
            Column::SessionType => entries(&matcher, table, |slot| (types[table.type_index(slot)], 0)),
            Column::Address => entries(&matcher, table, |slot| of_address(table.address(slot))),
            Column::LastActive => entries(&matcher, table, |slot| (table.last_active_at(slot).as_millis(), 0)),
            Column::IdleTimeout => {
                let place = table.idle_places(lifetimes);
                entries(&matcher, table, |slot| (place(slot), 0))
            }
            Column::AbsoluteLifetime => {
                let place = table.lifetime_places(lifetimes);
                entries(&matcher, table, |slot| (place(slot), 0))
            }
        };
        Self { column, sessions }
    }

    /// Sorts them, but for texts that begin alike: those are returned, for [`sort_texts`].
    pub(crate) fn sort(&mut self) -> Alike {
        self.sessions.sort_unstable_by_key(|entry| (entry.place, entry.tie, entry.id));
        if !matches!(self.column, Column::Username | Column::ServerName | Column::UserAgent) {
            return Alike(Vec::new());
        }
        let of_one_place = self.sessions.chunk_by(|one, other| one.place == other.place);
        let numbers = of_one_place.flat_map(|entries| {
            let of_one_text = entries.chunk_by(|one, other| one.tie == other.tie);
            let has_others = entries.first().map(|entry| entry.tie) != entries.last().map(|entry| entry.tie);
            of_one_text.filter_map(move |entries| has_others.then_some((entries.first()?.place, entries.first()?.tie)))
        });
        Alike(numbers.collect())
    }

    /// The ids in order, texts that begin alike being in this order; those of equal sessions in the same direction.
    pub(crate) fn into_ids(self, alike: Alike, descending: bool) -> Vec<SessionId> {
        let Self { mut sessions, .. } = self;
        if !alike.0.is_empty() {
            let ranks: HashMap<_, _> = alike.0.into_iter().zip(0..).collect();
            // A text that is alone in its place needs no rank.
            let rank = |entry: &Entry| ranks.get(&(entry.place, entry.tie)).copied().unwrap_or(0);
            sessions.iter_mut().for_each(|entry| entry.tie = rank(entry));
            sessions.sort_unstable_by_key(|entry| (entry.place, entry.tie, entry.id));
        }
        let mut ids: Vec<_> = sessions.into_iter().map(|entry| entry.id).collect();
        if descending {
            ids.reverse();
        }
        ids
    }
}

impl Alike {
    /// The texts of each place, to be [sorted](sort_texts).
    pub(crate) fn of_each_place(&mut self) -> impl Iterator<Item = &mut [(u64, u64)]> {
        self.0.chunk_by_mut(|(one, _), (other, _)| one == other)
    }
}

/// Sorts texts of one place. A number that stands for another text by now stands somewhere.
pub(crate) fn sort_texts(table: &Table, column: Column, numbers: &mut [(u64, u64)]) {
    let texts = match column {
        Column::Username => &table.usernames,
        Column::ServerName => &table.server_names,
        Column::UserAgent => &table.user_agents,
        Column::SessionType | Column::Address | Column::LastActive | Column::IdleTimeout | Column::AbsoluteLifetime => {
            return;
        }
    };
    numbers.sort_by_cached_key(|(_, number)| texts.key(*number as u32));
}

fn entries(matcher: &Matcher<'_>, table: &Table, place: impl Fn(Slot) -> (u64, u64)) -> Vec<Entry> {
    let entry = |slot| {
        let (place, tie) = place(slot);
        Entry { place, tie, id: table.id(slot) }
    };
    matcher.slots().map(entry).collect()
}

fn of_text(texts: &Dictionary, number: u32) -> (u64, u64) {
    (texts.prefix(number), number.into())
}

/// All of IPv4, then IPv6, each by value. (Above `ffff:ffff::`, where no client is, the lower half decides.)
fn of_address(address: IpAddr) -> (u64, u64) {
    match address {
        IpAddr::V4(address) => (address.to_bits().into(), 0),
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            (((bits >> 64) as u64).saturating_add(1 << 32), bits as u64)
        }
    }
}
