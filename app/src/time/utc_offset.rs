//! Time zones, as far as telling an instant needs them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Minutes in an hour.
const HOUR: u16 = 60;

/// How far local time is ahead of UTC at an instant, in whole minutes: 60 in Berlin in winter, 120 in summer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UtcOffset(i16);

impl UtcOffset {
    /// The cookie in which the browser's half tells the server the device's, so that the next page is written in it. It
    /// is no secret, and decides nothing but how instants are written.
    pub const COOKIE: &str = "keepwatch-utc-offset";

    /// The most there can be, either way: a day.
    const MOST: i64 = 24 * 60;

    /// This many minutes; `None` beyond a day.
    pub fn from_minutes(minutes: i64) -> Option<Self> {
        (-Self::MOST..=Self::MOST).contains(&minutes).then_some(Self(minutes as i16))
    }

    /// In minutes.
    pub fn as_minutes(self) -> i64 {
        i64::from(self.0)
    }
}

/// `UTC`, `UTC+1`, `UTC-3:30`.
impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(minutes) = *self;
        if minutes == 0 {
            return f.write_str("UTC");
        }
        let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.unsigned_abs());
        write!(f, "UTC{sign}{}", minutes / HOUR)?;
        if minutes % HOUR == 0 { Ok(()) } else { write!(f, ":{:02}", minutes % HOUR) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_told_in_hours() {
        let told = |minutes| UtcOffset::from_minutes(minutes).map(|offset| offset.to_string());
        let expected =
            [(0, "UTC"), (60, "UTC+1"), (-480, "UTC-8"), (345, "UTC+5:45"), (-210, "UTC-3:30"), (-30, "UTC-0:30")];
        for (minutes, words) in expected {
            assert_eq!(told(minutes).as_deref(), Some(words));
        }
        assert_eq!([told(1_441), told(-1_441), told(i64::MAX)], [None, None, None]);
    }
}
