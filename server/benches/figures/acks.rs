//! How long it takes until a change is acknowledged, which is when it is durable.

use std::{fs::File, future, io, time::Instant};

use anyhow::{Context, ensure};
use app::{
    session::{
        SessionId,
        selection::Selection,
        store::{Deletion, EndReason, NewSession, SessionStore, StoreError},
    },
    time::Timestamp,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use server::{store::RedbStore, user_agent};

use crate::{
    conditions::Conditions,
    floor,
    population::Population,
    report::{Report, Unit},
    statistics::{Pair, percentile},
};

/// Changes of one caller in a round.
const ALONE: usize = 300;
/// Callers side by side, and the changes of all of them in a round.
const CALLERS: usize = 64;
const TOGETHER: usize = 100 * CALLERS;
/// About the bytes of a session.
const RECORD: [u8; 256] = [0x5a; 256];

/// Reports creates and deletes of one caller and creates of many, on a store of their own.
pub(crate) fn measure(conditions: &Conditions, report: &mut Report) -> anyhow::Result<()> {
    let runtime = &conditions.runtime;
    let store = RedbStore::open(&conditions.path("acks"), user_agent::in_words)?;
    let mut file = conditions.file("acks.floor")?;
    let mut arrivals = Arrivals { population: Population::new(TOGETHER as u64, conditions.now), next: 0 };
    let (mut creates, mut deletes, mut together) = (Latencies::default(), Latencies::default(), Vec::new());

    for _ in 0..conditions.rounds {
        let created = runtime.block_on(create_one_by_one(&store, arrivals.take(ALONE)))?;
        let deleted = runtime.block_on(delete_one_by_one(&store, &created.ids))?;
        let appended = append_one_by_one(&mut file, &RECORD, ALONE)?;
        creates.note(&created.seconds, &appended);
        deletes.note(&deleted, &appended);

        let value = runtime.block_on(create_together(&store, arrivals.take(TOGETHER)))?;
        let appended = append_one_by_one(&mut file, &RECORD.repeat(CALLERS), TOGETHER / CALLERS)?;
        together.push(Pair { value, floor: TOGETHER as f64 / appended.iter().sum::<f64>() });
    }
    store.close().context("closing the store of the acknowledgements")?;

    creates.report("create", report);
    deletes.report("delete", report);
    report.compare("create, 64 callers", Unit::PerSecond, &together);
    Ok(())
}

/// Sessions that have not been created yet.
struct Arrivals {
    population: Population,
    next: u64,
}

impl Arrivals {
    fn take(&mut self, count: usize) -> Vec<NewSession> {
        let first = self.next;
        self.next += count as u64;
        (first..self.next).map(|index| self.population.session(index)).collect()
    }
}

/// Percentiles of each round.
#[derive(Default)]
struct Latencies {
    p50: Vec<Pair>,
    p99: Vec<Pair>,
}

impl Latencies {
    fn note(&mut self, value: &[f64], floor: &[f64]) {
        let pair = |share| Pair { value: percentile(value, share), floor: percentile(floor, share) };
        self.p50.push(pair(0.5));
        self.p99.push(pair(0.99));
    }

    fn report(&self, what: &str, report: &mut Report) {
        report.compare(format!("{what}, p50"), Unit::Seconds, &self.p50);
        report.compare(format!("{what}, p99"), Unit::Seconds, &self.p99);
    }
}

/// New sessions, and how long each took.
#[derive(Default)]
struct Created {
    ids: Vec<SessionId>,
    seconds: Vec<f64>,
}

async fn create_one_by_one(store: &RedbStore, sessions: Vec<NewSession>) -> Result<Created, StoreError> {
    let mut created = Created::default();
    for session in sessions {
        let start = Instant::now();
        let session = store.create(session).await?;
        created.seconds.push(start.elapsed().as_secs_f64());
        created.ids.push(session.id);
    }
    Ok(created)
}

async fn delete_one_by_one(store: &RedbStore, ids: &[SessionId]) -> anyhow::Result<Vec<f64>> {
    let mut seconds = Vec::with_capacity(ids.len());
    for id in ids {
        let start = Instant::now();
        let outcome =
            store.delete(Deletion::new(Selection::Ids(vec![*id]), EndReason::Deleted, Timestamp::default())).await?;
        seconds.push(start.elapsed().as_secs_f64());
        ensure!(outcome.deleted == 1, "session {id} was not there to be deleted");
    }
    Ok(seconds)
}

/// Acknowledgements a second.
async fn create_together(store: &RedbStore, sessions: Vec<NewSession>) -> Result<f64, StoreError> {
    let count = sessions.len() as f64;
    let start = Instant::now();
    stream::iter(sessions)
        .map(|session| store.create(session))
        .buffer_unordered(CALLERS)
        .try_for_each(|_| future::ready(Ok(())))
        .await?;
    Ok(count / start.elapsed().as_secs_f64())
}

fn append_one_by_one(file: &mut File, record: &[u8], times: usize) -> io::Result<Vec<f64>> {
    (0..times).map(|_| floor::append_durably(file, record)).collect()
}
