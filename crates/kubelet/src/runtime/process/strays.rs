//! Kills the processes of containers whose supervisor died before them, found by the mark in their environment.
//!
//! The last resort: a daemon that cleared its environment is not found. In normal life the supervisor leaves none.

use std::collections::HashSet;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::CONTAINER_VARIABLE;

/// Rounds over `/proc`, so that what was being forked during one round is met in the next.
const ROUNDS_MAX: usize = 10;

/// Kills every process marked with one of these container ids.
pub(super) fn kill(ids: &HashSet<&str>) {
    for _ in 0..ROUNDS_MAX {
        if ids.is_empty() || !kill_round(ids) {
            return;
        }
    }
}

/// One pass over all processes; whether any was killed.
fn kill_round(ids: &HashSet<&str>) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut killed = false;
    for pid in pids.filter(|pid| is_marked(*pid, ids)) {
        // The descriptor first, then the look again: so the signal cannot meet a process that re-used the number.
        let Some(pidfd) = Pid::from_raw(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            continue;
        };
        if is_marked(pid, ids) {
            killed |= pidfd_send_signal(&pidfd, Signal::KILL).is_ok();
        }
    }
    killed
}

fn is_marked(pid: i32, ids: &HashSet<&str>) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    let mut variables = environment.split(|byte| *byte == 0);
    variables.any(|variable| {
        let value = variable.strip_prefix(CONTAINER_VARIABLE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
        value.and_then(|value| std::str::from_utf8(value).ok()).is_some_and(|value| ids.contains(value))
    })
}
