//! What the store counts since it was opened.

use app::session::{SessionType, store::EndReason};
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, core::Collector, exponential_buckets,
};

/// What the store counts since it was opened. A handle: clones count together.
#[derive(Clone, Debug)]
pub struct Figures {
    created: IntCounterVec,
    ended: IntCounterVec,
    /// How long commits took that became durable.
    pub(crate) commits: Histogram,
    /// Commits that did not.
    pub(crate) failed_commits: IntCounter,
}

impl Figures {
    /// All at zero.
    ///
    /// # Errors
    /// What the library says of names, which are fixed.
    pub(crate) fn new() -> prometheus::Result<Self> {
        let created = IntCounterVec::new(
            Opts::new("keepwatch_sessions_created_total", "Sessions established, by type."),
            &["type"],
        )?;
        let ended =
            IntCounterVec::new(Opts::new("keepwatch_sessions_ended_total", "Sessions ended, by reason."), &["reason"])?;
        SessionType::ALL.iter().for_each(|session_type| created.with_label_values(&[session_type.as_str()]).reset());
        EndReason::ALL.iter().for_each(|reason| ended.with_label_values(&[reason.as_str()]).reset());
        let commits =
            HistogramOpts::new("keepwatch_commit_duration_seconds", "How long durable commits of the store took.")
                // 0.1 ms to 1.6 s.
                .buckets(exponential_buckets(0.0001, 2.0, 15)?);
        Ok(Self {
            created,
            ended,
            commits: Histogram::with_opts(commits)?,
            failed_commits: IntCounter::new("keepwatch_commits_failed_total", "Commits of the store that failed.")?,
        })
    }

    /// Shows all of them in a registry.
    ///
    /// # Errors
    /// When they are in it already.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        let all: [Box<dyn Collector>; 4] = [
            Box::new(self.created.clone()),
            Box::new(self.ended.clone()),
            Box::new(self.commits.clone()),
            Box::new(self.failed_commits.clone()),
        ];
        all.into_iter().try_for_each(|figure| registry.register(figure))
    }

    pub(crate) fn count_created(&self, session_type: SessionType) {
        self.created.with_label_values(&[session_type.as_str()]).inc();
    }

    pub(crate) fn count_ended(&self, reason: EndReason, number: usize) {
        self.ended.with_label_values(&[reason.as_str()]).inc_by(number as u64);
    }
}
