//! What the kernel says of this process and this machine.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};

/// How long [`settle`] looks at a time, how little of a core is no work, and when it gives up.
const LOOK: Duration = Duration::from_millis(200);
const NO_WORK: f64 = 0.05;
const PATIENCE: Duration = Duration::from_secs(20);

/// The CPU time of all threads of this process that are still there. Exact while they sleep, else some milliseconds late.
pub(crate) fn cpu_time() -> anyhow::Result<Duration> {
    let mut nanos = 0;
    for task in fs::read_dir("/proc/self/task").context("the kernel does not list the threads of this process")? {
        // A thread may end between being listed and being read.
        let Ok(schedstat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        let spent = schedstat.split_whitespace().next().and_then(|spent| spent.parse::<u64>().ok());
        nanos += spent.context("the kernel does not tell the CPU time of a thread")?;
    }
    ensure!(nanos > 0, "the kernel does not tell the CPU time of threads");
    Ok(Duration::from_nanos(nanos))
}

/// The memory of this process that is in RAM.
pub(crate) fn resident_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|number| number.parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1_024).context("the kernel does not tell the memory of this process")
}

/// The load of the last 1, 5 and 15 minutes.
pub(crate) fn load_average() -> anyhow::Result<String> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}

/// Waits until no thread of this process has anything left to do, for a while at most.
pub(crate) fn settle() -> anyhow::Result<()> {
    settle_all(cpu_time)
}

/// Waits until whoever has this CPU time has nothing left to do, for a while at most.
pub(crate) fn settle_all(cpu_time: impl Fn() -> anyhow::Result<Duration>) -> anyhow::Result<()> {
    let give_up_at = Instant::now() + PATIENCE;
    let mut before = cpu_time()?;
    while Instant::now() < give_up_at {
        thread::sleep(LOOK);
        let after = cpu_time()?;
        if after.saturating_sub(before) <= LOOK.mul_f64(NO_WORK) {
            return Ok(());
        }
        before = after;
    }
    eprintln!("figures: something is still going on in the background");
    Ok(())
}
