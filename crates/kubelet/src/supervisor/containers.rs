//! Which containers run, which are ending, and which stray processes belong to whom.
//!
//! A container has ended when its main process is reaped, its group is empty and no adopted process carries its tag;
//! what is left until then is killed, as the kernel does when the first process of a PID namespace dies.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use super::children::{self, ChildList};
use super::ends;
use super::memory::Limits;
use super::sandbox::{Sandboxed, Spawned};
use crate::runtime::wire::Report;

/// After this long a container is reported as ended though something of it cannot be killed (another user's process).
const UNKILLABLE_PATIENCE: Duration = Duration::from_secs(5);

/// The containers of this supervisor.
#[derive(Default)]
pub(super) struct Containers {
    /// Main processes, and those that run beside them, that are not reaped, by token.
    running: HashMap<u64, Pid>,
    /// The same by process id.
    mains: HashMap<Pid, u64>,
    /// Of those that run beside a main process: the token of their container.
    beside: HashMap<u64, u64>,
    /// Of those that run in sandboxes: how their end is learnt.
    sandboxed: HashMap<u64, Sandboxed>,
    /// Containers whose main process is reaped and of which something may be left.
    ending: Vec<Ending>,
    /// Adopted processes, until they are reaped.
    orphans: HashMap<Pid, Owner>,
    /// The highest token so far.
    newest: u64,
    children: ChildList,
    limits: Limits,
}

struct Ending {
    token: u64,
    group: Pid,
    code: i32,
    signal: i32,
    out_of_memory: bool,
    since: Instant,
}

/// Whom an adopted process belongs to.
#[derive(Clone, Copy)]
enum Owner {
    Container(u64),
    /// Not known: one of the containers up to this token. It goes when the last of them has ended.
    UpTo(u64),
}

impl Containers {
    pub(super) fn add(&mut self, token: u64, spawned: Spawned, within: Option<u64>) {
        let Spawned { pid, sandboxed } = spawned;
        self.running.insert(token, pid);
        self.sandboxed.extend(sandboxed.map(|sandboxed| (token, sandboxed)));
        self.beside.extend(within.map(|container| (token, container)));
        self.mains.insert(pid, token);
        self.newest = self.newest.max(token);
    }

    /// Holds a container to a limit of its memory, if it has one.
    pub(super) fn limit(&mut self, token: u64, bytes: Option<u64>) {
        if let Some(bytes) = bytes {
            self.limits.add(token, bytes);
        }
    }

    /// How long until limits are looked at, if there are any.
    pub(super) fn next_look(&self) -> Option<Duration> {
        self.limits.due_in()
    }

    /// Kills the containers that hold more memory than they may, as the kernel does when a control group is full.
    pub(super) fn hold_to_limits(&mut self) {
        if self.limits.due_in() != Some(Duration::ZERO) {
            return;
        }
        let children = self.children.read();
        let adopted: Vec<Pid> = match children.len() == self.mains.len() {
            true => Vec::new(),
            false => children.into_iter().filter(|pid| !self.mains.contains_key(pid)).collect(),
        };
        let (running, beside) = (&self.running, &self.beside);
        let of = |token: u64| {
            let executed =
                beside.iter().filter(|(_, container)| **container == token).filter_map(|(own, _)| running.get(own));
            let strays = adopted.iter().filter(|pid| children::tag_of(**pid) == Some(token));
            running.get(&token).into_iter().chain(executed).chain(strays).copied().collect()
        };
        for token in self.limits.look(of) {
            self.kill(token, Signal::SIGKILL as i32);
        }
    }

    pub(super) fn is_ending(&self) -> bool {
        !self.ending.is_empty()
    }

    /// Whether a container's main process is there.
    pub(super) fn is_running(&self, token: u64) -> bool {
        self.running.contains_key(&token)
    }

    /// The first process of the sandbox that a container lives in, if it lives in one, and what is known of that.
    pub(super) fn sandbox_of(&self, token: u64) -> Option<(Pid, &Sandboxed)> {
        Some((*self.running.get(&token)?, self.sandboxed.get(&token)?))
    }

    /// Signals the group of a running container, or of a process beside it.
    ///
    /// The process leads the group and is not reaped while it is in `running`, so the number cannot be another's.
    pub(super) fn kill(&self, token: u64, signal: i32) {
        let Some(pid) = self.running.get(&token) else { return };
        ends::signal_group(*pid, signal);
    }

    /// Reaps every dead child, kills what ended containers left and reports those of which nothing is left.
    pub(super) fn reap(&mut self, mut report: impl FnMut(Report)) {
        while let Some((pid, (code, signal))) = ends::next_dead() {
            let Some(token) = self.mains.remove(&pid) else {
                self.orphans.remove(&pid);
                children::reap(pid);
                continue;
            };
            let told = self.sandboxed.remove(&token).and_then(|sandboxed| sandboxed.end?.read());
            let (code, signal) = told.unwrap_or((code, signal));
            if self.beside.remove(&token).is_some() {
                // What it leaves goes on in the container, as in a PID namespace.
                children::reap(pid);
                self.running.remove(&token);
                report(Report::Exited { token, code, signal, out_of_memory: false });
                continue;
            }
            // Before the reaping, while the dead leader still holds the group's number.
            let _ = killpg(pid, Signal::SIGKILL);
            children::reap(pid);
            self.running.remove(&token);
            self.kill_beside(token);
            let out_of_memory = self.limits.remove(token);
            self.ending.push(Ending { token, group: pid, code, signal, out_of_memory, since: Instant::now() });
        }
        if !self.ending.is_empty() || !self.orphans.is_empty() {
            self.sweep();
            self.report_ended(&mut report);
        }
    }

    /// Kills what runs beside a main process that has ended.
    fn kill_beside(&self, container: u64) {
        let beside = self.beside.iter().filter(|(_, of)| **of == container);
        for pid in beside.filter_map(|(token, _)| self.running.get(token)) {
            let _ = killpg(*pid, Signal::SIGKILL);
        }
    }

    /// Looks at all children once: whatever is no main process was adopted; it dies with its container.
    fn sweep(&mut self) {
        let children = self.children.read();
        if children.len() == self.mains.len() {
            // The common case, one read for a whole batch of exits: all children are known main processes.
            self.orphans.clear();
            return;
        }
        for pid in children.into_iter().filter(|pid| !self.mains.contains_key(pid)) {
            let newest = self.newest;
            let owner = self
                .orphans
                .entry(pid)
                .or_insert_with(|| children::tag_of(pid).map_or(Owner::UpTo(newest), Owner::Container));
            let owner_lives = match *owner {
                Owner::Container(token) => self.running.contains_key(&token),
                Owner::UpTo(newest) => self.running.keys().any(|token| *token <= newest),
            };
            if !owner_lives {
                // A child that is not reaped: the number is still its own.
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    }

    fn report_ended(&mut self, report: &mut impl FnMut(Report)) {
        if self.ending.is_empty() {
            return;
        }
        let owners = self.orphans.values().filter_map(|owner| match owner {
            Owner::Container(token) => Some(*token),
            Owner::UpTo(_) => None,
        });
        let owners: HashSet<u64> = owners.chain(self.beside.values().copied()).collect();
        let mains = &self.mains;
        self.ending.retain(|ending| {
            let gone = !owners.contains(&ending.token) && group_is_empty(ending.group, mains);
            let over = gone || ending.since.elapsed() > UNKILLABLE_PATIENCE;
            if over {
                let Ending { token, code, signal, out_of_memory, .. } = *ending;
                report(Report::Exited { token, code, signal, out_of_memory });
            }
            !over
        });
    }
}

/// Whether a group has no members. A number that is a main process again was free in between, so the old group is gone.
fn group_is_empty(group: Pid, mains: &HashMap<Pid, u64>) -> bool {
    mains.contains_key(&group) || killpg(group, None) == Err(Errno::ESRCH)
}
