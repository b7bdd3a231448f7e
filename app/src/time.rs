//! Instants: milliseconds since 1970-01-01T00:00:00Z, and how they are written.
//!
//! Formatting is ours because the browser half must stay small: a date library costs more bytes of WebAssembly than
//! the table. The tests hold it against `jiff`.

mod beside_now;
mod utc_offset;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use self::beside_now::Span;
pub use self::{beside_now::BesideNow, utc_offset::UtcOffset};

/// A time in milliseconds, at most what 64 bits hold.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An instant in UTC, in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The instant this many milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds after the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Time since `earlier`, zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The instant `by` later, at most the last representable one.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(millis(by)))
    }

    /// `2026-11-23 23:04:05 UTC`, for people.
    pub fn in_words(self) -> String {
        self.in_words_at(UtcOffset::default())
    }

    /// `2026-11-24 00:04:05 UTC+1`: the same instant where local time is that far ahead.
    pub fn in_words_at(self, offset: UtcOffset) -> String {
        let local = self.0.saturating_add_signed(offset.as_minutes() * 60_000);
        let [year, month, day, hour, minute, second] = Self(local).fields();
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} {offset}")
    }

    /// RFC 3339 with milliseconds and `Z`, as [`Display`](fmt::Display) writes it; `None` after the year 9999.
    pub fn to_rfc_3339(self) -> Option<[u8; 24]> {
        let [year, month, day, hour, minute, second] = self.fields();
        if year > 9_999 {
            return None;
        }
        // By hand and without a loop, because a page of the list writes a hundred.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let millis = self.0 % 1_000;
        let numbers = [
            (0, year / 100),
            (2, year % 100),
            (5, month),
            (8, day),
            (11, hour),
            (14, minute),
            (17, second),
            (20, millis / 10),
        ];
        for (at, number) in numbers {
            text[at] += (number / 10) as u8;
            text[at + 1] += (number % 10) as u8;
        }
        text[22] += (millis % 10) as u8;
        Some(text)
    }

    /// How long before `now` this was: `now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`.
    pub fn ago(self, now: Self) -> BesideNow {
        BesideNow::Ago(Span::of(now.since(self)))
    }

    /// How long after `now` this will be: `now`, `in 12 s`, `in 3 min`, `in 5 h`, `in 2 days`.
    pub fn ahead(self, now: Self) -> BesideNow {
        BesideNow::Ahead(Span::of(self.since(now)))
    }

    /// Year, month, day, hour, minute, second.
    ///
    /// Days to civil date by Howard Hinnant's `civil_from_days`, restricted to the years after 1970.
    fn fields(self) -> [u64; 6] {
        let seconds = self.0 / 1_000;
        let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        [year, month, day, second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60]
    }
}

/// RFC 3339 with milliseconds and `Z`: `2026-11-23T23:04:05.120Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.to_rfc_3339() {
            return f.write_str(std::str::from_utf8(&text).unwrap_or_default());
        }
        let ([year, month, day, hour, minute, second], millis) = (self.fields(), self.0 % 1_000);
        write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_instant_is_written_as_jiff_writes_it(millis in 0_u64..253_402_300_799_999) {
            let theirs = jiff::Timestamp::from_millisecond(i64::try_from(millis).unwrap()).unwrap();
            prop_assert_eq!(Timestamp(millis).to_string(), format!("{theirs:.3}"));
        }
    }

    #[test]
    fn an_instant_is_told_in_local_time() {
        let at = Timestamp(1_795_475_045_000);
        let told = |minutes| at.in_words_at(UtcOffset::from_minutes(minutes).unwrap());
        assert_eq!(at.in_words(), "2026-11-23 23:04:05 UTC");
        assert_eq!(told(60), "2026-11-24 00:04:05 UTC+1");
        assert_eq!(told(-480), "2026-11-23 15:04:05 UTC-8");
    }
}
