//! Starting processes: containers, processes beside them, and the sandboxes that are made to see whether one can be.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::output::Output;
use super::shared::{Container, Fate, Live, Shared, not_running, supervisor_is_gone};
use super::stdio::{self, Far};
use super::taps::Taps;
use super::{CONTAINER_VARIABLE, beside};
use crate::plan::SIGKILL;
use crate::runtime::sandbox::{Mount, Sandbox};
use crate::runtime::{ContainerId, ContainerSpec, ExecSpec, Session, StartError, Started, Stdin, session, wire};

/// Names the sandbox that is made to see whether one can be made.
const PROBE: &str = "sandbox-probe";
const PROBE_TARGET: &str = "/sandbox-probe";
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What to run.
struct Process<'a> {
    program: &'a Path,
    argv: &'a [String],
    env: &'a [(String, String)],
    cwd: &'a Path,
    sandbox: Option<&'a Sandbox>,
    memory_limit: Option<u64>,
}

impl Shared {
    /// Queues the start of a container.
    pub(super) fn queue_container(
        self: &Arc<Self>,
        spec: ContainerSpec,
    ) -> Result<oneshot::Receiver<Result<Started, StartError>>, StartError> {
        let (near, far) = open_streams(spec.stdin != Stdin::None, spec.tty)?;
        let taps = Arc::new(Taps::new(near.stdin, spec.stdin, near.terminal));
        let output = Output::new(near.stdout, near.stderr, self.logs.writer(spec.log_path), Arc::clone(&taps));
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        self.containers.insert(spec.id.clone(), Container { token, taps });
        let (argv, sandbox, memory_limit) = (&spec.argv, spec.sandbox.as_ref(), spec.memory_limit);
        let process = Process { program: &spec.program, argv, env: &spec.env, cwd: &spec.cwd, sandbox, memory_limit };
        let fate = self.queue(token, None, &spec.id, &process, far);
        tokio::spawn(Arc::clone(self).follow(spec.id, output, fate.ended));
        Ok(fate.started)
    }

    /// Queues the start of a process.
    fn queue(&self, token: u64, within: Option<u64>, container: &ContainerId, process: &Process<'_>, far: Far) -> Fate {
        let (answer, started) = oneshot::channel();
        let (exited, ended) = oneshot::channel();
        let program = process.argv.first().cloned().unwrap_or_default();
        let live =
            Live { container: container.clone(), is_main: within.is_none(), program, started: Some(answer), exited };
        let mark = (CONTAINER_VARIABLE, &*container.0);
        let env: Vec<(&str, &str)> =
            process.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([mark]).collect();
        let Process { program, cwd, argv, sandbox, memory_limit, .. } = *process;
        let start =
            wire::Start { token, within, stdio: far.stdio, memory_limit, program, cwd, argv, env: &env, sandbox };
        {
            // Known before the command leaves, so that no answer finds a stranger; under one lock with the command, so
            // that a start which is given up with a dead supervisor never reaches the next one.
            let mut outbox = self.outbox.lock();
            self.live.lock().insert(token, live);
            wire::encode_start(&mut outbox.bytes, &start);
            outbox.descriptors.extend(far.descriptors);
        }
        self.outbox_filled.notify_one();
        Fate { started, ended }
    }

    /// Makes one sandbox, with a mount where the host has nothing, to see whether that works.
    pub(super) async fn probe_sandboxes(&self) -> bool {
        let mount = Mount { target: PROBE_TARGET.into(), source: "/".into(), ..Mount::default() };
        let sandbox = Sandbox { hostname: "probe".to_owned(), mounts: vec![mount], ..Sandbox::default() };
        self.probe(&sandbox).await.is_ok()
    }

    /// Starts a program that ends at once in a sandbox.
    pub(super) async fn probe(&self, sandbox: &Sandbox) -> Result<(), StartError> {
        let (token, id) = (self.next_token.fetch_add(1, Ordering::Relaxed), ContainerId(PROBE.into()));
        let (argv, env) = (["true".to_owned()], [("PATH".to_owned(), DEFAULT_PATH.to_owned())]);
        let (program, cwd, sandbox) = (Path::new("true"), Path::new("/"), Some(sandbox));
        let process = Process { program, argv: &argv, env: &env, cwd, sandbox, memory_limit: None };
        let (_near, far) = open_streams(false, false)?;
        let permit = self.starts.acquire().await.map_err(|_| supervisor_is_gone())?;
        let fate = self.queue(token, None, &id, &process, far);
        permit.forget();
        fate.started.await.unwrap_or_else(|_| Err(supervisor_is_gone()))?;
        // Nobody is told of its end, which comes by itself.
        let _ = fate.ended.await;
        Ok(())
    }

    /// Queues the start of a process beside a container's main one, whose token this is.
    pub(super) async fn exec(self: &Arc<Self>, spec: ExecSpec) -> Result<Session, StartError> {
        let permit = self.starts.acquire().await.map_err(|_| supervisor_is_gone())?;
        let within = self.containers.get(&spec.container).map(|container| container.token).ok_or_else(not_running)?;
        let (near, far) = open_streams(spec.streams.stdin, spec.streams.tty)?;
        let token = self.next_token.fetch_add(1, Ordering::Relaxed);
        let (argv, sandbox, memory_limit) = (&spec.argv, None, None);
        let process = Process { program: &spec.program, argv, env: &spec.env, cwd: &spec.cwd, sandbox, memory_limit };
        let fate = self.queue(token, Some(within), &spec.container, &process, far);
        permit.forget();
        fate.started.await.unwrap_or_else(|_| Err(supervisor_is_gone()))?;
        let (session, peer) = session::pair(spec.streams.stdin);
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            beside::run(near, peer, spec.streams, fate.ended).await;
            if spec.ends_with_client {
                // Of no effect when it has ended: tokens are not used twice.
                shared.signal(token, SIGKILL);
            }
        });
        Ok(session)
    }
}

fn open_streams(stdin: bool, tty: bool) -> Result<(stdio::Near, Far), StartError> {
    stdio::open(stdin, tty).map_err(|error| StartError::Runtime(format!("make pipes: {error}")))
}
