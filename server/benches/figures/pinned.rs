//! Which core does what: the server has one, its clients have the other, so that neither takes the other's time.

use std::{
    path::Path,
    process::{self, Command, Stdio},
};

/// How often it is tried to pin all threads.
const TRIES: u32 = 3;

/// While it lives, all threads of this process run on the first core. Without `taskset`, or with one core, they run
/// where they like.
pub(crate) struct Pinned {
    cores: usize,
}

impl Pinned {
    pub(crate) fn server(cores: usize) -> Self {
        if cores > 1 {
            pin("0");
        }
        Self { cores }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        if self.cores > 1 {
            pin(&format!("0-{}", self.cores - 1));
        }
    }
}

fn pin(cores: &str) {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", cores, &process::id().to_string()]);
    taskset.stdout(Stdio::null()).stderr(Stdio::null());
    // A thread may end between being listed and being pinned.
    if !(0..TRIES).any(|_| taskset.status().is_ok_and(|status| status.success())) {
        eprintln!("figures: taskset is missing or cannot pin: server and clients share the cores");
    }
}

/// A command whose process, and all that it starts, runs on the first core, if that can be had.
pub(crate) fn server_process(program: &Path) -> Command {
    on_core("0", program)
}

/// A command whose process runs on the second core, if that can be had.
pub(crate) fn client(program: &Path) -> Command {
    on_core("1", program)
}

fn on_core(core: &str, program: &Path) -> Command {
    let can_pin = Command::new("taskset").args(["--cpu-list", "1", "true"]).stderr(Stdio::null()).status();
    if can_pin.is_ok_and(|status| status.success()) {
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", core]).arg(program);
        command
    } else {
        Command::new(program)
    }
}
