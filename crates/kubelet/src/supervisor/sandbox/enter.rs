//! A program beside a container's main one, in the same sandbox.
//!
//! Entering a PID namespace binds a process's children only, so a process stays outside that starts the program and
//! waits for it. It ends with the program, and with the container: the kernel kills the program then. Where the sandbox
//! lives among the host's processes, it becomes the program itself.
#![expect(unsafe_code, reason = "fork has no safe interface")]

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::unistd::{ForkResult, Pid, fork};
use rustix::thread::{ThreadNameSpaceType as Kind, move_into_thread_name_spaces};

use super::{Failure, Pipes, Sandboxed, identity, program};
use crate::runtime::sandbox::Stage;
use crate::runtime::wire::StartCommand;

/// Forks the process that waits outside.
pub(super) fn start(
    start: &StartCommand,
    init: BorrowedFd<'_>,
    sandboxed: &Sandboxed,
    streams: &[OwnedFd],
    pipes: &Pipes,
) -> Result<Pid, Failure> {
    // SAFETY: this process has one thread.
    match unsafe { fork() }.map_err(Failure::at(Stage::Exec))? {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            // First, while the descriptor is still there.
            let joined = join(init, sandboxed, start);
            match (program::settle(streams, start.stdio, pipes), joined) {
                (Ok(voice), Ok(())) if sandboxed.shares_processes => voice.become_program(start),
                (Ok(voice), Ok(())) => voice.run(start),
                (Ok(voice), Err(failure)) | (Err((voice, failure)), _) => voice.fail(failure),
            }
        }
    }
}

fn join(init: BorrowedFd<'_>, sandboxed: &Sandboxed, start: &StartCommand) -> Result<(), Failure> {
    let mut inside = Kind::MOUNT | Kind::HOST_NAME_AND_NIS_DOMAIN_NAME;
    if !sandboxed.shares_processes {
        inside |= Kind::PROCESS_ID;
    }
    // User ids and network may be the host's. Joining a user namespace that one is in is refused, and so is the host's
    // network to who has left its users: so what belongs to the sandbox is found by trying, most first.
    let ways = [inside | Kind::USER | Kind::NETWORK, inside | Kind::USER, inside | Kind::NETWORK, inside];
    let mut joined = Err(rustix::io::Errno::INVAL);
    for way in ways {
        joined = joined.or_else(|_| move_into_thread_name_spaces(init, way).map(|()| way));
    }
    let way = joined.map_err(Failure::at(Stage::Namespaces))?;
    std::env::set_current_dir(&start.cwd).map_err(Failure::at(Stage::Directory))?;
    sandboxed.rights.take_on(way.contains(Kind::USER))?;
    // After the ids may have changed, which clears it.
    identity::end_with_the_supervisor();
    Ok(())
}
