//! How long one page of the list takes.

use anyhow::ensure;
use app::{
    session::{
        Lifetimes, SessionType,
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
    http::Servers,
    kernel::Columns,
    population::{self, Population},
    report::{Report, Unit},
    statistics::{Pair, median_seconds},
};

/// Pages in a round.
const PAGES: usize = 15;
/// Requests in a round.
const REQUESTS: u32 = 10_000;
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
    let columns = Columns::new(&Population::new(sessions, conditions.now), sessions);
    for (name, query, floor) in queries(sessions) {
        verify(store, &query, sessions, conditions.now)?;
        let page = || median_seconds(PAGES, || store.list(&query, &Lifetimes::default(), conditions.now));
        let name = format!("list page of {}, {name}", grouped(sessions));
        match floor {
            None => {
                let rounds: Vec<_> = (0..conditions.rounds).map(|_| page()).collect();
                report.state(name, Unit::Seconds, &rounds);
            }
            Some(floor) => {
                let total = store.list(&query, &Lifetimes::default(), conditions.now).total;
                ensure!(floor(&columns) as u64 == total, "the floor of {name} finds other sessions");
                let round = |_| Pair { value: page(), floor: median_seconds(PAGES, || floor(&columns)) };
                let rounds: Vec<_> = (0..conditions.rounds).map(round).collect();
                report.compare(name, Unit::Seconds, &rounds);
            }
        }
    }
    over_http(conditions, store, sessions, report)
}

/// Reports what a page costs a REST client's server.
fn over_http(conditions: &Conditions, store: &RedbStore, sessions: u64, report: &mut Report) -> anyhow::Result<()> {
    let servers = Servers::start(conditions, store)?;
    let rounds = servers.rounds(conditions, "/api/v1/sessions", "/page", REQUESTS);
    let middle = format!("/api/v1/sessions?first={}", sessions / 2);
    let in_the_middle = servers.rounds(conditions, &middle, "/page", REQUESTS);
    servers.stop(conditions);
    let name = |place: &str| format!("list page of {} over HTTP, {place}", grouped(sessions));
    for (place, rounds) in [("first", rounds?), ("in the middle", in_the_middle?)] {
        report.compare(name(place) + ", p50", Unit::Seconds, &rounds.p50);
        report.compare(name(place) + ", CPU", Unit::Seconds, &rounds.cpu_seconds_each);
    }
    Ok(())
}

/// The same over bare columns; the number of sessions it finds.
type Floor = fn(&Columns) -> usize;

fn queries(sessions: u64) -> [(&'static str, SessionQuery, Option<Floor>); 6] {
    let all = SessionQuery::default;
    let searched = |search: &str| {
        let filter = Filter { session_type: None, search: search.to_owned() };
        SessionQuery { filter, ..all() }
    };
    let browser = Filter { session_type: Some(SessionType::Browser), search: String::new() };
    let by_username = Sort { column: Column::Username, descending: false };
    [
        ("first", all(), None),
        ("in the middle", SessionQuery { first: sessions / 2, ..all() }, None),
        ("one type", SessionQuery { filter: browser, ..all() }, None),
        ("search for a name", searched("okafor"), Some(|columns| columns.search_names("okafor"))),
        ("search for an address", searched("10.77."), Some(Columns::search_addresses)),
        ("by username", SessionQuery { sort: by_username, ..all() }, Some(Columns::by_username)),
    ]
}

/// A page that is not as full as its total allows, or of a store that is not as full as it should be, is a wrong answer.
fn verify(store: &RedbStore, query: &SessionQuery, sessions: u64, now: Timestamp) -> anyhow::Result<()> {
    let page = store.list(query, &Lifetimes::default(), now);
    ensure!(page.counts.active_sessions() == sessions, "{} of {sessions} sessions", page.counts.active_sessions());
    if query.filter.search.is_empty() {
        let expected = page.counts.of(query.filter.session_type);
        ensure!(page.total == expected, "{} instead of {expected} match {query:?}", page.total);
    }
    let expected = page.total.saturating_sub(query.first).min(u64::from(query.limit));
    ensure!(page.sessions.len() as u64 == expected, "{} instead of {expected} rows", page.sessions.len());
    Ok(())
}
