//! What becomes of processes: the supervisor's reports, the end of each container with the last of its output, and the end
//! of the supervisor itself.

use std::io;
use std::sync::Arc;

use tokio::sync::oneshot;
use tracing::warn;

use super::output::Output;
use super::shared::{Live, Outbox, Shared, not_running, supervisor_is_gone};
use super::strays;
use crate::runtime::sandbox::Stage;
use crate::runtime::{ContainerId, ExitStatus, Exited, StartError, Started, wire};

/// ESRCH.
const NO_SUCH_PROCESS: i32 = nix::errno::Errno::ESRCH as i32;

impl Shared {
    /// Owns one container's output and reports its end once: after the processes are gone and the log is complete.
    pub(super) async fn follow(
        self: Arc<Self>,
        id: ContainerId,
        mut output: Output,
        mut end: oneshot::Receiver<(ExitStatus, jiff::Timestamp)>,
    ) {
        let mut ended = None;
        tokio::select! {
            () = output.copy(&*self.clock) => {}
            result = &mut end => ended = Some(result),
        }
        let result = match ended {
            None => (&mut end).await,
            Some(result) => {
                output.drain(&*self.clock).await;
                result
            }
        };
        output.finish(self.clock.now());
        // No sender is left when the start failed: then there is no end to report.
        let Ok((status, finished_at)) = result else { return };
        self.containers.remove(&id);
        self.ended.notify_one();
        let _ = self.exits.send(Exited { id, status, finished_at }).await;
    }

    /// Takes one report of the supervisor in.
    pub(super) fn take(&self, report: wire::Report) {
        match report {
            wire::Report::Started { token, pid } => {
                if let Some(started) = self.live.lock().get_mut(&token).and_then(|live| live.started.take()) {
                    self.starts.add_permits(1);
                    let _ = started.send(Ok(Started { pid, started_at: self.clock.now() }));
                }
            }
            wire::Report::StartFailed { token, stage, errno } => {
                let Some(live) = self.live.lock().remove(&token) else { return };
                self.starts.add_permits(1);
                self.forget(&live);
                let error = match errno {
                    // Said of a container that ended before the process beside it started.
                    NO_SUCH_PROCESS if !live.is_main => not_running(),
                    errno if stage == Stage::Exec => StartError::Exec(exec_error(&live.program, errno)),
                    errno => StartError::Sandbox(stage, io::Error::from_raw_os_error(errno).to_string()),
                };
                live.started.map(|started| started.send(Err(error)));
            }
            wire::Report::Exited { token, code, signal, out_of_memory } => {
                let Some(live) = self.live.lock().remove(&token) else { return };
                let status = match signal {
                    _ if out_of_memory => ExitStatus::OutOfMemory,
                    0 => ExitStatus::Code(code),
                    signal => ExitStatus::Signal(signal),
                };
                let _ = live.exited.send((status, self.clock.now()));
            }
        }
    }

    /// Forgets a container that did not start.
    fn forget(&self, live: &Live) {
        if live.is_main {
            self.containers.remove(&live.container);
        }
    }

    /// The supervisor is gone: nothing runs any more, or is killed now.
    pub(super) fn supervisor_ended(&self) {
        let live: Vec<Live> = {
            let mut outbox = self.outbox.lock();
            *outbox = Outbox::default();
            self.live.lock().drain().map(|(_, live)| live).collect()
        };
        if self.is_closed() {
            self.starts.close();
        } else {
            warn!(containers = live.len(), "the pod supervisor died; its containers are killed and it is replaced");
            strays::kill(&live.iter().map(|live| &*live.container.0).collect());
        }
        let now = self.clock.now();
        for container in live {
            match container.started {
                Some(started) => {
                    self.starts.add_permits(1);
                    if container.is_main {
                        self.containers.remove(&container.container);
                    }
                    drop(started.send(Err(supervisor_is_gone())));
                }
                None => drop(container.exited.send((ExitStatus::Signal(9), now))),
            }
        }
    }
}

/// The text that upstream's runtimes give for a program that does not start.
fn exec_error(program: &str, errno: i32) -> String {
    let error = io::Error::from_raw_os_error(errno);
    match error.kind() {
        io::ErrorKind::NotFound => format!("exec: \"{program}\": stat {program}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("exec: \"{program}\": permission denied"),
        _ => {
            let text = nix::errno::Errno::from_raw(errno).desc().to_lowercase();
            format!("exec {program}: {text}")
        }
    }
}
