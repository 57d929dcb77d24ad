//! `pods/binding`: giving a pod to a node (`BindingREST`). Changes the pod's value; storing it is the caller's.

use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{at, child, child_map, drop_empty, entries, get, items, map_of, text};

/// Why a pod cannot be bound.
#[derive(Clone, Debug, PartialEq)]
pub enum BindError {
    /// The binding itself is wrong. Upstream answers these as an internal error, for want of a `Status`.
    Invalid(FieldErrors),
    /// The pod cannot be bound now: a conflict (409) on `pods/binding`, with this text.
    Conflict(String),
}

/// Binds a pod to the target of a `v1 Binding`: sets `spec.nodeName` and the condition `PodScheduled`, and takes over
/// labels and annotations. `now` becomes the condition's transition time. The generation stays.
///
/// # Errors
/// When the binding has no node as its target, or the pod is bound, being deleted, or gated.
pub fn bind(pod: &mut Value, binding: &Value, now: Timestamp) -> Result<(), BindError> {
    let target = binding.get("target").unwrap_or(&Value::Null);
    let errors = validate(target);
    if !errors.is_empty() {
        return Err(BindError::Invalid(errors));
    }
    if let Some(why) = refusal(pod) {
        return Err(BindError::Conflict(why));
    }
    child_map(pod, "spec").insert("nodeName".to_owned(), text(target, "name").into());
    for map in ["annotations", "labels"] {
        let added = at(binding, &["metadata"]).map(|metadata| entries(metadata, map)).into_iter().flatten();
        let mut added = added.peekable();
        if added.peek().is_some() {
            let map = child_map(child(pod, "metadata"), map);
            map.extend(added.map(|(key, value)| (key.clone(), value.clone())));
        }
    }
    let status = child(pod, "status");
    map_of(status).remove("nominatedNodeName");
    set_scheduled(status, now);
    Ok(())
}

fn validate(target: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("target");
    let kind = text(target, "kind");
    if !matches!(kind, "" | "Node") {
        errors.push(path.child("kind").not_supported(kind, &["Node", "<empty>"]));
    }
    if text(target, "name").is_empty() {
        errors.push(path.child("name").required(""));
    }
    errors
}

fn refusal(pod: &Value) -> Option<String> {
    let metadata = pod.get("metadata").unwrap_or(&Value::Null);
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    let name = text(metadata, "name");
    if get(metadata, "deletionTimestamp").is_some() {
        return Some(format!("pod {name} is being deleted, cannot be assigned to a host"));
    }
    let node = text(spec, "nodeName");
    if !node.is_empty() {
        return Some(format!("pod {name} is already assigned to node {node:?}"));
    }
    let gated = !items(spec, "schedulingGates").is_empty();
    gated.then(|| format!("pod {name} has non-empty .spec.schedulingGates"))
}

/// `UpdatePodCondition` with `PodScheduled=True`.
fn set_scheduled(status: &mut Value, now: Timestamp) {
    let conditions = child(status, "conditions");
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let condition = json!({
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": null,
        "lastTransitionTime": api::time::rfc3339(now),
    });
    let list = conditions.as_array_mut().expect("just made a list");
    match list.iter_mut().find(|condition| text(condition, "type") == "PodScheduled") {
        Some(old) if text(old, "status") == "True" => drop_empty(old, &["reason", "message"]),
        Some(old) => *old = condition,
        None => list.push(condition),
    }
}
