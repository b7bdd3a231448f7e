//! The least that a search or an order over all sessions can cost: bare loops over bare columns.

use std::{collections::HashMap, hint::black_box};

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
    addresses: Vec<u32>,
    last_active: Vec<u64>,
}

impl Columns {
    /// The columns of the first `sessions` sessions.
    pub(crate) fn new(population: &Population, sessions: u64) -> Self {
        let mut columns = Self {
            users: Vec::new(),
            names: Vec::new(),
            begins: Vec::new(),
            prefixes: Vec::new(),
            addresses: Vec::new(),
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
            columns.last_active.push(session.created_at.as_millis());
        }
        columns
    }

    /// The newest of the sessions whose username contains a part.
    pub(crate) fn search_names(&self, part: &str) -> usize {
        let mut meant = vec![0_u8; self.begins.len()];
        let finder = memmem::Finder::new(part);
        let (mut from, mut number) = (0, 0);
        while let Some(found) = finder.find(&self.names[from..]) {
            let at = (from + found) as u32;
            number += self.begins[number..].partition_point(|begin| *begin <= at);
            meant[number - 1] = 1;
            from = self.begins.get(number).map_or(self.names.len(), |begin| *begin as usize);
        }
        self.newest(|row| meant[self.users[row] as usize] != 0)
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
