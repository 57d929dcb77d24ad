//! How children ended, as the kernel says it.
//!
//! The crates at hand know no real-time signals: they take a child that one has killed for an error, after it was reaped
//! or, worse, before.
#![expect(unsafe_code, reason = "waiting for what a real-time signal has killed has no safe interface")]

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::unistd::Pid;

/// One end: exit code and signal, of which one is zero.
pub(super) type End = (i32, i32);

/// A child that is dead but not reaped: its process id and group number cannot be re-used yet.
pub(super) fn next_dead() -> Option<(Pid, End)> {
    let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: all zeroes are a valid structure, which lives while the call fills it; its fields are those of a child.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        if libc::waitid(libc::P_ALL, 0, &raw mut info, flags) != 0 || info.si_pid() == 0 {
            return None;
        }
        let end = if info.si_code == libc::CLD_EXITED { (info.si_status(), 0) } else { (0, info.si_status()) };
        Some((Pid::from_raw(info.si_pid()), end))
    }
}

/// Reaps a child, or any; `None` while there are living ones only and the options say not to wait.
///
/// # Errors
/// `ECHILD` when there is no child.
pub(super) fn wait(child: Option<Pid>, options: c_int) -> Result<Option<(Pid, End)>, Errno> {
    let mut status = 0;
    // SAFETY: the status lives while the call fills it.
    let pid = Errno::result(unsafe { libc::waitpid(child.map_or(-1, Pid::as_raw), &raw mut status, options) })?;
    let end = if libc::WIFEXITED(status) { (libc::WEXITSTATUS(status), 0) } else { (0, libc::WTERMSIG(status)) };
    Ok((pid != 0).then(|| (Pid::from_raw(pid), end)))
}

/// Signals a group with any signal that the kernel knows; a failure means that all are dead already.
pub(super) fn signal_group(group: Pid, signal: c_int) {
    // SAFETY: a system call on numbers; the group is one that a child of this process leads or led.
    let _ = unsafe { libc::killpg(group.as_raw(), signal) };
}
