//! The table that is printed at the end.

use std::fmt;

use crate::statistics::{Pair, interval, median};

const TITLES: [&str; 4] = ["figure", "value", "floor", "ratio (95 % interval)"];

/// What a figure counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Seconds,
    PerSecond,
    Bytes,
    Ratio,
}

impl Unit {
    /// With three digits or more that count: `12.4 µs`, `38,100/s`, `148 B`.
    pub(crate) fn write(self, value: f64) -> String {
        match self {
            Self::Seconds if value < 1e-6 => format!("{} ns", three_digits(value * 1e9)),
            Self::Seconds if value < 1e-3 => format!("{} µs", three_digits(value * 1e6)),
            Self::Seconds if value < 1.0 => format!("{} ms", three_digits(value * 1e3)),
            Self::Seconds => format!("{} s", three_digits(value)),
            Self::PerSecond => format!("{}/s", app::session::selection::grouped(value as u64)),
            Self::Bytes if value < 1e4 => format!("{value:.0} B"),
            Self::Bytes => format!("{} kB", three_digits(value / 1e3)),
            Self::Ratio => three_digits(value),
        }
    }

    /// The median, and its 95 % interval.
    pub(crate) fn spread(self, values: &[f64]) -> String {
        self.write(median(values)) + &spread(values)
    }
}

/// The lines so far: name, value, floor, ratio.
#[derive(Debug, Default)]
pub(crate) struct Report {
    lines: Vec<[String; 4]>,
}

impl Report {
    /// A figure that has a floor: medians, and the median of the ratios of each round and its 95 % interval.
    pub(crate) fn compare(&mut self, name: impl Into<String>, unit: Unit, rounds: &[Pair]) {
        let values: Vec<_> = rounds.iter().map(|pair| pair.value).collect();
        let floors: Vec<_> = rounds.iter().map(|pair| pair.floor).collect();
        let ratios: Vec<_> = rounds.iter().map(|pair| pair.value / pair.floor).collect();
        self.lines.push([
            name.into(),
            unit.write(median(&values)),
            unit.write(median(&floors)),
            Unit::Ratio.spread(&ratios),
        ]);
    }

    /// A figure that has no floor: its median.
    pub(crate) fn state(&mut self, name: impl Into<String>, unit: Unit, rounds: &[f64]) {
        self.remark(name, unit.write(median(rounds)));
    }

    /// Words in the place of a figure.
    pub(crate) fn remark(&mut self, name: impl Into<String>, words: impl Into<String>) {
        self.lines.push([name.into(), words.into(), String::new(), String::new()]);
    }
}

/// `0.97`, `12.4`, `165`.
fn three_digits(number: f64) -> String {
    let decimals = if number < 9.995 {
        2
    } else if number < 99.95 {
        1
    } else {
        0
    };
    format!("{number:.decimals$}")
}

fn spread(ratios: &[f64]) -> String {
    if ratios.len() < 2 {
        return String::new();
    }
    let (low, high) = interval(ratios);
    format!(" ({}..{})", three_digits(low), three_digits(high))
}

/// Markdown.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table(TITLES, &self.lines))
    }
}

/// Markdown, its columns aligned: the first to the left, the others to the right.
pub(crate) fn table<const N: usize>(titles: [&str; N], lines: &[[String; N]]) -> String {
    let titles = titles.map(str::to_owned);
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = lines.iter().chain([&titles]).map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    });
    let line = |cells: &[String; N]| {
        let cells = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!(" {cell:<width$} "),
            _ => format!(" {cell:>width$} "),
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule = widths.iter().enumerate().map(|(column, width)| {
        let dashes = "-".repeat(width + 1);
        if column == 0 { dashes + "-" } else { dashes + ":" }
    });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    [line(&titles), rule].into_iter().chain(lines.iter().map(line)).collect()
}
