//! A product that is measured beside others: a launcher and all that it starts, driven by one protocol
//! (`peers/contender.py`).

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use nix::{
    time::{clock_getcpuclockid, clock_gettime},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

/// What a launcher prints about its product.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) name: String,
    pub(crate) versions: String,
    pub(crate) durability: String,
    pub(crate) address: String,
    pub(crate) requests: BTreeMap<String, Requests>,
    /// How it tells of changes, if it does.
    #[serde(default)]
    pub(crate) live: Option<Live>,
}

/// How a product tells whoever is signed in that somebody else has signed in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Live {
    /// By Keepwatch's live channel, to this session.
    Keepwatch {
        /// The session's token.
        token: String,
    },
    /// By server-sent events.
    Events(Box<EventStream>),
}

/// A stream of server-sent events.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventStream {
    pub(crate) address: String,
    /// What opens it.
    pub(crate) open: Request,
    /// In the first event, or a comment in its place.
    pub(crate) first: String,
    /// What asks for the events, on another connection: `CLIENT_ID` stands for what the first event calls `clientId`.
    #[serde(default)]
    pub(crate) subscribe: Option<Request>,
    /// In each event of a session that was created, once.
    pub(crate) told: String,
}

/// A request, or several of which each is made in turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Requests {
    /// Several.
    Many(Vec<Request>),
    /// Only this one.
    One(Request),
}

impl Requests {
    pub(crate) fn as_slice(&self) -> &[Request] {
        match self {
            Self::Many(requests) => requests,
            Self::One(request) => std::slice::from_ref(request),
        }
    }
}

/// A request and what its right answer is like.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Request {
    /// Sent as it is, instead of HTTP; the answer is then exactly what it must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<String>,
    #[serde(default)]
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
    #[serde(default)]
    pub(crate) status: u16,
    /// In the headers or the body of a right answer.
    #[serde(default)]
    pub(crate) contains: String,
}

impl Request {
    /// A GET of a path on Keepwatch, with a token; the right answer is 200.
    pub(crate) fn get(path: &str, token: &str) -> Self {
        let headers = BTreeMap::from([("Authorization".to_owned(), format!("Bearer {token}"))]);
        Self { method: "GET".to_owned(), path: path.to_owned(), headers, status: 200, ..Self::default() }
    }
}

/// What the CPU time of children that have ended is told in: USER_HZ, the same on every machine.
const TICK: Duration = Duration::from_millis(10);

/// A launcher that has started its product, and stops it when it is dropped.
pub(crate) struct Peer {
    child: Child,
    pub(crate) facts: Facts,
}

impl Peer {
    /// Starts a launcher in a new folder, with all that it starts on the first core.
    pub(crate) fn start(launcher: &mut Command, sessions: u64, folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        launcher.args(["--sessions", &sessions.to_string(), "--dir"]).arg(folder);
        launcher.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = launcher.spawn().context("cannot start a launcher")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("a process without output")?).read_line(&mut line)?;
        // It has said why on standard error.
        let Ok(facts) = serde_json::from_str(&line) else {
            drop(child.stdin.take());
            bail!("it ended with {}", child.wait()?);
        };
        Ok(Self { child, facts })
    }

    /// The CPU time of the launcher's processes so far, of their threads and children that have ended too.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<Duration> {
        let spent = |process: u32| {
            let clock = clock_getcpuclockid(Pid::from_raw(process.cast_signed())).ok()?;
            let own = clock_gettime(clock).ok().map(Duration::from)?;
            let stat = stat(process)?;
            let ended = [13, 14].map(|field| stat.get(field).and_then(|ticks| ticks.parse::<u64>().ok()).unwrap_or(0));
            Some(own + TICK * u32::try_from(ended[0] + ended[1]).ok()?)
        };
        // A process may end between being listed and being asked.
        let all: Duration = family(self.child.id())?.into_iter().filter_map(spent).sum();
        ensure!(!all.is_zero(), "the kernel does not tell the CPU time of {}", self.facts.name);
        Ok(all)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It stops at the end of its standard input, and its servers with it.
        drop(self.child.stdin.take());
        _ = self.child.wait();
    }
}

/// What the kernel says of a process, from the third field on: its state. proc_pid_stat(5).
fn stat(process: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before may contain anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

/// A process and all that it has started.
fn family(ancestor: u32) -> anyhow::Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let parent = stat(process).and_then(|stat| stat.get(1)?.parse::<u32>().ok());
        parents.extend(parent.map(|parent| (process, parent)));
    }
    let mut family = vec![ancestor];
    let mut known = 0;
    while known < family.len() {
        let parent = family[known];
        family.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        known += 1;
    }
    Ok(family)
}
