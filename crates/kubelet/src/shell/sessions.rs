//! Exec, attach and port-forward: what a client wants, checked against what runs, and handed to the runtime.
//!
//! The refusals are those of upstream's `pkg/kubelet/server` and `kubelet_pods.go`; the texts of failures are those of
//! its streaming server and of runc.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use api::session::{Refused, SessionOptions};
use tokio::net::TcpStream;

use super::known::Known;
use super::{Kubelet, Shared, prepare};
use crate::image::find_program;
use crate::plan::State;
use crate::runtime::{ContainerId, ExecSpec, Session};
use crate::sandbox;

/// How long a local connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a further process in a container needs to know of it.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// The run that it belongs to.
    pub(super) id: ContainerId,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: PathBuf,
    /// Whether it sees something else than the host's files, among which programs are then not looked for.
    pub(super) sandboxed: bool,
    /// The signal that asks it to end, if its image names one.
    pub(super) stop_signal: Option<i32>,
}

impl Kubelet {
    /// Runs a command in a container, which `options` must name, beside its main process.
    ///
    /// # Errors
    /// When there is no such pod, or no such container that runs. A command that does not start is a session that has
    /// failed.
    pub async fn exec(&self, namespace: &str, name: &str, options: SessionOptions) -> Result<Session, Refused> {
        let known = find(&self.shared, namespace, name)?;
        let container = options.container.as_deref().unwrap_or_default();
        let not_found = || Refused { code: 500, text: format!("container not found ({container:?})") };
        let surroundings = surroundings(&known, container).ok_or_else(not_found)?;
        Ok(match start(&self.shared, surroundings, options, false).await {
            Ok(session) => session,
            Err(text) => Session::failed(format!(
                "error executing command in container: failed to exec in container: \
                 exec failed: unable to start container process: {text}"
            )),
        })
    }

    /// Joins the streams of a container, which `options` must name, from now on.
    ///
    /// # Errors
    /// When there is no such pod, or no such container that runs.
    pub fn attach(&self, namespace: &str, name: &str, options: &SessionOptions) -> Result<Session, Refused> {
        let known = find(&self.shared, namespace, name)?;
        let container = options.container.as_deref().unwrap_or_default();
        let session = surroundings(&known, container)
            .and_then(|surroundings| self.shared.runtime.attach(&surroundings.id, options.streams));
        let text = || format!("container {container} not found in pod {name}_{namespace}");
        session.ok_or_else(|| Refused { code: 500, text: text() })
    }

    /// Checks that a pod runs here; answers with where its ports are.
    ///
    /// # Errors
    /// When there is no such pod, or nothing of it runs.
    pub fn port_forward(&self, namespace: &str, name: &str) -> Result<ForwardTarget, Refused> {
        let known = find(&self.shared, namespace, name)?;
        if !self.shared.runtime.runs_programs() {
            // Else the ports of this host would answer for it.
            return Err(Refused { code: 500, text: "scripted pods have no ports".to_owned() });
        }
        match known {
            Known::Live(entry) if sandbox::is_isolated(&entry.pod) == Ok(true) => {
                // Else whoever has the port on this host would answer for it.
                let text = format!("pod {name}_{namespace} is isolated from the network");
                Err(Refused { code: 500, text })
            }
            Known::Live(entry) if !entry.surroundings.lock().is_empty() => {
                let ip = entry.facts.ip.as_deref().and_then(|ip| ip.parse().ok());
                Ok(ForwardTarget { pod: entry.uid.to_string(), ip })
            }
            _ => Err(Refused { code: 500, text: format!("pod not found (\"{name}_{namespace}\")") }),
        }
    }
}

/// Where the ports of a pod are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardTarget {
    /// What names the pod in errors.
    pub pod: String,
    /// Its own address, if it has one.
    pub ip: Option<IpAddr>,
}

/// Connects to a port of a pod: at the pod's own address, or else at `localhost`, as upstream does within a pod.
///
/// Differs: pods share the host's network here. Whoever listens at all addresses answers for every pod that does not, and
/// `localhost` is the host's.
///
/// # Errors
/// The text of containerd when nobody listens there.
pub async fn connect(target: &ForwardTarget, port: u16) -> Result<TcpStream, String> {
    if let Some(ip) = target.ip
        && let Ok(connection) = dial(SocketAddr::new(ip, port)).await
    {
        return Ok(connection);
    }
    let mut errors = Vec::new();
    for (network, host) in [("tcp4", IpAddr::V4(Ipv4Addr::LOCALHOST)), ("tcp6", IpAddr::V6(Ipv6Addr::LOCALHOST))] {
        let address = SocketAddr::new(host, port);
        match dial(address).await {
            Ok(connection) => return Ok(connection),
            Err(why) => errors.push(format!("dial {network} {address}: connect: {why}")),
        }
    }
    let (pod, text) = (&target.pod, errors.join(" IPv6 "));
    Err(format!("failed to connect to localhost:{port} inside namespace {pod:?}, IPv4: {text} "))
}

async fn dial(address: SocketAddr) -> Result<TcpStream, String> {
    match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(connection)) => {
            // Interactive protocols go through here: a key must not wait for company.
            let _ = connection.set_nodelay(true);
            Ok(connection)
        }
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Err("connection refused".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("i/o timeout".to_owned()),
    }
}

fn find(shared: &Shared, namespace: &str, name: &str) -> Result<Known, Refused> {
    let known = shared.pods.named(namespace, name).map(|(_, known)| known);
    known.ok_or_else(|| Refused { code: 404, text: "pod does not exist".to_owned() })
}

/// Those of a container that runs.
fn surroundings(known: &Known, container: &str) -> Option<Surroundings> {
    let Known::Live(entry) = known else { return None };
    let index = entry.facts.containers.iter().position(|known| known.name == container)?;
    let runs = matches!(entry.memory.lock().containers[index].state, State::Running { .. });
    if runs { entry.surroundings.lock().get(&index).cloned() } else { None }
}

/// Runs a process in a container that runs; the text says why not.
pub(super) async fn start(
    shared: &Shared,
    surroundings: Surroundings,
    options: SessionOptions,
    ends_with_client: bool,
) -> Result<Session, String> {
    let Surroundings { id, mut env, cwd, sandboxed, .. } = surroundings;
    let name = options.command.first().ok_or("process args cannot be empty")?;
    if !shared.runtime.runs_programs() {
        return Err("scripted pods run no programs".to_owned());
    }
    let path = env.iter().find(|(name, _)| name == "PATH").map_or(prepare::DEFAULT_PATH, |(_, path)| path);
    let program = if sandboxed { PathBuf::from(name) } else { find_program(name, path, &cwd)? };
    if options.streams.tty && !env.iter().any(|(name, _)| name == "TERM") {
        env.push(prepare::terminal_variable());
    }
    let spec = ExecSpec {
        container: id,
        program,
        argv: options.command,
        env,
        cwd,
        streams: options.streams,
        ends_with_client,
    };
    shared.runtime.exec(spec).await.map_err(|error| error.to_string())
}
