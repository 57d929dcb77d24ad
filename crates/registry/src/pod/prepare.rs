//! Defaults and preparation of Pods.

use serde_json::{Value, json};

use crate::fields::{child, child_map, drop_empty, get, int, items, items_mut, map_of, number, take_from, text};
use crate::pod::{ephemeral, qos, resize};
use crate::pod_spec::default_pod;

/// What `omitempty` leaves out of a `PodStatus`.
const STATUS_OMITTED: &[&str] = &[
    "conditions",
    "containerStatuses",
    "ephemeralContainerStatuses",
    "hostIP",
    "hostIPs",
    "initContainerStatuses",
    "message",
    "nominatedNodeName",
    "observedGeneration",
    "phase",
    "podIP",
    "podIPs",
    "qosClass",
    "reason",
    "startTime",
];

/// Defaults the spec and drops what `omitempty` leaves out of the status.
pub(crate) fn default(pod: &mut Value) {
    default_pod(child(pod, "spec"));
    let status = child(pod, "status");
    map_of(status);
    drop_empty(status, STATUS_OMITTED);
}

/// Prepares a new pod: generation 1, phase Pending, its quality of service class.
pub(crate) fn for_create(pod: &mut Value) {
    child_map(pod, "metadata").insert("generation".to_owned(), 1.into());
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let mut status = json!({"phase": "Pending", "qosClass": qos::class(spec)});
    if !items(spec, "schedulingGates").is_empty() {
        status["conditions"] = json!([{
            "type": "PodScheduled",
            "status": "False",
            "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    pod["status"] = status;
}

/// Prepares an update. `/status` keeps spec and owners, and what an old kubelet may forget; `/binding` was applied by
/// [`bind`](crate::pod::bind).
pub(crate) fn for_update(new: &mut Value, old: &Value, subresource: Option<&str>) {
    match subresource {
        Some("status") => for_status(new, old),
        Some("binding") => {}
        Some("ephemeralcontainers") => ephemeral::prepare(new, old),
        Some("resize") => resize::prepare(new, old),
        _ => {
            take_from(new, old, "status");
            count_generation(new, old);
        }
    }
}

/// Raises the generation when the spec changed.
pub(crate) fn count_generation(new: &mut Value, old: &Value) {
    let generation = get(old, "metadata").map_or(0, |metadata| number(metadata, "generation"));
    let changed = new.get("spec") != old.get("spec");
    child_map(new, "metadata").insert("generation".to_owned(), (generation + i64::from(changed)).into());
}

/// Takes everything from the old pod that a subresource of the spec does not write (`ResetObjectMetaForStatus`).
pub(crate) fn keep_all_but_spec(new: &mut Value, old: &Value) {
    take_from(new, old, "status");
    let old_metadata = old.get("metadata").unwrap_or(&Value::Null);
    let metadata = child(new, "metadata");
    for name in ["deletionTimestamp", "generation", "labels", "annotations", "finalizers", "ownerReferences"] {
        take_from(metadata, old_metadata, name);
    }
}

fn for_status(new: &mut Value, old: &Value) {
    take_from(new, old, "spec");
    let old_metadata = old.get("metadata").unwrap_or(&Value::Null);
    let metadata = child(new, "metadata");
    for name in ["deletionTimestamp", "generation", "ownerReferences"] {
        take_from(metadata, old_metadata, name);
    }
    let old_status = old.get("status").unwrap_or(&Value::Null);
    let status = child(new, "status");
    map_of(status);
    // Defaults of the spec are of no use here, so `/status` may come without having been defaulted.
    drop_empty(status, STATUS_OMITTED);
    if text(status, "qosClass").is_empty() {
        take_from(status, old_status, "qosClass");
    }
    if number(status, "observedGeneration") == 0 {
        take_from(status, old_status, "observedGeneration");
    }
    keep_observed_generations(status, old_status);
}

/// A client that does not know `observedGeneration` of conditions does not clear it (`preserveOldObservedGeneration`).
fn keep_observed_generations(status: &mut Value, old: &Value) {
    let old_conditions = items(old, "conditions");
    if old_conditions.iter().all(|condition| number(condition, "observedGeneration") == 0) {
        return;
    }
    for condition in items_mut(status, "conditions") {
        if number(condition, "observedGeneration") != 0 {
            continue;
        }
        let same_type = |old: &&Value| text(old, "type") == text(condition, "type");
        let generation = old_conditions.iter().find(same_type).and_then(|old| int(old, "observedGeneration"));
        if let Some(generation) = generation.filter(|generation| *generation != 0) {
            map_of(condition).insert("observedGeneration".to_owned(), generation.into());
        }
    }
}
