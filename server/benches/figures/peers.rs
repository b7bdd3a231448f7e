//! Keepwatch beside other products: the same questions, asked in turn, in one run.

use std::{env, path::PathBuf, time::Duration};

use anyhow::Context;
use app::session::selection::grouped;
use clap::Args;

use crate::{
    asking::{self, Answers, Task, Until},
    conditions::Conditions,
    peer::{Peer, Request},
    pinned, process, push,
    report::{Unit, table},
    statistics::{median, percentile},
};

/// What is asked: its name in the protocol, in words, and over how many connections.
const QUESTIONS: [(&str, &str, usize); 10] = [
    ("check_spread", "check", 16),
    ("check_unknown", "check of a token that nobody has", 16),
    ("introspect", "introspection of a token, beside the bare look-up", 16),
    ("introspect_many", "introspection of 64 tokens in one request", 16),
    ("list_first", "list, first page", 4),
    ("list_middle", "list, page in the middle", 4),
    ("list_by_username", "list by username", 4),
    ("list_search", "list, search in the username", 4),
    ("list_search_address", "list, search in the address", 4),
    ("create", "create", 16),
];
/// What is asked again at a rate that all of them can bear: half of what the slowest can.
const STEADILY: [&str; 3] = ["check_spread", "list_first", "create"];
const PART_OF_THE_SLOWEST: f64 = 0.5;
/// How long each question is asked in a round before it counts.
const WARM_UP: f64 = 0.3;

/// Beside whom, and how long.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(crate) struct PeersArgs {
    /// The folder of the launchers
    #[arg(long)]
    launchers: PathBuf,
    /// The Python that has their requirements
    #[arg(long)]
    python: PathBuf,
    /// How many sessions each product holds
    #[arg(long, default_value_t = 100_000)]
    sessions: u64,
    /// How often each question is asked of each product, in turn
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// For how many seconds each time
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Only these launchers
    #[arg(long)]
    only: Vec<String>,
    /// Only these questions, by their name in the protocol
    #[arg(long)]
    question: Vec<String>,
}

const LAUNCHERS: [&str; 8] = [
    "tower_sessions_memory",
    "tower_sessions_redis",
    "tower_sessions_sqlite",
    "tower_sessions_postgresql",
    "raw_redis",
    "axum_postgresql",
    "django",
    "pocketbase",
];

/// What one product came to in one round.
struct Round {
    cpu: f64,
    rate: f64,
    busy: f64,
    p50: f64,
    p99: f64,
}

pub(crate) fn measure(arguments: &PeersArgs) -> anyhow::Result<()> {
    let conditions = Conditions::new(arguments.sessions, arguments.rounds)?;
    conditions.let_others_pass()?;
    let peers = start_all(arguments, &conditions)?;
    println!("{} sessions, {} rounds of {} s\n", grouped(arguments.sessions), arguments.rounds, arguments.seconds);
    for peer in &peers {
        println!("* {}: {}; {}", peer.facts.name, peer.facts.versions, peer.facts.durability);
    }
    let is_asked = |name: &str| arguments.question.is_empty() || arguments.question.iter().any(|asked| asked == name);
    for (name, words, connections) in QUESTIONS.into_iter().filter(|(name, ..)| is_asked(name)) {
        eprintln!("figures: {words}");
        let asked: Vec<_> =
            peers.iter().filter_map(|peer| Some((peer, peer.facts.requests.get(name)?.as_slice()))).collect();
        let mut rounds: Vec<Vec<Round>> = asked.iter().map(|_| Vec::new()).collect();
        for _ in 0..arguments.rounds {
            for ((peer, requests), rounds) in asked.iter().zip(&mut rounds) {
                let ask = |seconds, connections| ask(peer, requests, seconds, connections, None);
                ask(WARM_UP, connections)?;
                let before = peer.cpu_time()?;
                let many = ask(arguments.seconds, connections)?;
                let spent = peer.cpu_time()?.checked_sub(before);
                let spent = spent.with_context(|| format!("the CPU time of {} has become less", peer.facts.name))?;
                let alone = ask(arguments.seconds / 2.0, 1)?;
                rounds.push(Round {
                    cpu: spent.as_secs_f64() / many.count as f64,
                    rate: many.count as f64 / many.seconds,
                    busy: many.busy,
                    p50: alone.p50,
                    p99: alone.p99,
                });
            }
        }
        print_table(words, &asked, &rounds);
        if STEADILY.contains(&name) {
            let rate = |rounds: &Vec<Round>| median(&rounds.iter().map(|round| round.rate).collect::<Vec<_>>());
            let slowest = rounds.iter().map(rate).fold(f64::INFINITY, f64::min);
            ask_steadily(words, &asked, connections, slowest * PART_OF_THE_SLOWEST, arguments)?;
        }
    }
    if is_asked("delete_many") {
        delete_many(&peers)?;
    }
    if is_asked("push") { push::measure(&peers, arguments.sessions, arguments.rounds) } else { Ok(()) }
}

/// Asks all of them at the same rate, whether or not answers come, in turn, round by round; the waits of all rounds together.
fn ask_steadily(
    words: &str,
    asked: &[(&Peer, &[Request])],
    connections: usize,
    rate: f64,
    arguments: &PeersArgs,
) -> anyhow::Result<()> {
    let mut waits: Vec<Vec<f64>> = asked.iter().map(|_| Vec::new()).collect();
    for _ in 0..arguments.rounds {
        for ((peer, requests), waits) in asked.iter().zip(&mut waits) {
            // What the others put off until later is not to be waited for here.
            process::settle_all(|| asked.iter().map(|(peer, _)| peer.cpu_time()).sum())?;
            let answers = ask(peer, requests, 2.0 * arguments.seconds, connections, Some(rate))?;
            waits.extend(answers.since_due.into_iter().map(|(_, wait)| wait));
        }
    }
    println!("\n#### {words}, {} a second whether or not answers come\n", grouped(rate as u64));
    let lines = asked.iter().zip(&waits).map(|((peer, _), waits)| {
        let wait = |share| Unit::Seconds.write(percentile(waits, share));
        [peer.facts.name.clone(), wait(0.5), wait(0.99), wait(0.999), grouped(waits.len() as u64)]
    });
    print!("{}", table(["product", "answered after, p50", "p99", "p99.9", "of answers"], &lines.collect::<Vec<_>>()));
    Ok(())
}

/// Keepwatch comes first: the others are compared with it.
fn start_all(arguments: &PeersArgs, conditions: &Conditions) -> anyhow::Result<Vec<Peer>> {
    let mut keepwatch = pinned::server_process(&env::current_exe()?);
    keepwatch.arg("keepwatch");
    let mut peers = vec![Peer::start(&mut keepwatch, arguments.sessions, &conditions.path("keepwatch"))?];
    for name in LAUNCHERS {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|only| only == name) {
            continue;
        }
        eprintln!("figures: starting {name}");
        let mut launcher = pinned::server_process(&arguments.python);
        launcher.arg(arguments.launchers.join(name).with_extension("py"));
        match Peer::start(&mut launcher, arguments.sessions, &conditions.path(name)) {
            Ok(peer) => peers.push(peer),
            Err(error) => println!("* left out, {name}: {error:#}"),
        }
    }
    Ok(peers)
}

fn ask(
    peer: &Peer,
    requests: &[Request],
    seconds: f64,
    connections: usize,
    rate: Option<f64>,
) -> anyhow::Result<Answers> {
    let (address, requests) = (peer.facts.address.clone(), requests.to_vec());
    asking::ask(&Task { address, requests, connections, until: Until::Seconds(seconds), rate })
        .with_context(|| format!("asking {}", peer.facts.name))
}

fn print_table(words: &str, asked: &[(&Peer, &[Request])], rounds: &[Vec<Round>]) {
    println!("\n#### {words}\n");
    let Some(ours) = rounds.first() else { return };
    let lines = asked.iter().zip(rounds).map(|((peer, _), rounds)| {
        let of = |figure: fn(&Round) -> f64| median(&rounds.iter().map(figure).collect::<Vec<_>>());
        // Keepwatch's is that of the same round.
        let ratios = |figure: fn(&Round) -> f64| -> Vec<_> {
            rounds.iter().zip(ours).map(|(theirs, ours)| figure(theirs) / figure(ours)).collect()
        };
        [
            peer.facts.name.clone(),
            Unit::Seconds.write(of(|round| round.cpu)),
            Unit::Ratio.spread(&ratios(|round| round.cpu)),
            Unit::PerSecond.write(of(|round| round.rate)),
            Unit::Ratio.spread(&ratios(|round| round.rate)),
            Unit::Ratio.write(of(|round| round.busy)),
            Unit::Seconds.write(of(|round| round.p50)),
            Unit::Seconds.write(of(|round| round.p99)),
        ]
    });
    let titles = [
        "product",
        "CPU of one",
        "CPU of Keepwatch's (95 %)",
        "answers",
        "answers of Keepwatch's (95 %)",
        "client at work",
        "p50 alone",
        "p99 alone",
    ];
    print!("{}", table(titles, &lines.collect::<Vec<_>>()));
}

/// Each product's own way to delete a twentieth of all sessions at once, three times.
fn delete_many(peers: &[Peer]) -> anyhow::Result<()> {
    eprintln!("figures: delete many");
    let mut lines = Vec::new();
    for peer in peers {
        let Some(deletes) = peer.facts.requests.get("delete_many") else { continue };
        let mut waits = Vec::new();
        for (number, delete) in deletes.as_slice().iter().enumerate() {
            waits.push(ask(peer, std::slice::from_ref(delete), 0.0, 1, None)?.p50);
            // Whoever was deleted is out: a stale answer ends the run.
            if let Some(checks) = peer.facts.requests.get("deleted_check") {
                ask(peer, &checks.as_slice()[number..=number], 0.0, 1, None)?;
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        lines.push([peer.facts.name.clone(), Unit::Seconds.write(median(&waits))]);
    }
    println!("\n#### delete a twentieth of all at once, by ids, until the answer\n");
    print!("{}", table(["product", "median of three"], &lines));
    Ok(())
}
