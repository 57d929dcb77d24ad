//! What the kernel knows about this process's children: which there are, and which container each came from.
//!
//! A container's processes are recognised by the mark that they inherit (see [`crate::tag`]), not by their environment or
//! group, which they can leave.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ends;
use crate::tag::{Family, start_of};

/// How long descendants that cannot be killed (another user's) are waited for at the end.
const UNKILLABLE_PATIENCE: Duration = Duration::from_secs(5);

/// Marks whatever is spawned next, and all its descendants, as belonging to this token.
///
/// Where the limit cannot be set, left-overs are recognised by elimination (see `Containers`).
pub(super) fn tag_next_spawn(token: u64) {
    let maximum = getrlimit(Resource::Rttime).maximum;
    let _ = setrlimit(Resource::Rttime, Rlimit { current: Some(family().tag(token)), maximum });
}

/// The token of the container that a process descends from, if its limit tells.
pub(super) fn tag_of(pid: Pid) -> Option<u64> {
    family().token_of(pid.as_raw())
}

/// What marks this supervisor's processes.
fn family() -> Family {
    static FAMILY: OnceLock<Family> = OnceLock::new();
    *FAMILY.get_or_init(|| {
        let pid = std::process::id();
        Family::of(pid, start_of(pid).map_or(0, |(ticks, _)| ticks))
    })
}

/// The list of this process's children.
///
/// The file may skip entries when children go away during the read; here none can, since only this thread reaps.
pub(super) struct ChildList {
    file: Option<File>,
    buffer: Vec<u8>,
}

impl Default for ChildList {
    fn default() -> Self {
        let pid = getpid();
        let file = File::open(format!("/proc/self/task/{pid}/children")).ok();
        Self { file, buffer: vec![0; 16 * 1024] }
    }
}

impl ChildList {
    /// All children, dead ones that are not reaped included.
    pub(super) fn read(&mut self) -> Vec<Pid> {
        match &self.file {
            Some(file) => read_list(file, &mut self.buffer).unwrap_or_else(scan),
            None => scan(),
        }
    }
}

fn read_list(file: &File, buffer: &mut Vec<u8>) -> Option<Vec<Pid>> {
    let mut filled = 0;
    loop {
        if filled == buffer.len() {
            buffer.resize(filled * 2, 0);
        }
        match file.read_at(&mut buffer[filled..], filled as u64).ok()? {
            0 => break,
            count => filled += count,
        }
    }
    let text = std::str::from_utf8(&buffer[..filled]).ok()?;
    Some(text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).map(Pid::from_raw).collect())
}

/// Finds the children by their parent's id, for kernels built without the list.
fn scan() -> Vec<Pid> {
    let own = getpid().to_string();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent_of(*pid).as_deref() == Some(own.as_str())).map(Pid::from_raw).collect()
}

fn parent_of(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1).map(str::to_owned)
}

/// Frees a dead child's process id.
pub(super) fn reap(pid: Pid) {
    let _ = ends::wait(Some(pid), libc::WNOHANG);
}

/// Kills everything below this process and returns when nothing is left.
///
/// Killing a process hands its children to this sub-reaper, so rounds of "kill all children, reap" reach every depth,
/// and having no child at all is proof that there is no descendant.
pub(super) fn kill_all_descendants() {
    let mut list = ChildList::default();
    let mut last_progress = Instant::now();
    loop {
        for pid in list.read() {
            // A child that is not reaped cannot have had its number re-used.
            let _ = kill(pid, Signal::SIGKILL);
        }
        let mut reaped = false;
        loop {
            match ends::wait(None, libc::WNOHANG) {
                Ok(None) => break,
                Ok(Some(_)) => reaped = true,
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        if reaped {
            last_progress = Instant::now();
        } else if last_progress.elapsed() > UNKILLABLE_PATIENCE {
            return;
        } else {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
