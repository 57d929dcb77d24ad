//! Spawns one process with the standard streams that it was given.
#![expect(unsafe_code, reason = "a process takes its terminal between fork and exec, which has no safe interface")]

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command as Process, Stdio};

use nix::errno::Errno;
use nix::unistd::Pid;

use crate::runtime::wire::{self, StartCommand};

/// Spawns one process as leader of its own group.
///
/// Without a terminal, everything used here keeps std on `posix_spawn`; `uid`, or a bare program name would make it
/// fork, as `pre_exec` does: this process is small, so that costs little.
pub(super) fn spawn(start: StartCommand, descriptors: Vec<OwnedFd>) -> Result<Pid, Errno> {
    let mut arguments = start.argv.into_iter();
    let name = arguments.next().unwrap_or_else(|| OsString::from(&start.program));
    let mut process = Process::new(&start.program);
    process.arg0(name).args(arguments).env_clear().envs(start.env).current_dir(start.cwd);
    connect(&mut process, start.stdio, descriptors)?;
    // The handle is dropped: it neither waits nor kills, and all reaping happens in one place.
    match process.spawn() {
        Ok(child) => Ok(Pid::from_raw(child.id().cast_signed())),
        Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EINVAL as i32))),
    }
}

fn connect(process: &mut Process, stdio: wire::Stdio, descriptors: Vec<OwnedFd>) -> Result<(), Errno> {
    let mut descriptors = descriptors.into_iter();
    let mut next = || descriptors.next().ok_or(Errno::EBADF);
    match stdio {
        wire::Stdio::Output => process.process_group(0).stdin(Stdio::null()).stdout(next()?).stderr(next()?),
        wire::Stdio::All => process.process_group(0).stdin(next()?).stdout(next()?).stderr(next()?),
        wire::Stdio::Terminal => {
            let terminal = next()?;
            let copy = || terminal.try_clone().map_err(|_| Errno::EMFILE);
            process.stdin(copy()?).stdout(copy()?).stderr(terminal);
            // SAFETY: runs after fork in a single-threaded process and makes two system calls.
            unsafe { process.pre_exec(take_terminal) }
        }
    };
    Ok(())
}

/// Leads a session, and with it a group, that the terminal on standard input controls.
fn take_terminal() -> std::io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
    Ok(())
}
