//! What it costs to tell many at once that somebody has signed in, and how late they hear of it.

use std::{thread, time::Duration};

use anyhow::{Context, ensure};

use crate::{
    asking::{self, Task, Until},
    peer::{Facts, Live, Peer, Requests},
    process,
    report::{Unit, table},
    statistics::{median, percentile},
    tabs::Tabs,
};

/// How many are told.
const TABS: [u32; 2] = [100, 1_000];
/// Sessions that are created in a second, and for how long.
const RATE: f64 = 10.0;
const SECONDS: f64 = 5.0;
/// What a product may still do after the last answer that everybody waits for.
const GRACE: Duration = Duration::from_secs(1);

/// What one product came to in one round.
struct Round {
    /// CPU time for one change and one tab.
    cpu: f64,
    p50: f64,
    p99: f64,
    bytes: f64,
}

/// Who is told, and by whom.
struct Contender<'a> {
    name: String,
    peer: &'a Peer,
    live: &'a Live,
    /// Whether all tabs of Keepwatch show the same part of the list. Others tell everybody the same anyway.
    is_shared: bool,
}

/// Prints a table for each number of tabs.
pub(crate) fn measure(peers: &[Peer], sessions: u64, rounds: u32) -> anyhow::Result<()> {
    let contenders: Vec<_> = peers.iter().flat_map(contenders).collect();
    // What is done for the first time costs more.
    for contender in &contenders {
        create(contender.peer)?;
    }
    for tabs in TABS {
        eprintln!("figures: {tabs} are told");
        let mut all: Vec<Vec<Round>> = contenders.iter().map(|_| Vec::new()).collect();
        for _ in 0..rounds {
            for (contender, rounds) in contenders.iter().zip(&mut all) {
                // What others put off until later is not to be waited for here.
                process::settle_all(|| peers.iter().map(Peer::cpu_time).sum())?;
                rounds.push(contender.round(tabs, sessions).with_context(|| contender.name.clone())?);
            }
        }
        println!("\n#### a session is created, 10 a second, and {tabs} are told of it\n");
        print_table(&contenders, &all);
    }
    Ok(())
}

fn contenders(peer: &Peer) -> Vec<Contender<'_>> {
    let name = &peer.facts.name;
    let contender = |name, live, is_shared| Contender { name, peer, live, is_shared };
    match &peer.facts.live {
        None => Vec::new(),
        Some(live @ Live::Keepwatch { .. }) => vec![
            contender(format!("{name}, each tab on another part of the list"), live, false),
            contender(format!("{name}, all tabs on its first page"), live, true),
        ],
        Some(live @ Live::Events(_)) => vec![contender(name.clone(), live, true)],
    }
}

fn print_table(contenders: &[Contender], all: &[Vec<Round>]) {
    let Some(ours) = all.first() else { return };
    let lines = contenders.iter().zip(all).map(|(contender, rounds)| {
        let of = |figure: fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
        let ratios: Vec<_> = rounds.iter().zip(ours).map(|(theirs, ours)| theirs.cpu / ours.cpu).collect();
        [
            contender.name.clone(),
            Unit::Seconds.write(of(|round| round.cpu)),
            Unit::Ratio.spread(&ratios),
            Unit::Seconds.write(of(|round| round.p50)),
            Unit::Seconds.write(of(|round| round.p99)),
            Unit::Bytes.write(of(|round| round.bytes)),
        ]
    });
    let titles = [
        "product",
        "CPU to tell one",
        "CPU of the first (95 %)",
        "from asking until told, p50",
        "p99",
        "bytes to tell one",
    ];
    print!("{}", table(titles, &lines.collect::<Vec<_>>()));
}

impl Contender<'_> {
    fn round(&self, tabs: u32, sessions: u64) -> anyhow::Result<Round> {
        let Self { peer, live, is_shared, .. } = self;
        let before = peer.cpu_time()?;
        create(peer)?;
        thread::sleep(GRACE);
        let alone = peer.cpu_time()?.saturating_sub(before);

        let address = peer.facts.address.parse().context("an address")?;
        let mut open = match live {
            Live::Keepwatch { token } => Tabs::open(address, token, tabs, |command| {
                let parts = if *is_shared { 1 } else { tabs };
                command.args(["--counts", "--parts", &parts.to_string(), "--sessions", &sessions.to_string()]);
            })?,
            Live::Events(stream) => {
                let stream = serde_json::to_string(stream)?;
                Tabs::open(address, "", tabs, |command| _ = command.args(["--events", &stream]))?
            }
        };
        thread::sleep(GRACE);
        let before = peer.cpu_time()?;
        let made = create(peer)?;
        open.have_heard_of(made.len() as u64)?;
        thread::sleep(GRACE);
        let watched = peer.cpu_time()?.saturating_sub(before);
        let received = open.close()?;
        let told = f64::from(tabs) * made.len() as f64;
        let late = received.lateness(&made)?;
        ensure!(watched > alone, "telling others has cost nothing");
        Ok(Round {
            cpu: watched.saturating_sub(alone).as_secs_f64() / told,
            p50: percentile(&late, 0.5),
            p99: percentile(&late, 0.99),
            bytes: received.bytes as f64 / told,
        })
    }
}

/// Creates sessions: the number of each, from 1, and when its creation was asked for.
fn create(peer: &Peer) -> anyhow::Result<Vec<(u64, u64)>> {
    let Facts { requests, address, .. } = &peer.facts;
    let create = requests.get("create_and_tell").or_else(|| requests.get("create")).map(Requests::as_slice);
    let requests = create.context("it creates no sessions")?.to_vec();
    let (address, until) = (address.clone(), Until::Seconds(SECONDS));
    let answers = asking::ask(&Task { address, requests, connections: 1, until, rate: Some(RATE) })?;
    ensure!(!answers.since_due.is_empty(), "nothing was created");
    Ok((1..).zip(answers.since_due.into_iter().map(|(due, _)| due)).collect())
}
