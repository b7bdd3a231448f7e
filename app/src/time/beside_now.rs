//! Instants beside now, as people say them.

use std::{fmt, time::Duration};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How far an instant is from now: two that are the same are written the same. Writing takes longer than comparing, and from
/// one second to the next most are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideNow {
    /// `now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`.
    Ago(Span),
    /// `now`, `in 12 s`, `in 3 min`, `in 5 h`, `in 2 days`.
    Ahead(Span),
}

/// A time in its largest unit, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// In seconds. 0 when it is below two seconds, which nobody counts.
    unit: u64,
    count: u64,
}

impl Span {
    pub(super) fn of(time: Duration) -> Self {
        let seconds = time.as_secs();
        let unit = match seconds {
            0..=1 => return Self { unit: 0, count: 0 },
            2..MINUTE => 1,
            MINUTE..HOUR => MINUTE,
            HOUR..DAY => HOUR,
            _ => DAY,
        };
        Self { unit, count: seconds / unit }
    }

    fn is_now(self) -> bool {
        self.unit == 0
    }
}

impl fmt::Display for BesideNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(span) | Self::Ahead(span) if span.is_now() => f.write_str("now"),
            Self::Ago(span) => write!(f, "{span} ago"),
            Self::Ahead(span) => write!(f, "in {span}"),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match (self.unit, self.count) {
            (MINUTE, _) => "min",
            (HOUR, _) => "h",
            (DAY, 1) => "day",
            (DAY, _) => "days",
            _ => "s",
        };
        write!(f, "{} {unit}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use crate::time::Timestamp;

    #[test]
    fn ages_are_told_in_the_largest_whole_unit() {
        let age = |seconds: u64| Timestamp::from_millis(0).ago(Timestamp::from_millis(seconds * 1_000)).to_string();
        assert_eq!(
            [0, 1, 2, 59, 60, 3_599, 3_600, 86_399, 86_400, 172_800].map(age),
            [
                "now",
                "now",
                "2 s ago",
                "59 s ago",
                "1 min ago",
                "59 min ago",
                "1 h ago",
                "23 h ago",
                "1 day ago",
                "2 days ago"
            ]
        );
    }

    #[test]
    fn an_instant_of_the_future_is_now() {
        let [now, later] = [0, 10_000].map(Timestamp::from_millis);
        assert_eq!(later.ago(now).to_string(), "now");
        let ahead = |at| Timestamp::from_millis(at).ahead(now).to_string();
        assert_eq!([100, 1_800_000, 172_800_000].map(ahead), ["now", "in 30 min", "in 2 days"]);
    }

    #[test]
    fn what_is_written_the_same_is_the_same() {
        let age = |seconds: u64| Timestamp::from_millis(0).ago(Timestamp::from_millis(seconds * 1_000));
        let ages: Vec<_> = (0..200_000).map(age).collect();
        let differs = |pair: &[_]| pair[0] != pair[1];
        let is_written_otherwise = |pair: &[super::BesideNow]| pair[0].to_string() != pair[1].to_string();
        assert!(ages.windows(2).all(|pair| differs(pair) == is_written_otherwise(pair)));
    }
}
