//! How long it takes to delete many sessions at once.

use std::{
    fs::File,
    thread,
    time::{Duration, Instant},
};

use anyhow::ensure;
use app::session::{
    query::Filter,
    selection::{Selection, grouped},
    store::{Activity, Deletion, EndReason, SessionStore},
};
use server::store::RedbStore;

use crate::{
    conditions::Conditions,
    floor::{self, Index},
    full_store::FullStore,
    http::Servers,
    population::{self, LIFETIMES},
    process,
    report::{Report, Unit},
    statistics::Pair,
    steady::Steady,
    tabs::nanos_now,
};

/// How many are deleted at most, and which part of all sessions at most.
const AT_MOST: u64 = 100_000;
const PART: u64 = 10;
/// How many else, by their ids. They are of those that the many leave.
const OTHERS: [u64; 3] = [1, 100, 10_000];
/// Of ten numbers that follow each other, the one that these have.
const LEFT: u64 = 9;

/// How long checks are timed before a delete, and from its call on: while they go on, so does the purge.
const IDLE: Duration = Duration::from_secs(2);
const MEANWHILE: Duration = Duration::from_secs(10);

/// Reports deletes by ids and by a filter, and what checks of another session notice of the largest. Every round deletes
/// others; those that checks are timed beside begin when the rows of the round before have been purged from the disk.
pub(crate) fn measure(
    conditions: &Conditions,
    full: &FullStore,
    store: &RedbStore,
    report: &mut Report,
) -> anyhow::Result<()> {
    let count = AT_MOST.min(conditions.sessions / PART);
    let stride = conditions.sessions / count;
    let mut floor = Floor { index: floor::index(conditions.sessions), file: conditions.file("delete.floor")? };
    let servers = Servers::start(conditions, store)?;
    let (mut rounds, mut checks, mut longest) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..stride.min(u64::from(conditions.rounds)) {
        let chosen: Vec<u64> = (round..conditions.sessions).step_by(stride as usize).take(count as usize).collect();
        process::settle()?;
        let client = Steady::start(servers.real(), "/forward-auth", &servers.token)?;
        thread::sleep(IDLE);
        let begun = nanos_now();
        let value = delete(conditions, store, by_ids(full, &chosen), &chosen)?;
        let acknowledged = nanos_now();
        thread::sleep(MEANWHILE);
        let waits = client.stop()?;
        let idle = begun - IDLE.as_nanos() as u64..begun;
        checks.push(Pair { value: waits.p99(begun..begun + MEANWHILE.as_nanos() as u64)?, floor: waits.p99(idle)? });
        longest.push(waits.longest(begun..acknowledged)?);
        rounds.push(Pair { value, floor: floor.delete(&chosen)? });
    }
    servers.stop(conditions);
    for others in OTHERS.into_iter().filter(|others| others * PART <= count) {
        let mut rounds = Vec::new();
        for round in 0..u64::from(conditions.rounds) {
            let first = others * PART * (round + 1);
            let chosen: Vec<_> = (first..first + others * PART).filter(|number| number % PART == LEFT).collect();
            let value = delete(conditions, store, by_ids(full, &chosen), &chosen)?;
            rounds.push(Pair { value, floor: floor.delete(&chosen)? });
        }
        report.compare(format!("delete {} at once", grouped(others)), Unit::Seconds, &rounds);
    }
    report.compare(format!("delete {} at once", grouped(count)), Unit::Seconds, &rounds);
    let mut rounds = Vec::new();
    let is_there = |number: &u64| {
        store.check(&population::token(*number), &LIFETIMES, conditions.now, Activity::Background).is_some()
    };
    for numbers in
        (0..conditions.sessions).collect::<Vec<_>>().chunks((count * 2) as usize).take(conditions.rounds as usize)
    {
        let chosen: Vec<_> = numbers.iter().copied().filter(is_there).collect();
        let Some(last) = numbers.last() else { continue };
        let as_of = full.ids[*last as usize];
        let selection = Selection::Matching { filter: Filter::default(), as_of, at: None, except: Vec::new() };
        let value = delete(conditions, store, selection, &chosen)?;
        rounds.push(Pair { value, floor: floor.delete(&chosen)? });
    }
    report.compare(format!("delete some {} by a filter", grouped(count)), Unit::Seconds, &rounds);
    report.compare("checks over HTTP for ten seconds from the call, p99", Unit::Seconds, &checks);
    report.state("checks over HTTP until the acknowledgement, longest", Unit::Seconds, &longest);
    Ok(())
}

fn by_ids(full: &FullStore, chosen: &[u64]) -> Selection {
    Selection::Ids(chosen.iter().map(|index| full.ids[*index as usize]).collect())
}

/// Deletes a selection, which is the sessions of these numbers. None of their tokens may be good from the acknowledgement on.
fn delete(conditions: &Conditions, store: &RedbStore, selection: Selection, chosen: &[u64]) -> anyhow::Result<f64> {
    let deletion = Deletion::new(selection, EndReason::Deleted, conditions.now);
    let start = Instant::now();
    let outcome = conditions.runtime.block_on(store.delete(deletion))?;
    let seconds = start.elapsed().as_secs_f64();

    ensure!(outcome.deleted == chosen.len() as u64, "{} of {} sessions deleted", outcome.deleted, chosen.len());
    let is_good = |index: &&u64| {
        store.check(&population::token(**index), &LIFETIMES, conditions.now, Activity::Background).is_some()
    };
    let still_good = chosen.iter().filter(is_good).count();
    ensure!(still_good == 0, "{still_good} deleted sessions pass a check");
    Ok(seconds)
}

/// One record on the disk, and nothing but a hash table in memory.
struct Floor {
    index: Index,
    file: File,
}

impl Floor {
    fn delete(&mut self, chosen: &[u64]) -> anyhow::Result<f64> {
        let record: Vec<u8> = chosen.iter().flat_map(|index| index.to_le_bytes()).collect();
        let tokens: Vec<_> = chosen.iter().map(|index| population::token(*index).0).collect();
        let appended = floor::append_durably(&mut self.file, &record)?;
        let start = Instant::now();
        let removed = tokens.iter().filter(|token| self.index.remove(*token).is_some()).count();
        let seconds = start.elapsed().as_secs_f64();
        ensure!(removed == chosen.len(), "{removed} of {} tokens were there", chosen.len());
        Ok(appended + seconds)
    }
}
