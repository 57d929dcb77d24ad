//! What an update may change of a pod that waits at scheduling gates: node selectors may be added, and node affinity
//! narrowed.

use api::field::{FieldErrors, Path};
use serde_json::{Map, Value};

use crate::errors::invalid_as;
use crate::fields::{at, entries, get, items};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// Validates what changed, and puts the old values into `munged`, the new spec as far as it is compared with the old.
pub(crate) fn munge(errors: &mut FieldErrors, path: &Path, munged: &mut Map<String, Value>, new: &Value, old: &Value) {
    if get(new, "nodeSelector") != get(old, "nodeSelector") {
        validate_selector(errors, &path.child("nodeSelector"), new, old);
        restore(munged, "nodeSelector", get(old, "nodeSelector"));
    }
    let affinity = |spec| at(spec, &["affinity", "nodeAffinity"]);
    let (now, before) = (affinity(new), affinity(old));
    if now == before {
        return;
    }
    validate_affinity(errors, &path.child("affinity").child("nodeAffinity"), now, before);
    let others = ["podAffinity", "podAntiAffinity"];
    let old_affinity = get(old, "affinity");
    let new_affinity = get(new, "affinity");
    if new_affinity.is_some_and(|new| others.iter().all(|name| get(new, name).is_none())) && old_affinity.is_none() {
        munged.remove("affinity");
        return;
    }
    let mut kept = new_affinity.and_then(Value::as_object).cloned().unwrap_or_default();
    restore(&mut kept, "nodeAffinity", before);
    munged.insert("affinity".to_owned(), Value::Object(kept));
}

fn restore(map: &mut Map<String, Value>, name: &str, value: Option<&Value>) {
    match value {
        Some(value) => map.insert(name.to_owned(), value.clone()),
        None => map.remove(name),
    };
}

/// `validateNodeSelectorMutation`.
fn validate_selector(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let selector = get(new, "nodeSelector");
    let kept = |(key, value): (&String, &Value)| selector.and_then(|selector| selector.get(key)) == Some(value);
    if !entries(old, "nodeSelector").all(kept) {
        let detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)";
        errors.push(invalid_as(path, "{}s", selector, detail));
    }
}

/// `validateNodeAffinityMutation`.
fn validate_affinity(errors: &mut FieldErrors, path: &Path, new: Option<&Value>, old: Option<&Value>) {
    let terms = |affinity: Option<&'_ Value>| -> Vec<Value> {
        let selector = affinity.and_then(|affinity| get(affinity, REQUIRED));
        selector.map_or_else(Vec::new, |selector| items(selector, "nodeSelectorTerms").to_vec())
    };
    let (new, old) = (terms(new), terms(old));
    let path = path.child(REQUIRED).child("nodeSelectorTerms");
    if !old.is_empty() && old.len() != new.len() {
        let shown = if new.is_empty() { None } else { Some(Value::Array(new)) };
        let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed";
        errors.push(invalid_as(&path, "[]NodeSelectorTerm", shown.as_ref(), detail));
        return;
    }
    for (index, (new, old)) in new.iter().zip(&old).enumerate() {
        if !has_only_additions(new, old) {
            let detail = "only additions are allowed (no mutations or deletions)";
            errors.push(invalid_as(&path.index(index), "NodeSelectorTerm", Some(new), detail));
        }
    }
}

fn has_only_additions(new: &Value, old: &Value) -> bool {
    let lists = ["matchExpressions", "matchFields"];
    let is_empty = |term: &Value| lists.iter().all(|list| items(term, list).is_empty());
    if is_empty(old) {
        return is_empty(new);
    }
    lists.iter().all(|list| items(new, list).starts_with(items(old, list)))
}
