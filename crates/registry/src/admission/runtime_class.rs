//! RuntimeClass (`plugin/pkg/admission/runtimeclass`): what a class adds to its pods.

use api::{Gvr, Status};
use serde_json::{Map, Value};

use super::Attempt;
use crate::fields::{at, child, child_map, entries, get, is_empty_map, items, text};
use crate::surroundings::Surroundings;

/// `node.k8s.io/v1 runtimeclasses`.
const CLASSES: Gvr = Gvr::known("node.k8s.io", "v1", "runtimeclasses");

pub(super) fn assign(attempt: &Attempt<'_>, pod: &mut Value, around: &dyn Surroundings) -> Result<(), Status> {
    let spec = child(pod, "spec");
    let Some(name) = get(spec, "runtimeClassName").and_then(Value::as_str).map(str::to_owned) else {
        return check_overhead(attempt, spec);
    };
    let Some(class) = around.get(&CLASSES, None, &name) else {
        return Err(attempt.forbidden(format!("pod rejected: RuntimeClass {name:?} not found")));
    };
    let class = class.to_value();
    match at(&class, &["overhead", "podFixed"]) {
        Some(overhead) => {
            if !is_empty_map(spec, "overhead") && get(spec, "overhead") != Some(overhead) {
                let why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
                return Err(attempt.forbidden(why));
            }
            *child(spec, "overhead") = overhead.clone();
        }
        None => check_overhead(attempt, spec)?,
    }
    match get(&class, "scheduling") {
        Some(scheduling) => set_scheduling(attempt, spec, scheduling),
        None => Ok(()),
    }
}

fn check_overhead(attempt: &Attempt<'_>, spec: &Value) -> Result<(), Status> {
    if get(spec, "overhead").is_none() {
        return Ok(());
    }
    Err(attempt.forbidden("pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"))
}

fn set_scheduling(attempt: &Attempt<'_>, spec: &mut Value, scheduling: &Value) -> Result<(), Status> {
    let wanted: Map<String, Value> =
        entries(scheduling, "nodeSelector").map(|(key, value)| (key.clone(), value.clone())).collect();
    if !wanted.is_empty() {
        let own = child_map(spec, "nodeSelector");
        for (key, value) in wanted {
            if let Some(other) = own.get(&key).filter(|other| **other != value) {
                let show = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                return Err(attempt.forbidden(format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {}; pod.spec.nodeSelector[{key}] = {}",
                    show(&value),
                    show(other)
                )));
            }
            own.insert(key, value);
        }
    }
    merge_tolerations(spec, items(scheduling, "tolerations"));
    Ok(())
}

/// Adds the tolerations of the class that none of the pod's own covers, and drops those that one of them covers
/// (`tolerations.MergeTolerations`).
fn merge_tolerations(spec: &mut Value, more: &[Value]) {
    if more.is_empty() {
        return;
    }
    let all: Vec<Value> = items(spec, "tolerations").iter().chain(more).cloned().collect();
    let covered = |index: usize| {
        let others = all.iter().enumerate().filter(|(other, _)| *other != index);
        let mut covering = others.filter(|(_, other)| covers(other, &all[index]));
        // Of two that cover each other, the first stays.
        covering.any(|(other, toleration)| !covers(&all[index], toleration) || other < index)
    };
    let kept: Vec<Value> = (0..all.len()).filter(|index| !covered(*index)).map(|index| all[index].clone()).collect();
    *child(spec, "tolerations") = kept.into();
}

/// Whether everything that `small` tolerates, `large` tolerates as well (`isSuperset`).
fn covers(large: &Value, small: &Value) -> bool {
    if large == small {
        return true;
    }
    let operator = |toleration: &Value| match text(toleration, "operator") {
        "" => "Equal".to_owned(),
        operator => operator.to_owned(),
    };
    let (key, other_key) = (text(large, "key"), text(small, "key"));
    let every_key = key.is_empty() && operator(large) == "Exists";
    if !(key == other_key || every_key) {
        return false;
    }
    let effect = text(large, "effect");
    if !effect.is_empty() && effect != text(small, "effect") {
        return false;
    }
    let seconds = |toleration| crate::fields::int(toleration, "tolerationSeconds");
    if effect == "NoExecute" || text(small, "effect") == "NoExecute" {
        match (seconds(large), seconds(small)) {
            (None, _) => {}
            (Some(_), None) => return false,
            (Some(large), Some(small)) if large < small => return false,
            _ => {}
        }
    }
    operator(large) == "Exists" || (operator(small) == "Equal" && text(large, "value") == text(small, "value"))
}
