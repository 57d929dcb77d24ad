//! The process that owns all pod processes: it spawns, reaps and kills them, and decides nothing.
//!
//! The server never spawns pods itself: its many threads and large memory would make that slow, and children of a
//! server killed with `kill -9` would live on. This small single-threaded child of the server spawns them instead. It
//! is their sub-reaper, so whatever a container leaves behind, however often it forked or called `setsid`, becomes this
//! process's child and is found here. Its standard input is the server's command socket: when that ends, for whatever
//! reason, everything below is killed and the supervisor exits.
//!
//! Invariant: no process outlives its container's reported end, nor the server.

mod children;
mod containers;
mod ends;
mod inherited;
mod link;
mod memory;
mod programs;
mod sandbox;
mod signals;
mod spawn;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::setsid;

use crate::runtime::sandbox::Stage;
use crate::runtime::wire::{Command, Report, StartCommand};
use containers::Containers;
use link::Link;
use sandbox::{Failure, Spawned};
use signals::ChildSignal;

/// How often left-overs of an ended container are looked at again, beyond the signals that announce their death.
const SWEEP_INTERVAL: Duration = Duration::from_millis(5);

/// Reports are sent together while commands wait, up to about this many bytes: each send wakes the server.
const REPORT_BATCH_BYTES: usize = 160;

/// Runs as supervisor until standard input ends, then kills every descendant and returns.
///
/// The server starts this as a child of its own with sockets as standard input (commands) and output (reports).
/// Signals meant for the server's terminal do not reach it: it leads a session of its own and passes over the rest.
pub fn main() -> ExitCode {
    inherited::close_descriptors();
    // A session leader already (started by hand) is fine; what matters is not to be in the terminal's group.
    let _ = setsid();
    if let Err(error) = prctl::set_child_subreaper(true) {
        return fail("become sub-reaper", error);
    }
    let signal = match ChildSignal::install() {
        Ok(signal) => signal,
        Err(error) => return fail("install signal handlers", error),
    };
    // A panic must not leave processes behind, so whatever ends the loop ends the descendants.
    let served = catch_unwind(AssertUnwindSafe(|| serve(signal)));
    children::kill_all_descendants();
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => fail("serve", error),
        Err(_) => ExitCode::FAILURE,
    }
}

#[expect(clippy::print_stderr, reason = "the supervisor has no other voice")]
fn fail(what: &str, error: Errno) -> ExitCode {
    eprintln!("pod supervisor: {what}: {error}");
    ExitCode::FAILURE
}

/// The loop: take what the server sends, reap what died, report.
fn serve(signal: ChildSignal) -> Result<(), Errno> {
    let mut link = Link::new();
    let mut containers = Containers::default();
    loop {
        let commands_wait = link.has_command();
        let timeout = if commands_wait {
            Some(Duration::ZERO)
        } else if containers.is_ending() {
            Some(SWEEP_INTERVAL)
        } else {
            containers.next_look()
        };
        // With commands at hand the sockets can wait; deaths are then noticed by the flag alone.
        if !commands_wait && link.wait(&signal, timeout)?.is_closed() {
            return Ok(());
        }
        if let Some(command) = link.next_command() {
            handle(command, &mut link, &mut containers);
        }
        containers.hold_to_limits();
        if signal.take() || containers.is_ending() {
            containers.reap(|report| link.report(report));
        }
        if !link.has_command() || link.reports_len() > REPORT_BATCH_BYTES {
            link.flush()?;
        }
    }
}

fn handle(command: Command, link: &mut Link, containers: &mut Containers) {
    match command {
        Command::Kill { token, signal } => containers.kill(token, signal),
        Command::Start(start) => {
            let (token, within, limit) = (start.token, start.within, start.memory_limit);
            let report = match begin(start, link, containers) {
                Ok(spawned) => {
                    let pid = spawned.pid.as_raw().cast_unsigned();
                    containers.add(token, spawned, within);
                    containers.limit(token, limit);
                    Report::Started { token, pid }
                }
                Err(Failure { stage, errno }) => Report::StartFailed { token, stage, errno: errno as i32 },
            };
            link.report(report);
        }
    }
}

/// Spawns what a command says, unless the container that it would run in has ended.
fn begin(start: StartCommand, link: &mut Link, containers: &Containers) -> Result<Spawned, Failure> {
    let failed = |errno| Failure { stage: Stage::Exec, errno };
    let streams = link.take_descriptors(start.stdio.descriptors()).ok_or(failed(Errno::EBADF))?;
    // What outlives a process that ran beside the main one is the container's.
    children::tag_next_spawn(start.within.unwrap_or(start.token));
    let Some(container) = start.within else {
        return match &start.sandbox {
            Some(sandbox) => sandbox::spawn(&start, sandbox, &streams),
            None => spawn::spawn(&start, &streams).map(Spawned::plain).map_err(failed),
        };
    };
    if !containers.is_running(container) {
        return Err(failed(Errno::ESRCH));
    }
    match containers.sandbox_of(container) {
        Some((first, sandboxed)) => sandbox::spawn_within(&start, first, sandboxed, &streams),
        None => spawn::spawn(&start, &streams).map(Spawned::plain).map_err(failed),
    }
}
