//! Stopping the background server, and looking at it.

use std::time::Duration;

use anyhow::Context as _;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::start;
use super::state::StateDir;

/// How long the server gets to stop its pods before it is killed; its supervisor kills them then.
const PATIENCE: Duration = Duration::from_secs(15);

/// Stops the server, and says which process it was; `None` when none runs.
///
/// # Errors
/// When the server cannot be signalled, or does not end even so.
pub(crate) fn stop(state: &StateDir) -> anyhow::Result<Option<u32>> {
    let _turn = state.hold_start()?;
    let Some(info) = start::running(state)? else {
        state.retract();
        return Ok(None);
    };
    let pid = Pid::from_raw(info.pid.cast_signed()).context("the server's process id is no process id")?;
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error).context("reach the server's process"),
    };
    // The life lock is looked at again with the process in hand: held, the process is the server and not a stranger
    // that was given the same number since.
    if !state.is_alive()? {
        return Ok(None);
    }
    pidfd_send_signal(&process, Signal::TERM).context("signal the server")?;
    if !ended(&process, PATIENCE)? {
        pidfd_send_signal(&process, Signal::KILL).context("kill the server")?;
        anyhow::ensure!(ended(&process, PATIENCE)?, "process {} does not end", info.pid);
    }
    state.retract();
    Ok(Some(info.pid))
}

/// Whether the process ended within that time.
fn ended(process: &impl std::os::fd::AsFd, within: Duration) -> anyhow::Result<bool> {
    let timeout = Timespec::try_from(within).context("a timeout in range")?;
    let mut files = [PollFd::new(process, PollFlags::IN)];
    Ok(poll(&mut files, Some(&timeout)).context("wait for the server's end")? > 0)
}
