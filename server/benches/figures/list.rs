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

/// Reports pages of a store that holds this many sessions; of the large one every kind of search and sort.
pub(crate) fn measure(
    conditions: &Conditions,
    store: &RedbStore,
    sessions: u64,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut asked = queries(sessions);
    if sessions == conditions.sessions {
        asked.extend(other_queries(conditions.now));
    }
    let columns = Columns::new(&Population::new(sessions, conditions.now), sessions);
    for (name, query, floor) in asked {
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
                ensure!(
                    floor(&columns) as u64 == total,
                    "{name}: {total} sessions, the floor finds {}",
                    floor(&columns)
                );
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

/// What is asked, in words and as a query, and the same over bare columns: how many sessions that finds.
type Asked = (&'static str, SessionQuery, Option<Floor>);
type Floor = Box<dyn Fn(&Columns) -> usize>;

fn floor(floor: impl Fn(&Columns) -> usize + 'static) -> Option<Floor> {
    Some(Box::new(floor))
}

fn searched(search: &str) -> SessionQuery {
    SessionQuery { filter: Filter { session_type: None, search: search.to_owned() }, ..SessionQuery::default() }
}

fn sorted(column: Column) -> SessionQuery {
    SessionQuery { sort: Sort { column, descending: false }, ..SessionQuery::default() }
}

fn queries(sessions: u64) -> Vec<Asked> {
    let all = SessionQuery::default;
    let browser = Filter { session_type: Some(SessionType::Browser), search: String::new() };
    vec![
        ("first", all(), None),
        ("in the middle", SessionQuery { first: sessions / 2, ..all() }, None),
        ("one type", SessionQuery { filter: browser, ..all() }, None),
        ("search for a name", searched("okafor"), floor(|columns| columns.search_names("okafor"))),
        ("search for an address", searched("10.77."), floor(Columns::search_addresses)),
        ("by username", sorted(Column::Username), floor(Columns::by_username)),
    ]
}

fn other_queries(now: Timestamp) -> Vec<Asked> {
    let now = now.as_millis();
    const MINUTE: u64 = 60_000;
    vec![
        ("ip:10.64.0.0/12", searched("ip:10.64.0.0/12"), floor(|columns| columns.search_network(0x0a40_0000, 12))),
        ("agent:firefox", searched("agent:firefox"), floor(|columns| columns.search_agents("Firefox"))),
        ("server:keep-02", searched("server:keep-02"), floor(|columns| columns.search_servers("keep-02"))),
        ("idle>10m", searched("idle>10m"), floor(move |columns| columns.idle_before(now - 10 * MINUTE))),
        ("age<5m", searched("age<5m"), floor(move |columns| columns.created_after(now - 5 * MINUTE))),
        (
            "user:okafor -agent:firefox idle>10m",
            searched("user:okafor -agent:firefox idle>10m"),
            floor(move |columns| columns.search_several("okafor", "Firefox", now - 10 * MINUTE)),
        ),
        ("by type", sorted(Column::SessionType), floor(Columns::by_type)),
        ("by address", sorted(Column::Address), floor(Columns::by_address)),
        ("by server name", sorted(Column::ServerName), floor(Columns::by_server)),
        ("by user agent", sorted(Column::UserAgent), floor(Columns::by_agent)),
        ("by idle timeout", sorted(Column::IdleTimeout), floor(Columns::by_last_active)),
        ("by absolute lifetime", sorted(Column::AbsoluteLifetime), floor(Columns::by_created)),
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
    let lifetimes = Lifetimes::default();
    let is_in_order = |column: Column| match column {
        Column::Username => page.sessions.is_sorted_by_key(|session| (session.username.to_lowercase(), session.id)),
        Column::SessionType => page.sessions.is_sorted_by_key(|session| (session.session_type.label(), session.id)),
        Column::Address => page.sessions.is_sorted_by_key(|session| (session.address, session.id)),
        Column::LastActive => {
            page.sessions.iter().rev().is_sorted_by_key(|session| (session.last_active_at, session.id))
        }
        Column::ServerName => page.sessions.is_sorted_by_key(|session| (session.server_name.clone(), session.id)),
        Column::UserAgent => page
            .sessions
            .is_sorted_by_key(|session| (session.client.to_lowercase(), session.user_agent.to_lowercase(), session.id)),
        Column::IdleTimeout => {
            page.sessions.is_sorted_by_key(|session| (session.deadlines(&lifetimes).idle_timeout, session.id))
        }
        Column::AbsoluteLifetime => {
            page.sessions.is_sorted_by_key(|session| (session.deadlines(&lifetimes).absolute_lifetime, session.id))
        }
    };
    ensure!(is_in_order(query.sort.column), "a page out of order by {:?}", query.sort);
    Ok(())
}
