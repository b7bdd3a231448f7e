//! Settings that differ between types of sessions.

use std::str::FromStr;

use app::session::SessionType;

/// A number that goes for the sessions of one type.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfType {
    session_type: SessionType,
    number: u32,
}

impl FromStr for OfType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = text.split_once('=').and_then(|(session_type, number)| {
            let number = number.parse().ok().filter(|number| *number > 0)?;
            Some(Self { session_type: SessionType::parse(session_type)?, number })
        });
        read.ok_or_else(|| "write rest, browser or other, an equals sign and a number, like browser=60".to_owned())
    }
}

/// The number of a type, the last one that is given, or that of all.
pub(super) fn of(given: &[OfType], session_type: SessionType, of_all: u32) -> u64 {
    let of_type = given.iter().rev().find(|one| one.session_type == session_type);
    of_type.map_or(of_all, |one| one.number).into()
}
