//! A pod's spec that changes while it runs: ephemeral containers are added, images change.
//!
//! Differs: upstream gives an ephemeral container with a target the target's process namespace. Here it sees all processes
//! of the host, and so those of its target, unless it runs in a sandbox of its own; then an Event says so.

use std::sync::Arc;

use api::k8s::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};
use controller::Severity;
use tracing::warn;

use super::Shared;
use super::entry::PodEntry;
use crate::{sandbox, unsupported};

/// The pod as it is now, when another generation of its spec has come.
pub(super) fn renewed(shared: &Shared, entry: &Arc<PodEntry>) -> Option<Arc<PodEntry>> {
    let object = entry.arrived().filter(|object| object.meta().generation != entry.meta.generation)?;
    let newer = match entry.renewed(&object) {
        Ok(newer) => Arc::new(newer),
        Err(error) => {
            warn!(pod = %entry.key, %error, "a changed pod cannot be read, and goes on as it was");
            return None;
        }
    };
    newer.memory.lock().observe_spec(&entry.facts, &newer.facts);
    shared.pods.insert(&newer);
    tell_unsupported(shared, entry, &newer);
    Some(newer)
}

/// Names what of new containers has no effect, and targets whose processes they will not see.
fn tell_unsupported(shared: &Shared, entry: &PodEntry, newer: &PodEntry) {
    let (Some(spec), known) = (&newer.pod.spec, entry.ephemeral.len()) else { return };
    let sandboxes = !shared.runtime.lacks_sandboxes();
    // They are containers like others, in another list.
    let others = PodSpec { containers: newer.ephemeral[known..].to_vec(), ..PodSpec::default() };
    let mut paths: Vec<String> = Vec::new();
    for (index, container) in newer.ephemeral.iter().enumerate().skip(known) {
        let own = unsupported(&others, sandboxes).into_iter();
        let prefix = format!("spec.containers[{}]", index - known);
        let path = format!("spec.ephemeralContainers[{index}]");
        paths.extend(own.filter_map(|field| Some(format!("{path}{}", field.strip_prefix(&prefix)?))));
        let source = spec.ephemeral_containers.iter().flatten().nth(index);
        let target = source.and_then(|source| source.target_container_name.as_deref());
        if sandboxes && sandbox::is_needed(spec, container) && target.is_some_and(|target| !target.is_empty()) {
            paths.push(format!("{path}.targetContainerName"));
        }
    }
    if !paths.is_empty() {
        let message = format!("A local process cannot honour these fields: {}", paths.join(", "));
        shared.recorder.event(&newer.meta, Severity::Warning, "NotHonoured", message);
    }
}

/// The ephemeral containers of a pod. They have the fields of a container, and one more.
pub(super) fn containers_of(pod: &Pod) -> Result<Vec<Container>, serde_json::Error> {
    let containers = pod.spec.iter().flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    containers.map(container_of).collect()
}

fn container_of(container: &EphemeralContainer) -> Result<Container, serde_json::Error> {
    serde_json::from_value(serde_json::to_value(container)?)
}
