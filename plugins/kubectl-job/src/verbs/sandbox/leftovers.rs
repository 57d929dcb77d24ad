//! What a command leaves in the background. Its server is gone when it ends, so it ends as well.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};

/// How long processes get to end by themselves.
const GRACE: Duration = Duration::from_secs(1);
/// How long this waits for processes that were killed: the kernel may be busy with one.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Makes this process the parent of what loses its own, so that it can be found.
///
/// # Errors
/// When the system does not know of that.
pub(super) fn adopt() -> anyhow::Result<()> {
    prctl::set_child_subreaper(true).context("become the parent of what is left behind")
}

/// Ends all children of this process, and theirs.
pub(super) async fn end() {
    let begin = Instant::now();
    let mut asked = Vec::new();
    loop {
        let children = children();
        if children.is_empty() || begin.elapsed() > GRACE + PATIENCE {
            return;
        }
        for child in children {
            // Errors say that it has just ended.
            if begin.elapsed() > GRACE {
                let _ = kill(child, Signal::SIGKILL);
            } else if !asked.contains(&child) {
                let _ = kill(child, Signal::SIGTERM);
                asked.push(child);
            }
            let _ = waitpid(child, Some(WaitPidFlag::WNOHANG));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The children of this process, those that have ended and were not waited for too.
fn children() -> Vec<Pid> {
    if waitpid(None, Some(WaitPidFlag::WNOHANG)) == Err(Errno::ECHILD) {
        return Vec::new();
    }
    let entries = fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| parent(*pid) == Some(getpid().as_raw())).map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/PID/stat`; the second is in parentheses and may hold anything.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
