//! This host as a Node object.

use std::fs;
use std::sync::{Arc, OnceLock};

use api::PatchType;
use api::resource::NODES;
use api::time::rfc3339;
use clock::Pull;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::debug;

use super::entry::PodEntry;
use super::{Shared, heartbeat, prepare};
use crate::environment::Host;

/// The Kubernetes release whose behaviour this node has.
const KUBELET_VERSION: &str = "v1.36.0";
const REGISTER_RETRY: SignedDuration = SignedDuration::from_secs(1);
/// CPUs and memory of a node whose pods are acted out: the same on every machine, so that simulations are.
const ACTED_RESOURCES: (u64, u64) = (64, 256 << 30);

/// CPUs and memory, looked up once: containers start often.
fn resources() -> (u64, u64) {
    static RESOURCES: OnceLock<(u64, u64)> = OnceLock::new();
    *RESOURCES.get_or_init(|| {
        let cpus = std::thread::available_parallelism().map_or(1, |count| count.get() as u64);
        (cpus, memory_bytes().unwrap_or(1 << 30))
    })
}

fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

pub(super) fn host(shared: &Shared, pod: &PodEntry) -> Host {
    let (cpus, memory_bytes) = resources();
    prepare::host_of(&shared.config.host_ip, pod.facts.ip(&shared.node), cpus, memory_bytes)
}

/// Creates the Node, or brings the status of an existing one up to date; tries until the API takes it.
pub(super) async fn register(shared: Arc<Shared>) {
    loop {
        match try_register(&shared).await {
            Ok(()) => return,
            Err(error) => debug!(%error, "node not registered yet"),
        }
        let retry_at = shared.clock.now().saturating_add(REGISTER_RETRY).unwrap_or(Timestamp::MAX);
        shared.clock.wait_until(retry_at, Pull::No).await;
    }
}

async fn try_register(shared: &Shared) -> Result<(), client::Error> {
    let name = &shared.config.node_name;
    let status = status(shared);
    let node = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {},
        "status": status,
    });
    match shared.client.create(&NODES, None, node).await {
        Ok(_) => {}
        Err(error) if error.is_already_exists() => {}
        Err(error) => return Err(error),
    }
    // A server may drop the status of a create, as it does for most kinds.
    let patch = (PatchType::Merge, json!({"status": status}));
    shared.client.patch(&NODES, None, name, Some("status"), patch).await.map(drop)
}

fn labels(name: &str) -> Value {
    let (os, arch) = (os(), arch());
    json!({
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": os,
        "kubernetes.io/arch": arch,
        "beta.kubernetes.io/os": os,
        "beta.kubernetes.io/arch": arch,
    })
}

/// Operating system as Go names it.
fn os() -> &'static str {
    std::env::consts::OS
}

/// Architecture as Go names it.
fn arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

fn status(shared: &Shared) -> Value {
    let (cpus, memory_bytes) = if shared.runtime.runs_programs() { resources() } else { ACTED_RESOURCES };
    let now = rfc3339(shared.clock.now());
    let capacity = json!({
        "cpu": cpus.to_string(),
        "memory": format!("{}Ki", memory_bytes / 1024),
        "pods": shared.config.pods_max.to_string(),
    });
    let condition = |condition_type: &str, holds: bool, reason: &str, message: &str| {
        json!({
            "type": condition_type,
            "status": if holds { "True" } else { "False" },
            "reason": reason,
            "message": message,
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        })
    };
    json!({
        "capacity": capacity,
        "allocatable": capacity,
        "addresses": [
            {"type": "InternalIP", "address": shared.config.host_ip},
            {"type": "Hostname", "address": shared.config.node_name},
        ],
        "conditions": [
            heartbeat::memory_pressure(shared.runtime.runs_programs() && heartbeat::is_scarce(), shared.clock.now()),
            condition("Ready", true, "KubeletReady", "kubelet is posting ready status"),
            isolation(shared, condition),
        ],
        "nodeInfo": node_info(shared),
    })
}

fn isolation(shared: &Shared, condition: impl Fn(&str, bool, &str, &str) -> Value) -> Value {
    if shared.runtime.runs_programs() {
        let text = "pods run as local processes of the user who started the server, without a sandbox";
        return condition("PodsIsolated", false, "LocalProcesses", text);
    }
    condition("PodsIsolated", true, "Scripted", "pods are acted out and run no program")
}

fn node_info(shared: &Shared) -> Value {
    let (runtime, acted) = (shared.runtime.name(), !shared.runtime.runs_programs());
    let read = |path: &str| match acted {
        true => String::new(),
        false => fs::read_to_string(path).unwrap_or_default().trim().to_owned(),
    };
    let os_release = read("/etc/os-release");
    let pretty = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or_default();
    json!({
        "machineID": read("/etc/machine-id"),
        "systemUUID": "",
        "bootID": read("/proc/sys/kernel/random/boot_id"),
        "kernelVersion": read("/proc/sys/kernel/osrelease"),
        "osImage": pretty.trim_matches('"'),
        "operatingSystem": os(),
        "architecture": arch(),
        "containerRuntimeVersion": format!("{runtime}://{}", env!("CARGO_PKG_VERSION")),
        "kubeletVersion": KUBELET_VERSION,
        "kubeProxyVersion": "",
    })
}
