//! What the live channel costs, and how late it is.

use std::{
    io::Write,
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use anyhow::ensure;
use app::session::{
    SessionId,
    selection::{Selection, grouped},
    service::Clock,
    store::{Deletion, EndReason, NewSession, SessionStore},
};
use futures_util::future::try_join_all;
use server::{clock::SystemClock, store::RedbStore};

use crate::{
    conditions::Conditions,
    full_store::FullStore,
    http::Servers,
    population::Population,
    process,
    report::{Report, Unit},
    statistics::{Pair, percentile},
    tabs::{Tabs, nanos_now},
};

/// How long tabs are watched in a round, and how long they may lag behind before the round ends.
const WATCHED: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(1);
/// A round of a scene takes ten seconds: so many in a run of the usual length, which is one of at most so many rounds.
const FEW_ROUNDS: u32 = 3;
const USUAL_ROUNDS: u32 = 5;
/// Changes come together at most so often.
const BEAT: Duration = Duration::from_millis(10);
/// Who looks at what, while how much changes.
#[derive(Clone, Copy)]
struct Scene {
    tabs: u32,
    /// Parts of the list that they show, and whether these are spread over the list, or each is the one below.
    parts: u32,
    spread: bool,
    /// Whether they hold the order of their part. Half of the changes are then to sessions that are there: rows that are
    /// held change only by those.
    held: bool,
    changes_per_second: u32,
    /// Whether each part is that of a search.
    searched: bool,
    /// Tabs that do not read.
    stalled: u32,
}

/// A thousand tabs, each on a part of its own.
const THOUSAND: Scene = Scene {
    tabs: 1_000,
    parts: 1_000,
    spread: false,
    held: false,
    changes_per_second: 1_000,
    searched: false,
    stalled: 0,
};
const SCENES: [Scene; 11] = [
    Scene { tabs: 100, parts: 100, changes_per_second: 10, ..THOUSAND },
    Scene { changes_per_second: 10, ..THOUSAND },
    THOUSAND,
    Scene { changes_per_second: 10_000, ..THOUSAND },
    Scene { spread: true, ..THOUSAND },
    Scene { spread: true, held: true, changes_per_second: 10, ..THOUSAND },
    Scene { spread: true, held: true, ..THOUSAND },
    Scene { spread: true, held: true, changes_per_second: 10_000, ..THOUSAND },
    Scene { parts: 10, ..THOUSAND },
    Scene { tabs: 20, parts: 20, searched: true, ..THOUSAND },
    Scene { tabs: 200, parts: 200, searched: true, ..THOUSAND },
];
const STALLED: Scene = Scene { stalled: 100, ..THOUSAND };

/// Reports the cost of a frame, and the time from a change to its frame.
pub(crate) fn measure(
    conditions: &Conditions,
    full: &FullStore,
    store: &RedbStore,
    report: &mut Report,
) -> anyhow::Result<()> {
    let servers = Servers::start(conditions, store)?;
    let stage = Stage { conditions, ids: &full.ids, store, servers: &servers };
    let played = stage.play(report);
    servers.stop(conditions);
    played
}

struct Stage<'a> {
    conditions: &'a Conditions,
    ids: &'a [SessionId],
    store: &'a RedbStore,
    servers: &'a Servers,
}

/// What a round of a scene came to.
struct Round {
    cpu_each: Pair,
    late: f64,
    bytes_each: f64,
    frames_of_a_tab: f64,
    grown: f64,
    /// Bytes on the way to a tab that does not read, and those that one was sent that does.
    waiting: f64,
    sent: f64,
}

impl Stage<'_> {
    fn play(&self, report: &mut Report) -> anyhow::Result<()> {
        for scene in SCENES {
            let Scene { tabs, parts, spread, held, changes_per_second, searched, .. } = scene;
            let what = if searched { "searches" } else { "parts" };
            let where_they_are = if spread { " far apart" } else { "" };
            let parts = format!("{parts} {what}{where_they_are}{}", if held { ", held" } else { "" });
            let changes = grouped(u64::from(changes_per_second));
            let name = |figure: &str| format!("{tabs} tabs on {parts}, {changes} changes/s, {figure}");
            let rounds = self.rounds(scene)?;
            let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
            let cpu: Vec<_> = rounds.iter().map(|round| round.cpu_each).collect();
            report.compare(name("CPU of a frame"), Unit::Seconds, &cpu);
            report.state(name("change to frame, p99"), Unit::Seconds, &of(|round| round.late));
            report.state(name("bytes of a frame"), Unit::Bytes, &of(|round| round.bytes_each));
            report.state(name("frames"), Unit::PerSecond, &of(|round| round.frames_of_a_tab));
        }
        let rounds = self.rounds(STALLED)?;
        let name = |figure: &str| format!("{} of {} tabs do not read, {figure}", STALLED.stalled, STALLED.tabs);
        let of = |figure: fn(&Round) -> f64| rounds.iter().map(figure).collect::<Vec<_>>();
        report.state(name("change to frame of the others, p99"), Unit::Seconds, &of(|round| round.late));
        report.state(name("memory grown"), Unit::Bytes, &of(|round| round.grown));
        report.state(name("waits for each of them"), Unit::Bytes, &of(|round| round.waiting));
        report.state(name("sent to each of the others"), Unit::Bytes, &of(|round| round.sent));
        Ok(())
    }

    fn rounds(&self, scene: Scene) -> anyhow::Result<Vec<Round>> {
        let asked = self.conditions.rounds;
        let rounds = if asked > USUAL_ROUNDS { asked } else { asked.min(FEW_ROUNDS) };
        (0..rounds).map(|_| self.round(scene)).collect()
    }

    fn round(&self, scene: Scene) -> anyhow::Result<Round> {
        let Scene { tabs, parts, spread, held, changes_per_second, searched, stalled } = scene;
        let (alone, _) = self.cpu_of_changes(changes_per_second, held)?;

        let mut child = Tabs::open(self.servers.real(), &self.servers.token, tabs, |command| {
            command.args(["--sessions", &self.conditions.sessions.to_string()]);
            command.args(["--parts", &parts.to_string(), "--stalled", &stalled.to_string()]);
            command.args(spread.then_some("--spread"));
            command.args(held.then_some("--held"));
            command.args(searched.then_some("--searched"));
        })?;
        process::settle()?;
        let memory = process::resident_bytes()?;
        let (watched, made) = self.cpu_of_changes(changes_per_second, held)?;
        let grown = process::resident_bytes()?.saturating_sub(memory) as f64;
        let received = child.close()?;
        ensure!(received.frames > 0, "{tabs} tabs have received no frame");

        let bytes_each = received.bytes as f64 / received.frames as f64;
        let bare_write = self.cpu_of_bare_write(tabs, bytes_each as usize, received.frames)?;
        let readers = received.arrivals.len() as f64;
        Ok(Round {
            cpu_each: Pair {
                value: watched.saturating_sub(alone).as_secs_f64() / received.frames as f64,
                floor: bare_write,
            },
            late: percentile(&received.lateness(&made)?, 0.99),
            bytes_each,
            frames_of_a_tab: received.frames as f64 / readers / WATCHED.as_secs_f64(),
            grown,
            waiting: received.waiting as f64 / f64::from(stalled.max(1)),
            sent: received.bytes as f64 / readers,
        })
    }

    /// Makes changes for a while: the CPU time until all is quiet, and the revision of each and when it was durable.
    fn cpu_of_changes(&self, a_second: u32, half_are_touches: bool) -> anyhow::Result<(Duration, Vec<(u64, u64)>)> {
        let before = process::cpu_time()?;
        let (ids, made) = self.conditions.runtime.block_on(self.change(a_second, half_are_touches))?;
        std::thread::sleep(GRACE);
        let spent = process::cpu_time()?.saturating_sub(before);
        let deletion = Deletion::new(Selection::Ids(ids), EndReason::Deleted, SystemClock::default().now());
        self.conditions.runtime.block_on(self.store.delete(deletion))?;
        process::settle()?;
        Ok((spent, made))
    }

    /// Signs sessions in, at the top of the list: every part of it moves. Or as many of those as sessions all over the list are
    /// used.
    async fn change(&self, a_second: u32, half_are_touches: bool) -> anyhow::Result<(Vec<SessionId>, Vec<(u64, u64)>)> {
        let beats = (WATCHED.as_millis() / BEAT.as_millis()) as u32;
        let all = a_second * WATCHED.as_secs() as u32 / if half_are_touches { 2 } else { 1 };
        let clock = SystemClock::default();
        let population = Population::new(self.conditions.sessions, self.conditions.now);
        let (mut ids, mut made) = (Vec::new(), Vec::new());
        let start = Instant::now();
        for beat in 1..=beats {
            let due = (u64::from(all) * u64::from(beat) / u64::from(beats)) as usize;
            // Numbers that no session has.
            let first = self.conditions.sessions * 2 + nanos_now();
            let new = (ids.len()..due).map(|number| {
                let session = population.session(first + number as u64);
                self.store.create(NewSession { created_at: clock.now(), ..session })
            });
            let created = try_join_all(new).await?;
            if half_are_touches {
                for touched in created.iter().filter_map(|new| self.somewhere(new.id.0)) {
                    self.store.touch(touched, clock.now());
                }
            }
            if !created.is_empty() {
                made.push((self.store.revision().0, nanos_now()));
                ids.extend(created.into_iter().map(|session| session.id));
            }
            tokio::time::sleep_until((start + BEAT * beat).into()).await;
        }
        Ok((ids, made))
    }

    /// One of the sessions that were there at first, far from that of the number before.
    fn somewhere(&self, number: u64) -> Option<SessionId> {
        let place = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.ids.len().max(1) as u64;
        self.ids.get(place as usize).copied()
    }

    /// The CPU time of a write of so many bytes, in seconds, when so many sockets are written to as often as with frames.
    fn cpu_of_bare_write(&self, tabs: u32, bytes: usize, frames: u64) -> anyhow::Result<f64> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let accepting = std::thread::spawn(move || {
            (0..tabs).map(|_| listener.accept().map(|(socket, _)| socket)).collect::<Result<Vec<_>, _>>()
        });
        let mut child = Tabs::open(address, "", tabs, |command| _ = command.arg("--bare"))?;
        let sockets = accepting.join().map_err(|_| anyhow::anyhow!("accepting panicked"))??;
        for socket in &sockets {
            socket.set_nodelay(true)?;
        }
        let frame = vec![b'x'; bytes];
        let (before, start) = (process::cpu_time()?, Instant::now());
        // As often as the frames: what a pause costs, the kernel's timers and cold caches, is no work of the server.
        let times = frames.div_ceil(u64::from(tabs)).max(1) as u32;
        for time in 0..times {
            std::thread::sleep((start + WATCHED / times * time).saturating_duration_since(Instant::now()));
            for socket in &sockets {
                (&*socket).write_all(&frame)?;
            }
        }
        let spent = process::cpu_time()?.saturating_sub(before);
        child.close()?;
        Ok(spent.as_secs_f64() / f64::from(times * tabs))
    }
}
