//! The column of addresses: IPv4 as its number, so that most of it is scanned four bytes a row; IPv6 by reference.

use std::{
    hash::BuildHasher,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use foldhash::quality::RandomState;

use super::{bits, column::lengthen, slot_index::SlotIndex};

/// Addresses by slot.
#[derive(Default)]
pub(crate) struct Addresses {
    /// The IPv4 address, or the number of the IPv6 address.
    values: Vec<u32>,
    /// One bit a slot: IPv6.
    are_v6: Vec<u64>,
    v6: Vec<Ipv6Addr>,
    uses: Vec<u32>,
    free: Vec<u32>,
    /// Numbers by address.
    numbers: SlotIndex,
    /// Keyed at random: clients choose their address.
    hasher: RandomState,
}

impl Addresses {
    /// Makes room for this many slots, a multiple of 64.
    pub(crate) fn grow(&mut self, slots: usize) {
        lengthen(&mut self.values, slots);
        lengthen(&mut self.are_v6, slots / 64);
    }

    /// Puts an address into a slot that has none.
    pub(crate) fn put(&mut self, slot: usize, address: IpAddr) {
        let bit = 1 << (slot % 64);
        match address {
            IpAddr::V4(address) => {
                self.are_v6[slot / 64] &= !bit;
                self.values[slot] = address.to_bits();
            }
            IpAddr::V6(address) => {
                self.are_v6[slot / 64] |= bit;
                self.values[slot] = self.acquire(address);
            }
        }
    }

    /// Takes the address out of a slot.
    pub(crate) fn take(&mut self, slot: usize) {
        if self.is_v6(slot) {
            let number = self.values[slot];
            let uses = &mut self.uses[number as usize];
            *uses -= 1;
            if *uses == 0 {
                self.numbers.remove(self.hasher.hash_one(self.v6[number as usize]), number);
                self.free.push(number);
            }
            self.are_v6[slot / 64] &= !(1 << (slot % 64));
        }
    }

    /// The address in a slot.
    pub(crate) fn get(&self, slot: usize) -> IpAddr {
        if self.is_v6(slot) {
            self.v6[self.values[slot] as usize].into()
        } else {
            Ipv4Addr::from_bits(self.values[slot]).into()
        }
    }

    /// A number that orders addresses: all of IPv4, then IPv6, each by value.
    #[inline]
    pub(crate) fn key(&self, slot: usize) -> (bool, u128) {
        match self.get(slot) {
            IpAddr::V4(address) => (false, address.to_bits().into()),
            IpAddr::V6(address) => (true, address.to_bits()),
        }
    }

    /// A number that orders most addresses as [`Addresses::key`] does: an IPv4 address, or more than any and the upper
    /// bits of an IPv6 address.
    #[inline]
    pub(crate) fn place(&self, slot: usize) -> u64 {
        let value = self.values[slot];
        if self.is_v6(slot) { 1 << 63 | (self.v6[value as usize].to_bits() >> 65) as u64 } else { value.into() }
    }

    /// The slots of 64, by their bits, whose IPv4 address is meant.
    pub(crate) fn matching_v4(&self, word: usize, is_meant: impl Fn(u32) -> bool) -> u64 {
        bits::which(&self.values[word * 64..][..64], is_meant) & !self.are_v6[word]
    }

    /// The slots of 64, among these, whose IPv6 address is meant.
    pub(crate) fn matching_v6(&self, word: usize, among: u64, is_meant: impl Fn(Ipv6Addr) -> bool) -> u64 {
        let is_meant = |slot: &u32| is_meant(self.v6[self.values[*slot as usize] as usize]);
        let meant = bits::slots(word, self.are_v6[word] & among).filter(is_meant);
        meant.fold(0, |found, slot| found | 1 << (slot % 64))
    }

    /// The IPv4 address in a slot that holds one.
    pub(crate) fn v4(&self, slot: usize) -> u32 {
        self.values[slot]
    }

    fn is_v6(&self, slot: usize) -> bool {
        self.are_v6[slot / 64] & (1 << (slot % 64)) != 0
    }

    fn acquire(&mut self, address: Ipv6Addr) -> u32 {
        let hash = self.hasher.hash_one(address);
        let number = match self.numbers.find(hash, |number| self.v6[number as usize] == address) {
            Some(number) => number,
            None => {
                let number = self.free.pop().unwrap_or_else(|| {
                    self.v6.push(Ipv6Addr::UNSPECIFIED);
                    self.uses.push(0);
                    u32::try_from(self.v6.len() - 1).expect("there are fewer addresses than slots")
                });
                self.v6[number as usize] = address;
                let Self { v6, numbers, hasher, .. } = self;
                numbers.insert(hash, number, |number| hasher.hash_one(v6[number as usize]));
                number
            }
        };
        self.uses[number as usize] += 1;
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(addresses: &[&str]) -> Addresses {
        let mut column = Addresses::default();
        column.grow(64);
        for (slot, address) in addresses.iter().enumerate() {
            column.put(slot, address.parse().unwrap());
        }
        column
    }

    #[test]
    fn an_ipv6_address_is_kept_once_and_forgotten_with_its_last_session() {
        let mut column = filled(&["2001:db8::1", "10.0.0.1", "2001:db8::1", "::1"]);
        assert_eq!(column.v6.len(), 2);
        column.take(0);
        column.take(2);
        column.put(0, "2001:db8::2".parse().unwrap());
        column.put(2, [9, 9, 9, 9].into());
        assert_eq!(column.v6.len(), 2);
        let all = [0, 1, 2, 3].map(|slot| column.get(slot).to_string());
        assert_eq!(all, ["2001:db8::2", "10.0.0.1", "9.9.9.9", "::1"]);
    }

    #[test]
    fn each_family_is_asked_about_its_own_slots() {
        let column = filled(&["0.0.0.1", "::1", "0.0.0.2", "::2"]);
        let v6 = |is_meant: fn(Ipv6Addr) -> bool| column.matching_v6(0, u64::MAX, is_meant);
        let found = column.matching_v4(0, |value| value == 1) | v6(|address| address == Ipv6Addr::LOCALHOST);
        assert_eq!(found & 0b1111, 0b0011);
        assert_eq!(v6(|_| true), 0b1010);
    }
}
