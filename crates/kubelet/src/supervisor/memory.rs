//! Containers with a memory limit: how much they hold, looked at on a period, and which of them hold too much.
//!
//! Differs: upstream's limit is a control group's, which the kernel holds at every allocation and which counts the page
//! cache. Here a container may hold more for up to [`INTERVAL`], and what counts is what only its processes hold: anonymous
//! and shared memory, in proportion. Resource limits of a process (`RLIMIT_AS`, `RLIMIT_DATA`) would be no better: they
//! count address space, of which thread stacks and run-times reserve far more than they use.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::time::{Duration, Instant};

use nix::unistd::Pid;

/// How often limited containers are looked at.
pub(super) const INTERVAL: Duration = Duration::from_millis(100);
/// Processes of one container that are counted at most.
const PROCESSES_MAX: usize = 4096;

/// The limits of the containers that run.
#[derive(Default)]
pub(super) struct Limits {
    bytes: HashMap<u64, u64>,
    looked_at: Option<Instant>,
    /// Of those that were found to hold too much, until their end is told.
    exceeded: HashSet<u64>,
}

impl Limits {
    /// Holds a container to a limit.
    pub(super) fn add(&mut self, token: u64, bytes: u64) {
        self.bytes.insert(token, bytes);
    }

    /// Forgets a container that has ended; whether it went over its limit.
    pub(super) fn remove(&mut self, token: u64) -> bool {
        self.bytes.remove(&token);
        self.exceeded.remove(&token)
    }

    /// How long until the next look, if anything is to be looked at.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let since = self.looked_at.map_or(INTERVAL, |at| at.elapsed());
        (!self.bytes.is_empty()).then(|| INTERVAL.saturating_sub(since))
    }

    /// Those that hold more than they may now, and have not been found to before. `processes` answers with the roots
    /// of a container's processes.
    pub(super) fn look(&mut self, processes: impl Fn(u64) -> Vec<Pid>) -> Vec<u64> {
        self.looked_at = Some(Instant::now());
        let exceeded = &self.exceeded;
        let over = |(token, limit): (&u64, &u64)| {
            (!exceeded.contains(token) && exceeds(&processes(*token), *limit)).then_some(*token)
        };
        let over: Vec<u64> = self.bytes.iter().filter_map(over).collect();
        self.exceeded.extend(&over);
        over
    }
}

/// Whether processes and all below them hold more than this. The quick sum counts memory of several as often as they
/// share it, so it is only asked whether a closer look is worth it.
fn exceeds(roots: &[Pid], limit: u64) -> bool {
    let all = with_descendants(roots);
    let sum = |of: fn(Pid) -> Option<u64>| all.iter().filter_map(|pid| of(*pid)).sum::<u64>();
    sum(resident) > limit && sum(proportional) > limit
}

fn with_descendants(roots: &[Pid]) -> Vec<Pid> {
    let mut found = roots.to_vec();
    let mut next = 0;
    while next < found.len() && found.len() < PROCESSES_MAX {
        found.extend(children(found[next]));
        next += 1;
    }
    found
}

/// The children of all threads of a process.
fn children(pid: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .map(Pid::from_raw)
        .collect()
}

/// Bytes of a process that are in memory, whoever else has them too.
fn resident(pid: Pid) -> Option<u64> {
    let pages: u64 = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

/// Bytes of anonymous and shared memory, each page by the number of its users.
fn proportional(pid: Pid) -> Option<u64> {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return anonymous(pid) };
    let of = |line: &str, name: &str| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse::<u64>().ok();
    let kib = text.lines().filter_map(|line| of(line, "Pss_Anon:").or_else(|| of(line, "Pss_Shmem:")));
    Some(kib.sum::<u64>() * 1024)
}

/// The same without proportion, for a process whose maps may not be read: resident pages that no file backs.
fn anonymous(pid: Pid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let mut fields = text.split(' ').skip(1).map_while(|field| field.trim().parse::<u64>().ok());
    let (resident, shared) = (fields.next()?, fields.next()?);
    Some(resident.saturating_sub(shared) * rustix::param::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use nix::unistd::getpid;

    use super::*;

    #[test]
    fn this_process_holds_something_and_less_than_the_machine() {
        let own = getpid();
        let resident = resident(own).expect("a process");
        let proportional = proportional(own).expect("a process");
        assert!(proportional > 0 && proportional <= resident, "{proportional} of {resident}");
        assert!(anonymous(own).expect("a process") <= resident);
        assert!(exceeds(&[own], 1) && !exceeds(&[own], resident * 64));
    }

    #[test]
    fn a_container_is_found_to_exceed_its_limit_once_and_forgotten_with_its_end() {
        let mut limits = Limits::default();
        assert_eq!(limits.due_in(), None);
        limits.add(1, 1);
        limits.add(2, u64::MAX);
        assert_eq!(limits.due_in(), Some(Duration::ZERO));
        let own = |_| vec![getpid()];
        assert_eq!((limits.look(own), limits.look(own)), (vec![1], Vec::new()));
        assert!(limits.due_in().is_some_and(|due| due > Duration::ZERO));
        assert!(limits.remove(1) && !limits.remove(1) && !limits.remove(2));
        assert_eq!(limits.due_in(), None);
    }

    #[test]
    fn what_a_child_holds_counts() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let pid = Pid::from_raw(child.id().cast_signed());
        assert!(with_descendants(&[getpid()]).contains(&pid));
        child.kill().expect("killed");
        child.wait().expect("reaped");
    }
}
