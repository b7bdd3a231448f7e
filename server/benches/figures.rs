//! The figures of `docs/benchmarks.md`, measured and printed by `cargo xtask bench`.
//!
//! A figure stands beside its floor where it has one: the least that the same work costs on this machine. Both are taken
//! in the same round, one after the other, and the ratio is taken within the round: it tells more than the figure, which
//! is only as good as the machine is idle. Nothing is asserted about time. Answers are: a check that is refused, a page
//! that is short, a session that comes back end the run.
//!
//! What the lines mean, in the order in which they are printed:
//!
//! * **bytes**: what a browser loads, compressed with brotli, from `target/site`.
//! * **create**, **delete**: from the call to the durable acknowledgement, one caller; and the acknowledgements of 64
//!   callers. Floor: the same number of 256-byte records appended to a file, with one fdatasync for each (64 callers: for
//!   each 64).
//! * **fill**: acknowledged creates of 1,000 callers, until the large store is full.
//! * **file**: the size of its directory after closing, by session. Floor: the fields of a session as they are.
//! * **memory**: what a process grows by when it opens that store, by session.
//! * **start**: from opening the store to the first right answer; in a process of its own, the file in the page cache.
//!   Floor: the file read from start to end.
//! * **list page**: one answer to a query, in the store's process. Floor, where every session has to be looked at: a plain
//!   loop over bare columns with the same test, and the 50 first of what it finds.
//! * **list page over HTTP**: CPU time of the server for one `GET /api/v1/sessions`. Floor: a handler in the same process that
//!   answers with the bytes of such a page.
//! * **check in memory**: the look-up of one of all tokens, chosen at random. Floor: the same in a hash table of tokens.
//! * **check over HTTP**: `GET /forward-auth` of the whole server, as a reverse proxy asks, always with the same
//!   token: answers a second, and CPU time of the server for one answer. Floor: a handler in the same process that says
//!   200 to everybody.
//! * **behind nginx**: requests to an application behind nginx, which asks Keepwatch before each. Floor: nginx that asks
//!   another nginx, which answers 204 at once. What the check adds is the time with it less that without any.
//! * **start after kill -9**: as above, the process before was killed while it created sessions. No acknowledged session
//!   may be missing. Floors: redb's repair of the same sessions, each under its token, as it has to keep them where it
//!   answers checks itself; and its repair of the very file that is opened.
//! * **tabs**: the CPU time of a frame, and from the durable change to the frame. Floor: as many writes of as many bytes
//!   to bare sockets, at the same times.
//! * **delete many**: from the call to the durable acknowledgement, by ids spread over the whole table. No check of any of
//!   them may succeed afterwards. Floor: eight bytes for each id appended to a file, one fdatasync, and as many removals
//!   from a hash table of all tokens.
//!
//! The program starts itself as a child: as the client that asks, and to open or to be killed with a store.

#[path = "figures/acks.rs"]
mod acks;
#[path = "figures/asking.rs"]
mod asking;
#[path = "figures/bulk_delete.rs"]
mod bulk_delete;
#[path = "figures/bytes.rs"]
mod bytes;
#[path = "figures/check.rs"]
mod check;
#[path = "figures/conditions.rs"]
mod conditions;
#[path = "figures/events.rs"]
mod events;
#[path = "figures/floor.rs"]
mod floor;
#[path = "figures/front.rs"]
mod front;
#[path = "figures/full_store.rs"]
mod full_store;
#[path = "figures/http.rs"]
mod http;
#[path = "figures/keepwatch.rs"]
mod keepwatch;
#[path = "figures/kernel.rs"]
mod kernel;
#[path = "figures/list.rs"]
mod list;
#[path = "figures/live.rs"]
mod live;
#[path = "figures/peer.rs"]
mod peer;
#[path = "figures/peers.rs"]
mod peers;
#[path = "figures/pinned.rs"]
mod pinned;
#[path = "figures/population.rs"]
mod population;
#[path = "figures/prepared.rs"]
mod prepared;
#[path = "figures/process.rs"]
mod process;
#[path = "figures/push.rs"]
mod push;
#[path = "figures/redb_alone.rs"]
mod redb_alone;
#[path = "figures/report.rs"]
mod report;
#[path = "figures/start.rs"]
mod start;
#[path = "figures/statistics.rs"]
mod statistics;
#[path = "figures/steady.rs"]
mod steady;
#[path = "figures/tabs.rs"]
mod tabs;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{
    conditions::Conditions, full_store::FullStore, keepwatch::KeepwatchArgs, peers::PeersArgs, report::Report,
    steady::SteadyArgs, tabs::TabsArgs,
};

/// Measures what docs/benchmarks.md reports
#[derive(Debug, Parser)]
#[command(name = "figures", args_override_self = true)]
struct Cli {
    /// How many sessions the large store holds
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1_000..=20_000_000))]
    sessions: u64,
    /// How often each figure is taken, in turn with its floor
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Only these parts
    #[arg(long, value_name = "PART", value_enum)]
    only: Vec<Part>,
    /// Said by cargo
    #[arg(long = "bench", hide = true, global = true)]
    _bench: bool,
    #[command(subcommand)]
    child: Option<ChildTask>,
}

/// A part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Bytes of the console
    Bytes,
    /// Acknowledgements of creates and deletes
    Acks,
    /// Starts and memory
    Starts,
    /// List pages
    List,
    /// Checks
    Checks,
    /// Checks that a reverse proxy asks for
    Front,
    /// The live channel
    Live,
    /// Deleting many
    Delete,
}

/// What this program does as a child of itself.
#[derive(Debug, Subcommand)]
enum ChildTask {
    /// Measures Keepwatch beside other products
    Peers(PeersArgs),
    #[command(hide = true)]
    Keepwatch(KeepwatchArgs),
    #[command(hide = true)]
    Ask,
    #[command(hide = true)]
    Tabs(TabsArgs),
    #[command(hide = true)]
    Steady(SteadyArgs),
    #[command(hide = true)]
    Open { data_dir: PathBuf },
    #[command(hide = true)]
    Crash { data_dir: PathBuf, first: u64 },
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.child {
        None => measure(&Conditions::new(cli.sessions, cli.rounds)?, &cli.only),
        Some(ChildTask::Peers(arguments)) => peers::measure(&arguments),
        Some(ChildTask::Keepwatch(arguments)) => keepwatch::run(&arguments),
        Some(ChildTask::Ask) => asking::run(),
        Some(ChildTask::Tabs(arguments)) => tabs::run(&arguments),
        Some(ChildTask::Steady(arguments)) => steady::run(&arguments),
        Some(ChildTask::Open { data_dir }) => start::open(&data_dir),
        Some(ChildTask::Crash { data_dir, first }) => start::create_until_killed(&data_dir, first),
    }
}

fn measure(conditions: &Conditions, only: &[Part]) -> anyhow::Result<()> {
    let load_before = process::load_average()?;
    let mut report = Report::default();
    let is_asked = |part| {
        let is_asked = only.is_empty() || only.contains(&part);
        if is_asked {
            say(part);
        }
        is_asked
    };

    if is_asked(Part::Bytes) {
        bytes::measure(&mut report)?;
    }
    if is_asked(Part::Acks) {
        acks::measure(conditions, &mut report)?;
    }
    let full = FullStore::fill(conditions, &mut report)?;
    if is_asked(Part::Starts) {
        start::after_closing(conditions, &full, &mut report)?;
    }
    if is_asked(Part::List) {
        list::measure_small(conditions, &mut report)?;
        full.with(|store| list::measure(conditions, store, conditions.sessions, &mut report))?;
    }
    if is_asked(Part::Checks) {
        full.with(|store| {
            check::in_memory(conditions, store, &mut report)?;
            check::over_http(conditions, store, &mut report)
        })?;
    }
    if is_asked(Part::Front) {
        full.with(|store| front::measure(conditions, store, &mut report))?;
    }
    if is_asked(Part::Live) {
        full.with(|store| live::measure(conditions, &full, store, &mut report))?;
    }
    if is_asked(Part::Starts) {
        start::after_kill(conditions, &full, &mut report)?;
    }
    if is_asked(Part::Delete) {
        full.with(|store| bulk_delete::measure(conditions, &full, store, &mut report))?;
    }

    println!("{conditions}, load average {load_before} before and {} after\n", process::load_average()?);
    println!("{report}");
    Ok(())
}

/// The report comes at the end, minutes later: until then, what goes on.
fn say(part: Part) {
    eprintln!("figures: {part:?}");
}
