//! Part of an address as it is shown, looked for without showing any.

use std::{
    fmt::{self, Write},
    net::Ipv6Addr,
};

use super::{addresses::Addresses, bits};

/// A part of a shown address, in lower case.
pub(crate) struct AddressText {
    part: String,
    v4: Option<Box<Octets>>,
}

/// What a part says of consecutive octets: `0.20.1` that one ends in "0", the next is 20, the next begins with "1".
struct Octets {
    count: usize,
    first: [bool; 256],
    last: [bool; 256],
    /// For each place where the part can begin: the bits of the octets between, and what they must be. The last place comes
    /// again where there are fewer than three.
    middle: [(u32, u32); 3],
}

impl AddressText {
    /// `None` when no address contains the part.
    pub(crate) fn new(part: &str) -> Option<Self> {
        let could_be = part.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'.' || byte == b':');
        could_be.then(|| Self { part: part.to_owned(), v4: Octets::new(part).map(Box::new) })
    }

    /// Which of 64 slots, by their bits, have an address that contains the part. IPv6 addresses are written to find out,
    /// so only those `among` the asked ones are.
    pub(crate) fn in_slots(&self, addresses: &Addresses, word: usize, among: u64) -> u64 {
        let v6 = addresses.matching_v6(word, among, |address| self.is_in_v6(address));
        let v4 = match self.v4.as_deref() {
            None => 0,
            Some(octets) if octets.count == 1 => addresses.matching_v4(word, |address| octets.has(address)),
            Some(octets) if octets.count == 2 => addresses.matching_v4(word, |address| octets.are_in(address)),
            // Most addresses differ in the octets between, which is seen without a look at the others.
            Some(octets) => {
                let could_be = addresses.matching_v4(word, |address| octets.could_be_in(address));
                let are = bits::slots(word, could_be).filter(|slot| octets.are_in(addresses.v4(*slot as usize)));
                are.fold(0, |found, slot| found | 1 << (slot % 64))
            }
        };
        v4 | v6
    }

    /// Whether an IPv6 address contains the part.
    pub(crate) fn is_in_v6(&self, address: Ipv6Addr) -> bool {
        let mut shown = Shown { bytes: [0; Shown::LONGEST], length: 0 };
        // No address is longer than the longest.
        _ = write!(shown, "{address}");
        std::str::from_utf8(&shown.bytes[..shown.length]).is_ok_and(|shown| shown.contains(&self.part))
    }
}

impl Octets {
    fn new(part: &str) -> Option<Self> {
        let parts: Vec<_> = part.split('.').collect();
        let is_decimal = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit());
        if parts.len() > 4 || !parts.iter().all(is_decimal) {
            return None;
        }
        let which = |is_meant: &dyn Fn(&str) -> bool| std::array::from_fn(|octet| is_meant(&octet.to_string()));
        let ([first, .., last] | [first @ last]) = parts.as_slice() else { return None };
        let middle = parts.get(1..parts.len().saturating_sub(1)).unwrap_or_default();
        let octet = |text: &&str| text.parse::<u8>().ok().filter(|octet| octet.to_string() == **text);
        let octets = middle.iter().map(octet).collect::<Option<Vec<_>>>()?;
        let at = |place: usize| {
            octets.iter().enumerate().fold((0, 0), |(mask, value), (index, octet)| {
                let shift = 8 * (2 - place - index);
                (mask | 0xff << shift, value | u32::from(*octet) << shift)
            })
        };
        Some(Self {
            count: parts.len(),
            first: match parts.len() {
                1 => which(&|octet| octet.contains(first)),
                _ => which(&|octet| octet.ends_with(first)),
            },
            middle: [0, 1, 2].map(|place| if octets.is_empty() { (0, 0) } else { at(place.min(4 - parts.len())) }),
            last: which(&|octet| octet.starts_with(last)),
        })
    }

    /// Whether one octet contains the part.
    fn has(&self, address: u32) -> bool {
        // All four, because a branch costs more than a look.
        address.to_be_bytes().iter().fold(false, |found, octet| found | self.first[usize::from(*octet)])
    }

    /// Of a part of three octets or four, which can begin at two places at most. Without a loop, so that many addresses are
    /// looked at at a time.
    fn could_be_in(&self, address: u32) -> bool {
        let [(mask, value), (other_mask, other_value), _] = self.middle;
        (address & mask == value) | (address & other_mask == other_value)
    }

    /// Whether consecutive octets are as the part says.
    fn are_in(&self, address: u32) -> bool {
        let octets = address.to_be_bytes().map(usize::from);
        self.middle.iter().enumerate().take(5 - self.count).any(|(place, (mask, value))| {
            address & mask == *value && self.first[octets[place]] && self.last[octets[place + self.count - 1]]
        })
    }
}

/// An address as text, without a visit to the heap.
struct Shown {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Shown {
    /// Eight groups of four digits and their colons.
    const LONGEST: usize = 39;
}

impl Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;

    use super::*;

    fn is_in(part: &str, address: IpAddr) -> bool {
        let mut addresses = Addresses::default();
        addresses.grow(64);
        addresses.put(5, address);
        AddressText::new(part).is_some_and(|part| part.in_slots(&addresses, 0, u64::MAX) & (1 << 5) != 0)
    }

    proptest! {
        #[test]
        fn a_part_is_found_where_it_is_shown(
            address in any::<IpAddr>(),
            near in any::<[u8; 4]>(),
            from in 0_usize..40,
            length in 1_usize..20,
            other in "[0-9.]{1,9}|[0-9a-f:.]{1,6}",
        ) {
            // Small octets, so that what is looked for also occurs by chance.
            for address in [address.to_canonical(), near.map(|octet| octet % 24).into()] {
                let shown = address.to_string();
                let begin = from.min(shown.len() - 1);
                let part = &shown[begin..(begin + length).min(shown.len())];
                prop_assert!(is_in(part, address), "{} in {}", part, shown);
                prop_assert_eq!(is_in(&other, address), shown.contains(&other), "{} in {}", other, shown);
            }
        }
    }

    #[test]
    fn no_address_contains_what_no_address_is_written_with() {
        assert!(AddressText::new("anna").is_none() && AddressText::new("10.0/8").is_none());
    }
}
