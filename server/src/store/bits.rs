//! Sixty-four slots at a time, by their bits.

use super::table::Slot;

/// A bit for each of 64 elements: which are meant. Answers are bytes first, so that the loop over the elements can be
/// compiled to vector instructions.
pub(crate) fn which<T: Copy>(elements: &[T], is_meant: impl Fn(T) -> bool) -> u64 {
    let mut meant = [0_u8; 64];
    for (meant, element) in meant.iter_mut().zip(elements) {
        *meant = u8::from(is_meant(*element));
    }
    pack(&meant)
}

/// The lowest bits of 64 bytes that are 0 or 1.
fn pack(bytes: &[u8; 64]) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().rev().fold(0, |bits, word| {
        // Each byte's bit is moved to its place among the highest eight.
        (bits << 8) | (u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56)
    })
}

/// The slots of a word's bits.
#[inline]
pub(crate) fn slots(word: usize, mut bits: u64) -> impl Iterator<Item = Slot> {
    std::iter::from_fn(move || {
        let bit = bits.trailing_zeros();
        let is_left = bits != 0;
        bits &= bits.wrapping_sub(1);
        is_left.then(|| word as Slot * 64 + bit)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bits_are_those_of_the_elements_and_slots_those_of_the_bits(elements in any::<[bool; 32]>(), word in 0_usize..9) {
            let elements = [elements, elements.map(|one| !one)].concat();
            let bits = which(&elements, |one| one);
            let expected: Vec<_> = (0_u32..64).filter(|bit| elements[*bit as usize]).collect();
            prop_assert!(expected.iter().all(|bit| bits & (1 << bit) != 0) && bits.count_ones() == 32);
            let slots: Vec<_> = slots(word, bits).collect();
            prop_assert_eq!(slots, expected.iter().map(|bit| word as u32 * 64 + bit).collect::<Vec<_>>());
        }
    }
}
