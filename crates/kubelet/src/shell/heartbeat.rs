//! The node's heartbeat: a Lease in `kube-node-lease` that it renews, and whether it is short of memory
//! (upstream's `component-helpers/apimachinery/lease` and `pkg/kubelet/nodestatus`).
//!
//! Differs: nobody takes a node whose lease is over for lost, since node and server are one process; and a node that is short
//! of memory says so and evicts no pod: the machine is the user's, who knows best what of it to end.

use std::fs;
use std::sync::Arc;

use api::PatchType;
use api::resource::NODES;
use api::time::{rfc3339, rfc3339_micro};
use api::{Gvr, Uid};
use clock::Pull;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tracing::debug;

use super::Shared;

/// `nodeLeaseDurationSeconds`, and a quarter of it.
const LEASE_SECONDS: i64 = 40;
const RENEW_INTERVAL: SignedDuration = SignedDuration::from_secs(10);
const NAMESPACE: &str = "kube-node-lease";
/// Upstream's hard eviction threshold `memory.available<100Mi`.
const SCARCE_BYTES: u64 = 100 << 20;

/// Renews the lease for as long as the node is there. Failures are tried again at the next beat.
pub(super) async fn run(shared: Arc<Shared>) {
    let leases = Gvr::new("coordination.k8s.io", "v1", "leases");
    let mut was_scarce = false;
    loop {
        if let Err(error) = renew(&shared, &leases).await {
            debug!(%error, "lease not renewed");
        }
        let scarce = is_scarce();
        if scarce != was_scarce {
            match tell_memory(&shared, scarce).await {
                Ok(()) => was_scarce = scarce,
                Err(error) => debug!(%error, "condition not written"),
            }
        }
        let next = shared.clock.now().saturating_add(RENEW_INTERVAL).unwrap_or(Timestamp::MAX);
        shared.clock.wait_until(next, Pull::No).await;
    }
}

async fn renew(shared: &Shared, leases: &Gvr) -> Result<(), client::Error> {
    let name = &shared.config.node_name;
    let spec = json!({
        "holderIdentity": name,
        "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": rfc3339_micro(shared.clock.now()),
    });
    let patch = (PatchType::Merge, json!({"spec": spec}));
    match shared.client.patch(leases, Some(NAMESPACE), name, None, patch).await {
        Err(error) if error.is_not_found() => {}
        other => return other.map(drop),
    }
    let node = shared.client.get(&NODES, None, name).await?;
    let lease = lease(name, &node.meta().uid, spec);
    shared.client.create(leases, Some(NAMESPACE), lease).await.map(drop)
}

fn lease(node: &str, uid: &Uid, spec: Value) -> Value {
    let owner = json!({"apiVersion": "v1", "kind": "Node", "name": node, "uid": uid.as_str()});
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": node, "namespace": NAMESPACE, "ownerReferences": [owner]},
        "spec": spec,
    })
}

/// The condition `MemoryPressure` as the node has it when it begins.
pub(super) fn memory_pressure(scarce: bool, now: Timestamp) -> Value {
    let (reason, message) = match scarce {
        true => ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        false => ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    };
    let now = rfc3339(now);
    json!({
        "type": "MemoryPressure", "status": if scarce { "True" } else { "False" }, "reason": reason, "message": message,
        "lastHeartbeatTime": now, "lastTransitionTime": now,
    })
}

async fn tell_memory(shared: &Shared, scarce: bool) -> Result<(), client::Error> {
    let condition = memory_pressure(scarce, shared.clock.now());
    let patch = (PatchType::StrategicMerge, json!({"status": {"conditions": [condition]}}));
    shared.client.patch(&NODES, None, &shared.config.node_name, Some("status"), patch).await.map(drop)
}

/// Whether the machine has less memory to give than upstream's kubelet wants to see. A machine that does not say has enough.
pub(super) fn is_scarce() -> bool {
    fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text)).is_some_and(|bytes| bytes < SCARCE_BYTES)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scarcity_is_less_than_a_hundred_mebibytes() {
        let of = |kib: u64| available(&format!("MemTotal:  999999 kB\nMemAvailable:   {kib} kB\nBuffers: 1 kB\n"));
        assert_eq!(of(102_399).map(|bytes| bytes < SCARCE_BYTES), Some(true));
        assert_eq!(of(102_400).map(|bytes| bytes < SCARCE_BYTES), Some(false));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
        let told = memory_pressure(true, Timestamp::UNIX_EPOCH);
        assert_eq!((&told["status"], &told["reason"]), (&json!("True"), &json!("KubeletHasInsufficientMemory")));
    }
}
