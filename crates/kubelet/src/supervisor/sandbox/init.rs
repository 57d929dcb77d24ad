//! The first process of a sandbox: its init, or, where it lives among the host's processes, the program itself.
#![expect(unsafe_code, reason = "fork into namespaces has no safe interface")]

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::unistd::Pid;

use super::identity::{self, Outside, Rights};
use super::{Failure, Pipes, mounts, program};
use crate::runtime::sandbox::{Sandbox, Stage};
use crate::runtime::wire::StartCommand;

/// Forks init. Root needs no user namespace, unless its root is itself confined.
pub(super) fn start(
    start: &StartCommand,
    sandbox: &Sandbox,
    streams: &[OwnedFd],
    pipes: &Pipes,
) -> Result<Pid, Failure> {
    let outside = Outside::now();
    let mut flags = libc::CLONE_NEWNS | libc::CLONE_NEWUTS;
    if !sandbox.shares_processes {
        flags |= libc::CLONE_NEWPID;
    }
    if sandbox.own_network {
        flags |= libc::CLONE_NEWNET;
    }
    let mut ways =
        if outside.is_root() { vec![flags, flags | libc::CLONE_NEWUSER] } else { vec![flags | libc::CLONE_NEWUSER] };
    let mut last = Errno::EPERM;
    for flags in ways.drain(..) {
        match fork_into(flags) {
            Ok(Some(pid)) => return Ok(pid),
            Ok(None) => {
                let own_users = flags & libc::CLONE_NEWUSER != 0;
                become_init(start, sandbox, streams, pipes, own_users.then_some(outside))
            }
            Err(errno) => last = errno,
        }
    }
    Err(Failure { stage: Stage::Namespaces, errno: last })
}

/// `fork` with namespaces; `None` in the child.
fn fork_into(flags: c_int) -> Result<Option<Pid>, Errno> {
    if super::are_forbidden() {
        return Err(Errno::EPERM);
    }
    // SAFETY: without a stack or CLONE_VM this is a fork, and this process has one thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) };
    match i32::try_from(Errno::result(pid)?) {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some(Pid::from_raw(pid))),
        Err(_) => Err(Errno::EOVERFLOW),
    }
}

fn become_init(
    start: &StartCommand,
    sandbox: &Sandbox,
    streams: &[OwnedFd],
    pipes: &Pipes,
    outside: Option<Outside>,
) -> ! {
    let voice = match program::settle(streams, start.stdio, pipes) {
        Ok(voice) => voice,
        Err((voice, failure)) => voice.fail(failure),
    };
    match build(start, sandbox, outside) {
        Ok(()) if sandbox.shares_processes => voice.become_program(start),
        Ok(()) => voice.run(start),
        Err(failure) => voice.fail(failure),
    }
}

/// Makes what the container sees.
fn build(start: &StartCommand, sandbox: &Sandbox, outside: Option<Outside>) -> Result<(), Failure> {
    if let Some(outside) = outside {
        identity::map(outside, sandbox)?;
    }
    identity::name(sandbox)?;
    if sandbox.own_network {
        identity::raise_loopback()?;
    }
    mounts::build(sandbox, &start.cwd, outside.is_some())?;
    // Before the ids change: the directory may lie where only the server's own user may look.
    std::env::set_current_dir(&start.cwd).map_err(Failure::at(Stage::Directory))?;
    Rights::of(sandbox).take_on(outside.is_some())?;
    // After the last change of ids, which clears it.
    identity::end_with_the_supervisor();
    Ok(())
}
