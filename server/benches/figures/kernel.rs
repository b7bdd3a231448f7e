//! What a search or an order over all sessions costs in a plain loop over bare columns, row by row.

use std::{collections::HashMap, hint::black_box, sync::Arc};

use memchr::memmem;

use crate::population::Population;

/// How many rows a page has.
const ROWS: usize = 50;

/// The columns of a population.
pub(crate) struct Columns {
    /// The number of each session's user.
    users: Vec<u32>,
    /// The names of all users, each ended by a byte that is in none.
    names: Vec<u8>,
    /// Where each name begins.
    begins: Vec<u32>,
    /// The first eight bytes of each name, as a number that compares as they do.
    prefixes: Vec<u64>,
    types: Vec<u8>,
    addresses: Vec<u32>,
    servers: Shared,
    agents: Shared,
    created: Vec<u64>,
    last_active: Vec<u64>,
}

/// A column of few different texts.
#[derive(Default)]
struct Shared {
    texts: Vec<Arc<str>>,
    /// The number of each session's text.
    numbers: Vec<u32>,
    /// The place of each text among all, by number.
    places: Vec<u64>,
}

impl Shared {
    fn push(&mut self, text: &str) {
        let known = self.texts.iter().position(|known| **known == *text);
        let number = known.unwrap_or_else(|| {
            self.texts.push(text.into());
            self.texts.len() - 1
        });
        self.numbers.push(number as u32);
    }

    /// A 1 for each text that contains a part, by number.
    fn containing(&self, part: &str) -> Vec<u8> {
        self.texts.iter().map(|text| u8::from(text.contains(part))).collect()
    }

    /// Once all texts are there.
    fn find_places(&mut self) {
        let place = |text: &Arc<str>| self.texts.iter().filter(|other| *other < text).count() as u64;
        self.places = self.texts.iter().map(place).collect();
    }
}

impl Columns {
    /// The columns of the first `sessions` sessions.
    pub(crate) fn new(population: &Population, sessions: u64) -> Self {
        let mut columns = Self {
            users: Vec::new(),
            names: Vec::new(),
            begins: Vec::new(),
            prefixes: Vec::new(),
            types: Vec::new(),
            addresses: Vec::new(),
            servers: Shared::default(),
            agents: Shared::default(),
            created: Vec::new(),
            last_active: Vec::new(),
        };
        let mut numbers = HashMap::new();
        for index in 0..sessions {
            let session = population.session(index);
            let number = *numbers.entry(session.username.clone()).or_insert_with(|| {
                let mut prefix = [0; 8];
                let length = session.username.len().min(8);
                prefix[..length].copy_from_slice(&session.username.as_bytes()[..length]);
                columns.prefixes.push(u64::from_be_bytes(prefix));
                columns.begins.push(columns.names.len() as u32);
                columns.names.extend_from_slice(session.username.as_bytes());
                columns.names.push(0xff);
                columns.begins.len() as u32 - 1
            });
            columns.users.push(number);
            columns.addresses.push(match session.client.address {
                std::net::IpAddr::V4(address) => address.to_bits(),
                std::net::IpAddr::V6(_) => 0,
            });
            columns.types.push(session.session_type as u8);
            columns.servers.push(&session.server_name);
            columns.agents.push(&session.client.user_agent);
            columns.created.push(session.created_at.as_millis());
            columns.last_active.push(session.created_at.as_millis());
        }
        columns.servers.find_places();
        columns.agents.find_places();
        columns
    }

    /// The newest of the sessions whose username contains a part.
    pub(crate) fn search_names(&self, part: &str) -> usize {
        let meant = self.names_containing(part);
        self.newest(|row| meant[self.users[row] as usize] != 0)
    }

    /// A 1 for each user whose name contains a part, by number.
    fn names_containing(&self, part: &str) -> Vec<u8> {
        let mut meant = vec![0_u8; self.begins.len()];
        let finder = memmem::Finder::new(part);
        let (mut from, mut number) = (0, 0);
        while let Some(found) = finder.find(&self.names[from..]) {
            let at = (from + found) as u32;
            number += self.begins[number..].partition_point(|begin| *begin <= at);
            meant[number - 1] = 1;
            from = self.begins.get(number).map_or(self.names.len(), |begin| *begin as usize);
        }
        meant
    }

    /// The newest of the sessions whose address, as it is written, contains `10.77.`.
    pub(crate) fn search_addresses(&self) -> usize {
        let ends_in_10: [bool; 256] = std::array::from_fn(|octet| octet % 100 == 10);
        let is_meant = |address: u32| {
            let [a, b, c, _] = address.to_be_bytes();
            (b == 77 && ends_in_10[usize::from(a)]) || (c == 77 && ends_in_10[usize::from(b)])
        };
        self.newest(|row| is_meant(self.addresses[row]))
    }

    /// The newest of the sessions whose address is in a network.
    pub(crate) fn search_network(&self, network: u32, bits: u32) -> usize {
        let mask = u32::MAX << (32 - bits);
        self.newest(|row| self.addresses[row] & mask == network)
    }

    /// The newest of the sessions whose User-Agent contains a part.
    pub(crate) fn search_agents(&self, part: &str) -> usize {
        let meant = self.agents.containing(part);
        self.newest(|row| meant[self.agents.numbers[row] as usize] != 0)
    }

    /// The newest of the sessions whose server's name contains a part.
    pub(crate) fn search_servers(&self, part: &str) -> usize {
        let meant = self.servers.containing(part);
        self.newest(|row| meant[self.servers.numbers[row] as usize] != 0)
    }

    /// The newest of the sessions that were last active before an instant.
    pub(crate) fn idle_before(&self, instant: u64) -> usize {
        self.newest(|row| self.last_active[row] < instant)
    }

    /// The newest of the sessions that were created after an instant.
    pub(crate) fn created_after(&self, instant: u64) -> usize {
        self.newest(|row| self.created[row] > instant)
    }

    /// The newest of the sessions of names with one part, of User-Agents without another, last active before an instant.
    pub(crate) fn search_several(&self, name: &str, agent: &str, instant: u64) -> usize {
        let (names, agents) = (self.names_containing(name), self.agents.containing(agent));
        self.newest(|row| {
            names[self.users[row] as usize] != 0
                && agents[self.agents.numbers[row] as usize] == 0
                && self.last_active[row] < instant
        })
    }

    /// The first sessions by type.
    pub(crate) fn by_type(&self) -> usize {
        self.first((0..self.types.len()).map(|row| (u64::from(self.types[row]), row)))
    }

    /// The first sessions by address.
    pub(crate) fn by_address(&self) -> usize {
        self.first((0..self.addresses.len()).map(|row| (u64::from(self.addresses[row]), row)))
    }

    /// The first sessions by the name of their server.
    pub(crate) fn by_server(&self) -> usize {
        let Shared { numbers, places, .. } = &self.servers;
        self.first(numbers.iter().enumerate().map(|(row, number)| (places[*number as usize], row)))
    }

    /// The first sessions by User-Agent.
    pub(crate) fn by_agent(&self) -> usize {
        let Shared { numbers, places, .. } = &self.agents;
        self.first(numbers.iter().enumerate().map(|(row, number)| (places[*number as usize], row)))
    }

    /// The first sessions by last activity: all have the same idle timeout.
    pub(crate) fn by_last_active(&self) -> usize {
        self.first((0..self.last_active.len()).map(|row| (self.last_active[row], row)))
    }

    /// The first sessions by their creation: all have the same absolute lifetime.
    pub(crate) fn by_created(&self) -> usize {
        self.first((0..self.created.len()).map(|row| (self.created[row], row)))
    }

    /// The first sessions by username.
    pub(crate) fn by_username(&self) -> usize {
        self.first((0..self.users.len()).map(|row| (self.prefixes[self.users[row] as usize], row)))
    }

    fn newest(&self, is_meant: impl Fn(usize) -> bool) -> usize {
        let meant = (0..self.users.len()).filter(|row| is_meant(*row));
        self.first(meant.map(|row| (u64::MAX - self.last_active[row], row)))
    }

    /// How many there are; the least are found on the way.
    fn first(&self, rows: impl Iterator<Item = (u64, usize)>) -> usize {
        let mut kept: Vec<(u64, usize)> = Vec::with_capacity(2 * ROWS);
        let (mut bound, mut count) = ((u64::MAX, usize::MAX), 0);
        for row in rows {
            count += 1;
            if row < bound {
                kept.push(row);
                if kept.len() == 2 * ROWS {
                    kept.select_nth_unstable(ROWS - 1);
                    bound = kept[ROWS - 1];
                    kept.truncate(ROWS);
                }
            }
        }
        kept.sort_unstable();
        black_box(&kept);
        count
    }
}
