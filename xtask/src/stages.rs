//! The stages of a long task and how long each took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::steps::say;

/// Runs stages one after the other and remembers their durations. The first failure is the caller's to return.
#[derive(Default)]
pub(crate) struct Stages {
    passed: Vec<(&'static str, Duration)>,
}

impl Stages {
    /// Says the stage's name and runs it; an error names the stage.
    pub(crate) fn run<T>(&mut self, name: &'static str, stage: impl FnOnce() -> Result<T>) -> Result<T> {
        say(format!("== {name}"));
        let begun = Instant::now();
        let value = stage().with_context(|| format!("stage {name}"))?;
        self.passed.push((name, begun.elapsed()));
        Ok(value)
    }

    /// Prints a line per stage with its seconds.
    pub(crate) fn report(&self) {
        for (name, took) in &self.passed {
            say(format!("{:>7.1} s  {name}", took.as_secs_f64()));
        }
    }
}
