//! Medians and percentiles.

use std::{hint::black_box, time::Instant};

/// A figure and its floor, taken in the same round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair {
    pub(crate) value: f64,
    pub(crate) floor: f64,
}

/// The sample that this share of all samples is not above, by nearest rank; not a number if there are none.
pub(crate) fn percentile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The sample in the middle; the lower one of two.
pub(crate) fn median(samples: &[f64]) -> f64 {
    percentile(samples, 0.5)
}

/// The 95 % bootstrap interval of the median: between which bounds it lies for 95 of 100 sets of as many samples that are
/// drawn from these, with replacement. Reckoned, not drawn. Of five samples or fewer it is the least and the greatest.
pub(crate) fn interval(samples: &[f64]) -> (f64, f64) {
    let count = samples.len();
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    // The median of a drawn set is not above a sample if half of the set is not: each draw is not as likely as its rank says.
    let is_not_above = |rank: usize| at_least(count.div_ceil(2), count, rank as f64 / count as f64);
    let bound = |share: f64| {
        let rank = (1..=count).find(|rank| is_not_above(*rank) >= share).unwrap_or(count);
        sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    (bound(0.025), bound(0.975))
}

/// How likely so many of so many independent events are, or more, each of which has this probability.
fn at_least(happen: usize, events: usize, probability: f64) -> f64 {
    let ways = |which: usize| (0..which).map(|drawn| (events - drawn) as f64 / (drawn + 1) as f64).product::<f64>();
    let likely =
        |which: usize| ways(which) * probability.powi(which as i32) * (1.0 - probability).powi((events - which) as i32);
    (happen..=events).map(likely).sum()
}

/// The median time of a call, in seconds.
pub(crate) fn median_seconds<T>(calls: usize, mut call: impl FnMut() -> T) -> f64 {
    let seconds = |_| {
        let start = Instant::now();
        black_box(call());
        start.elapsed().as_secs_f64()
    };
    median(&(0..calls).map(seconds).collect::<Vec<_>>())
}
