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

/// The median time of a call, in seconds.
pub(crate) fn median_seconds<T>(calls: usize, mut call: impl FnMut() -> T) -> f64 {
    let seconds = |_| {
        let start = Instant::now();
        black_box(call());
        start.elapsed().as_secs_f64()
    };
    median(&(0..calls).map(seconds).collect::<Vec<_>>())
}
