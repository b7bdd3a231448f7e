//! What it costs to decide whether a token is good.

use std::time::Instant;

use anyhow::ensure;
use app::session::{
    TokenHash,
    store::{Activity, SessionStore},
};
use server::store::RedbStore;

use crate::{
    conditions::Conditions,
    floor,
    http::Servers,
    population::{self, LIFETIMES, Population},
    report::{Report, Unit},
    statistics::Pair,
};

/// Look-ups in a round.
const LOOK_UPS: u64 = 1_000_000;
/// Requests in a round.
const REQUESTS: u32 = 30_000;

/// Reports a check without HTTP around it.
pub(crate) fn in_memory(conditions: &Conditions, store: &RedbStore, report: &mut Report) -> anyhow::Result<()> {
    let before_all = Population::new(conditions.sessions, conditions.now).before_all();
    let index = floor::index(conditions.sessions);
    let tokens: Vec<_> =
        (0..LOOK_UPS).map(|number| population::token(population::scattered(number) % conditions.sessions)).collect();
    let check = |token: &TokenHash| store.check(token, &LIFETIMES, before_all, Activity::User).is_some();
    let mut rounds = Vec::new();
    for _ in 0..conditions.rounds {
        rounds.push(Pair {
            value: seconds_of_each(|| tokens.iter().filter(|token| check(token)).count())?,
            floor: seconds_of_each(|| floor::look_up(&index, &tokens))?,
        });
    }
    report.compare("check in memory", Unit::Seconds, &rounds);
    Ok(())
}

/// The seconds of one of all look-ups; each must have found its token.
fn seconds_of_each(look_up_all: impl FnOnce() -> usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    let found = look_up_all();
    let seconds = start.elapsed().as_secs_f64();
    ensure!(found as u64 == LOOK_UPS, "{found} instead of {LOOK_UPS} tokens were found");
    Ok(seconds / LOOK_UPS as f64)
}

/// Reports a check as reverse proxies ask for it.
pub(crate) fn over_http(conditions: &Conditions, store: &RedbStore, report: &mut Report) -> anyhow::Result<()> {
    let servers = Servers::start(conditions, store)?;
    let rounds = servers.rounds(conditions, "/forward-auth", "/empty", REQUESTS);
    servers.stop(conditions);
    let rounds = rounds?;
    report.compare("check over HTTP, answers", Unit::PerSecond, &rounds.answers_per_second);
    report.compare("check over HTTP, p50", Unit::Seconds, &rounds.p50);
    report.compare("check over HTTP, CPU of one", Unit::Seconds, &rounds.cpu_seconds_each);
    Ok(())
}
