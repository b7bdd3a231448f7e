//! How long one page of the list takes.

use anyhow::ensure;
use app::{
    session::{
        SessionType,
        column::Column,
        query::{Filter, SessionQuery, Sort},
        selection::grouped,
        store::SessionStore,
    },
    time::Timestamp,
};
use server::{store::RedbStore, user_agent};

use crate::{
    conditions::Conditions,
    floor,
    population::{self, Population},
    report::{Report, Unit},
    statistics::{Pair, median_seconds},
};

/// Pages in a round.
const PAGES: usize = 15;
/// The sizes before that of the large store.
const SMALL: [u64; 2] = [1_000, 100_000];

/// Reports pages of small stores. They are in memory, which makes no difference: no read goes to the disk.
pub(crate) fn measure_small(conditions: &Conditions, report: &mut Report) -> anyhow::Result<()> {
    for sessions in SMALL.into_iter().filter(|small| *small < conditions.sessions) {
        let store = RedbStore::in_memory(user_agent::in_words)?;
        let population = Population::new(sessions, conditions.now);
        conditions.runtime.block_on(population::fill(&store, &population, 0..sessions))?;
        measure(conditions, &store, sessions, report)?;
    }
    Ok(())
}

/// Reports pages of a store that holds this many sessions.
pub(crate) fn measure(
    conditions: &Conditions,
    store: &RedbStore,
    sessions: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let numbers: Vec<u64> = (0..sessions).map(population::scattered).collect();
    for (name, query) in queries(sessions) {
        verify(store, &query, sessions, conditions.now)?;
        let round = |_| Pair {
            value: median_seconds(PAGES, || store.list(&query, conditions.now)),
            floor: median_seconds(PAGES, || floor::scan(&numbers)),
        };
        let rounds: Vec<_> = (0..conditions.rounds).map(round).collect();
        report.compare(format!("list page of {}, {name}", grouped(sessions)), Unit::Seconds, &rounds);
    }
    Ok(())
}

fn queries(sessions: u64) -> [(&'static str, SessionQuery); 6] {
    let all = SessionQuery::default;
    let searched = |search: &str| {
        let filter = Filter { session_type: None, search: search.to_owned() };
        SessionQuery { filter, ..all() }
    };
    let browser = Filter { session_type: Some(SessionType::Browser), search: String::new() };
    let by_username = Sort { column: Column::Username, descending: false };
    [
        ("first", all()),
        ("in the middle", SessionQuery { first: sessions / 2, ..all() }),
        ("one type", SessionQuery { filter: browser, ..all() }),
        ("search for a name", searched("okafor")),
        ("search for an address", searched("10.77.")),
        ("by username", SessionQuery { sort: by_username, ..all() }),
    ]
}

/// A page that is not as full as its total allows, or of a store that is not as full as it should be, is a wrong answer.
fn verify(store: &RedbStore, query: &SessionQuery, sessions: u64, now: Timestamp) -> anyhow::Result<()> {
    let page = store.list(query, now);
    ensure!(page.counts.active_sessions() == sessions, "{} of {sessions} sessions", page.counts.active_sessions());
    if query.filter.search.is_empty() {
        let expected = page.counts.of(query.filter.session_type);
        ensure!(page.total == expected, "{} instead of {expected} match {query:?}", page.total);
    }
    let expected = page.total.saturating_sub(query.first).min(u64::from(query.limit));
    ensure!(page.sessions.len() as u64 == expected, "{} instead of {expected} rows", page.sessions.len());
    Ok(())
}
