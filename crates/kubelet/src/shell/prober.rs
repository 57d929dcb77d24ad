//! Asks a container's probes: commands in it, and requests to it (upstream's `pkg/kubelet/prober/prober.go`, `pkg/probe`).
//!
//! Decides nothing: what the answers mean is `plan::probes`. Time is the cluster's clock.

pub(super) mod grpc;
pub(super) mod http;

use std::collections::BTreeMap;

use api::k8s::api::core::v1::{Container, Probe};
use api::k8s::apimachinery::pkg::util::intstr::IntOrString;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpStream;

use super::entry::PodEntry;
use super::perform::container_id;
use super::{Shared, lifecycle, prepare};
use crate::environment;
use crate::plan::{Answer, ProbeKind, Probed};

/// What probes and hooks call themselves: `kube-probe/1.36`.
const VERSION: &str = "1.36";

/// Asks one probe of a run.
pub(super) async fn probe(shared: &Shared, entry: &PodEntry, index: usize, run: u32, kind: ProbeKind) -> Probed {
    if !shared.runtime.runs_programs() {
        let probed = shared.runtime.probe(&container_id(entry, index, run), kind);
        return probed.unwrap_or_else(|| Probed::new(Answer::Error("container is not running".to_owned())));
    }
    let container = prepare::spec_of(entry, index);
    let probe = container.and_then(|container| match kind {
        ProbeKind::Startup => container.startup_probe.as_ref(),
        ProbeKind::Liveness => container.liveness_probe.as_ref(),
        ProbeKind::Readiness => container.readiness_probe.as_ref(),
    });
    let (Some(container), Some(probe)) = (container, probe) else {
        return Probed::new(Answer::Error("no such probe".to_owned()));
    };
    let seconds = i64::from(probe.timeout_seconds.filter(|seconds| *seconds > 0).unwrap_or(1));
    let until = shared.clock.now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    let answer = tokio::select! {
        biased;
        answer = ask(shared, entry, container, index, probe) => answer.unwrap_or_else(Answer::Error),
        () = shared.clock.sleep_until(until) => Answer::Failure(too_long(shared, entry, container, probe, seconds)),
    };
    Probed::new(answer)
}

/// The answer, or why the question cannot be put.
async fn ask(
    shared: &Shared,
    entry: &PodEntry,
    container: &Container,
    index: usize,
    probe: &Probe,
) -> Result<Answer, String> {
    let failure = |result: Result<(), String>| match result {
        Ok(()) => Answer::Success,
        Err(text) => Answer::Failure(text),
    };
    if let Some(exec) = &probe.exec {
        let command = command(exec.command.as_deref().unwrap_or_default(), container);
        let (code, output) = lifecycle::run_command(shared, entry, index, command).await?;
        return Ok(failure(if code == 0 { Ok(()) } else { Err(output) }));
    }
    let address = address(shared, entry);
    if let Some(get) = &probe.http_get {
        let target = http::Target::of(get, container, &address, "probe")?;
        return Ok(http::probe(target).await);
    }
    if let Some(socket) = &probe.tcp_socket {
        let port = port(&socket.port, container)?;
        let host = socket.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(&address);
        return Ok(failure(dial(host, port).await.map(drop)));
    }
    if let Some(grpc) = &probe.grpc {
        let port = u16::try_from(grpc.port).map_err(|_| format!("invalid port number: {}", grpc.port))?;
        return Ok(failure(grpc::check(&address, port, grpc.service.as_deref().unwrap_or_default()).await));
    }
    Err(format!("missing probe handler for {}:{}", entry.facts.long_name(), container.name))
}

/// What upstream says of a probe that has no answer in time.
fn too_long(shared: &Shared, entry: &PodEntry, container: &Container, probe: &Probe, seconds: i64) -> String {
    let address = address(shared, entry);
    let limit = duration(seconds);
    if let Some(exec) = &probe.exec {
        let command = command(exec.command.as_deref().unwrap_or_default(), container).join(" ");
        return format!("command timed out: {command:?} timed out after {limit}");
    }
    if let Some(target) =
        probe.http_get.as_ref().and_then(|get| http::Target::of(get, container, &address, "probe").ok())
    {
        let url = target.url();
        return format!("Get {url:?}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)");
    }
    if let Some(socket) = &probe.tcp_socket {
        let host = socket.host.as_deref().filter(|host| !host.is_empty()).unwrap_or(&address);
        let port = port(&socket.port, container).unwrap_or_default();
        return format!("dial tcp {}: i/o timeout", authority(host, port));
    }
    let port = probe.grpc.as_ref().and_then(|grpc| u16::try_from(grpc.port).ok()).unwrap_or_default();
    let service = authority(&address, port);
    format!("timeout: failed to connect service {service:?} within {limit}: context deadline exceeded")
}

/// Where a pod is reached.
pub(super) fn address(shared: &Shared, entry: &PodEntry) -> String {
    entry.facts.ip(&shared.node).to_owned()
}

/// A command with references to variables that the spec gives a value (`ExpandContainerCommandOnlyStatic`).
fn command(words: &[String], container: &Container) -> Vec<String> {
    let variables = container.env.iter().flatten();
    let given = variables.filter_map(|variable| Some((variable.name.clone(), variable.value.clone()?)));
    environment::expand_words(words, &given.collect::<BTreeMap<_, _>>())
}

/// A port by its number or its name.
pub(super) fn port(port: &IntOrString, container: &Container) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let mut ports = container.ports.iter().flatten();
            let named = ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port);
            let unknown = || format!("couldn't find named port {name:?} in container {:?}", container.name);
            named.or_else(|| name.parse().ok()).ok_or_else(unknown)?
        }
    };
    u16::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| format!("invalid port number: {number}"))
}

/// `HOST:PORT`, with brackets around an IPv6 address.
pub(super) fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Connects, with Go's words for what goes wrong.
pub(super) async fn dial(host: &str, port: u16) -> Result<TcpStream, String> {
    let at = authority(host, port);
    match TcpStream::connect((host, port)).await {
        Ok(stream) => Ok(stream),
        Err(error) if error.raw_os_error().is_none() => Err(format!("dial tcp: lookup {host}: no such host")),
        Err(error) => Err(format!("dial tcp {at}: connect: {}", words_of(&error))),
    }
}

/// What the system said, as Go says it.
pub(super) fn words_of(error: &std::io::Error) -> String {
    let errno = error.raw_os_error().map(nix::errno::Errno::from_raw);
    errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_lowercase())
}

/// Whole seconds as Go prints a duration: `5s`, `1m30s`.
fn duration(seconds: i64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}
