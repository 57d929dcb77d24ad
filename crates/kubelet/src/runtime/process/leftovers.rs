//! What a supervisor that was killed left behind, and the record by which the next start finds it.
//!
//! A supervisor that is alive leaves nothing. If it was killed together with its server, the kernel kills each sandbox
//! with its init and each main process with its parent; what a plain container had put in the background lives on. So a
//! record on disk says which supervisors there were, and the next start kills what carries their mark, and nothing else:
//! a process is met by its mark or, the supervisor itself, by its id and start time, held by a descriptor, looked at again,
//! and only then signalled. The record is written once per supervisor; a container's start writes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Value, json};
use tracing::{info, warn};

use crate::tag::{Family, start_of};

/// Rounds over `/proc`, so that what was being forked during one round is met in the next.
const ROUNDS_MAX: usize = 50;
/// How long a supervisor of before, whose server is gone, gets to kill what is below it.
const SUPERVISOR_PATIENCE: Duration = Duration::from_secs(5);
/// How long what was killed may take to go.
const DEATH_PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(2);

/// A supervisor, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    boot: String,
    pid: u32,
    start_ticks: u64,
}

impl Record {
    /// Of a child of this process that is not reaped.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let (start_ticks, _) = start_of(pid)?;
        Some(Self { boot: boot()?, pid, start_ticks })
    }

    pub(super) fn family(&self) -> Family {
        Family::of(self.pid, self.start_ticks)
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When the directory cannot be made or the file not written.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let text = json!({"bootId": self.boot, "pid": self.pid, "startTicks": self.start_ticks}).to_string();
        fs::create_dir_all(directory)?;
        fs::write(self.path(directory), text)
    }

    /// Forgets it: the supervisor has ended, and nothing of it is left.
    pub(super) fn remove(&self, directory: &Path) {
        let _ = fs::remove_file(self.path(directory));
    }

    fn path(&self, directory: &Path) -> PathBuf {
        directory.join(format!("{}-{}.json", self.pid, self.start_ticks))
    }

    fn read(path: &Path) -> Option<Self> {
        let value: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let pid = u32::try_from(value["pid"].as_u64()?).ok()?;
        Some(Self { boot: value["bootId"].as_str()?.to_owned(), pid, start_ticks: value["startTicks"].as_u64()? })
    }
}

/// This boot of the machine: process ids and start times of another mean nothing.
fn boot() -> Option<String> {
    Some(fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?.trim().to_owned())
}

/// Ends what the supervisors in these records left, and forgets them.
pub(super) fn sweep(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if let Some(record) = Record::read(&path)
            && boot().is_some_and(|boot| boot == record.boot)
        {
            await_end(&record);
            match kill(record.family()) {
                Ok(0) => {}
                Ok(count) => info!(count, "killed what the pods of a server that was killed had left"),
                // Another user's, or stuck in the kernel: said now and tried again at the next start.
                Err(count) => {
                    warn!(count, "processes of a server that was killed cannot be ended");
                    continue;
                }
            }
        }
        let _ = fs::remove_file(path);
    }
}

/// Waits for a supervisor that is still killing, and kills one that does not come to its end.
fn await_end(record: &Record) {
    let is_it = || start_of(record.pid).is_some_and(|(ticks, dead)| ticks == record.start_ticks && !dead);
    let Some(process) = descriptor(record.pid.cast_signed()).filter(|_| is_it()) else { return };
    let begun = Instant::now();
    while is_it() && begun.elapsed() < SUPERVISOR_PATIENCE {
        std::thread::sleep(PAUSE);
    }
    if is_it() {
        let _ = pidfd_send_signal(&process, Signal::KILL);
    }
}

/// Kills every process of a family; how many there were, or how many are left that cannot be killed.
pub(super) fn kill(family: Family) -> Result<usize, usize> {
    let mut killed = 0;
    for _ in 0..ROUNDS_MAX {
        match kill_round(family) {
            0 => break,
            count => killed += count,
        }
    }
    let begun = Instant::now();
    loop {
        match members(family).len() {
            0 => return Ok(killed),
            left if begun.elapsed() > DEATH_PATIENCE => return Err(left),
            _ => std::thread::sleep(PAUSE),
        }
    }
}

/// One pass over all processes; how many were killed.
fn kill_round(family: Family) -> usize {
    let is_killed = |pid: &i32| {
        // The descriptor first, then the look again: so the signal cannot meet a process that re-used the number.
        descriptor(*pid)
            .is_some_and(|process| family.token_of(*pid).is_some() && pidfd_send_signal(&process, Signal::KILL).is_ok())
    };
    members(family).iter().filter(|pid| is_killed(pid)).count()
}

/// The living processes of a family.
fn members(family: Family) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let lives = |pid: &i32| start_of(pid.cast_unsigned()).is_some_and(|(_, is_dead)| !is_dead);
    pids.filter(|pid| family.token_of(*pid).is_some() && lives(pid)).collect()
}

fn descriptor(pid: i32) -> Option<std::os::fd::OwnedFd> {
    pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()
}
