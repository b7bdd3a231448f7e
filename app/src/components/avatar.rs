//! What an avatar shows, a user at a glance: initials on one of six colours, always the same for a name.

/// The first letters of the first two words: `anna.berg` is `AB`.
pub(crate) fn initials(name: &str) -> String {
    name.split(['.', '-', '_', ' ', '@'])
        .filter_map(|word| word.chars().next())
        .take(2)
        .flat_map(char::to_uppercase)
        .collect()
}

/// One of six colours (FNV-1a of the name).
pub(crate) fn hue_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)) % 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_those_of_the_first_two_words() {
        let all = ["anna.berg", "Admin", "backup-agent", "a.b.c", "élise_o", "", "..x"].map(initials);
        assert_eq!(all, ["AB", "A", "BA", "AB", "ÉO", "", "X"]);
    }

    #[test]
    fn a_name_keeps_its_colour() {
        assert_eq!(hue_of("anna.berg"), hue_of("anna.berg"));
        assert!((0..50).map(|number| hue_of(&format!("user-{number}"))).all(|hue| hue < 6));
    }
}
