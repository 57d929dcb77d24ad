//! `pods/resize`: changing how much cpu and memory containers ask for (`podResizeStrategy`, `ValidatePodResize`).
//!
//! Upstream lets a running pod be resized only where its kubelet reports the resources of its containers. This one
//! does not, since nothing limits its processes; so only pods that do not run can be resized.

use api::field::{FieldErrors, Path};
use serde_json::{Map, Value};

use crate::fields::{at, entries, get, is_empty_map, items, map_of, text};
use crate::pod::{prepare, qos, update};

const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";
const LISTS: [&str; 2] = ["containers", "initContainers"];
const ONLY_CPU_AND_MEMORY: &str = "only cpu and memory resources are mutable";

/// Drops every change but those of resources and resize policies. Containers that were added, taken away or renamed
/// stay as they were sent, for the validation to refuse.
pub(crate) fn prepare(new: &mut Value, old: &Value) {
    prepare::default(new);
    let null = &Value::Null;
    let old_spec = old.get("spec").unwrap_or(null);
    let spec = new.get("spec").unwrap_or(null);
    let same_count = |list: &&str| items(spec, list).len() == items(old_spec, list).len();
    if LISTS.iter().all(same_count) {
        let mut merged = old_spec.clone();
        take_field(&mut merged, spec, "resources");
        for list in LISTS {
            if !items(old_spec, list).is_empty() {
                merged[list] = merge(items(spec, list), items(old_spec, list));
            }
        }
        prepare::keep_all_but_spec(new, old);
        new["spec"] = merged;
    }
    prepare::count_generation(new, old);
}

fn merge(new: &[Value], old: &[Value]) -> Value {
    if new.iter().zip(old).any(|(new, old)| text(new, "name") != text(old, "name")) {
        return new.to_vec().into();
    }
    let merged = new.iter().zip(old).map(|(new, old)| {
        let mut container = old.clone();
        take_field(&mut container, new, "resources");
        take_field(&mut container, new, "resizePolicy");
        container
    });
    merged.collect()
}

fn take_field(into: &mut Value, from: &Value, name: &str) {
    match get(from, name) {
        Some(value) => map_of(into).insert(name.to_owned(), value.clone()),
        None => map_of(into).remove(name),
    };
}

/// Validates a resize.
pub(crate) fn validate(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let null = &Value::Null;
    let (spec, old_spec) = (new.get("spec").unwrap_or(null), old.get("spec").unwrap_or(null));
    if let Some(detail) = refusal(old, old_spec) {
        errors.push(Path::new("").forbidden(detail));
        return errors;
    }
    let path = Path::new("spec");
    update::validate_whole(&mut errors, new.get("metadata").unwrap_or(null), spec);
    let class = qos::class(spec);
    let status = old.get("status").unwrap_or(null);
    let old_class = match text(status, "qosClass") {
        "" => qos::class(old_spec),
        class => class,
    };
    if class != old_class {
        errors.push(path.invalid(old_class, "Pod QOS Class may not change as a result of resizing"));
    }
    let running = items(status, "containerStatuses").iter().find(|it| at(it, &["state", "running"]).is_some());
    if running.is_some_and(|status| get(status, "resources").is_none()) {
        errors.push(path.forbidden("Pod running on node without support for resize"));
    }
    validate_pod_level(&mut errors, &path, spec, old_spec);
    if validate_order(&mut errors, &path, spec, old_spec) {
        validate_containers(&mut errors, &path, spec, old_spec);
    }
    errors
}

/// Pods that are never resized.
fn refusal(old: &Value, old_spec: &Value) -> Option<&'static str> {
    if at(old, &["metadata", "annotations", MIRROR_ANNOTATION]).is_some() {
        return Some("static pods cannot be resized");
    }
    let windows = get(old_spec, "os").is_some_and(|os| text(os, "name") == "windows");
    windows.then_some("windows pods cannot be resized")
}

/// `resources` of the pod itself.
fn validate_pod_level(errors: &mut FieldErrors, path: &Path, spec: &Value, old_spec: &Value) {
    let (new, old) = (get(spec, "resources"), get(old_spec, "resources"));
    let is_set = |it: &Value| !is_empty_map(it, "requests") || !is_empty_map(it, "limits");
    if !new.is_some_and(is_set) && !old.is_some_and(is_set) {
        return;
    }
    let resources = path.child("resources");
    let Some(new) = new else {
        errors.push(resources.forbidden("pod-level resources cannot be removed"));
        return;
    };
    let old = old.unwrap_or(&Value::Null);
    for (list, detail) in [
        ("requests", "pod-level resource requests cannot be removed"),
        ("limits", "pod-level resource limits cannot be removed"),
    ] {
        if removed(new, old, list) {
            errors.push(resources.child(list).forbidden(detail));
        }
    }
    if beside_cpu_and_memory(new) != beside_cpu_and_memory(old) {
        errors.push(path.forbidden("only cpu and memory resources are mutable at pod-level"));
    }
}

/// Whether the containers are the same, in the same order.
fn validate_order(errors: &mut FieldErrors, path: &Path, spec: &Value, old_spec: &Value) -> bool {
    let mut same = true;
    for list in LISTS {
        let (new, old) = (items(spec, list), items(old_spec, list));
        if new.len() != old.len() {
            errors.push(path.child(list).forbidden(format!("{list} may not be added or removed on resize")));
            same = false;
            continue;
        }
        for (index, (new, old)) in new.iter().zip(old).enumerate() {
            if text(new, "name") != text(old, "name") {
                let detail = format!("{list} may not be renamed or reordered on resize");
                errors.push(path.child(list).index(index).child("name").forbidden(detail));
                same = false;
            }
        }
    }
    same
}

fn validate_containers(errors: &mut FieldErrors, path: &Path, spec: &Value, old_spec: &Value) {
    for list in ["initContainers", "containers"] {
        for (index, (new, old)) in items(spec, list).iter().zip(items(old_spec, list)).enumerate() {
            let item = path.child(list).index(index);
            require_kept(errors, &item.child("resources"), new, old);
            if only_cpu_and_memory(new, old) {
                continue;
            }
            if list == "containers" {
                errors.push(path.forbidden(ONLY_CPU_AND_MEMORY));
            } else {
                let detail = "only cpu and memory resources for init or sidecar containers are mutable";
                errors.push(item.forbidden(detail));
            }
        }
    }
    for (index, (new, old)) in items(spec, "initContainers").iter().zip(items(old_spec, "initContainers")).enumerate() {
        if new != old && text(old, "restartPolicy") != "Always" && restarts(new) {
            let detail = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
            errors.push(path.child("initContainers").index(index).forbidden(detail));
        }
    }
}

/// What was asked for or limited stays so.
fn require_kept(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let null = &Value::Null;
    let (new, old) = (new.get("resources").unwrap_or(null), old.get("resources").unwrap_or(null));
    for (list, detail) in
        [("requests", "resource requests cannot be removed"), ("limits", "resource limits cannot be removed")]
    {
        if removed(new, old, list) {
            errors.push(path.child(list).forbidden(detail));
        }
    }
}

/// Whether two containers differ in nothing but cpu and memory.
fn only_cpu_and_memory(new: &Value, old: &Value) -> bool {
    let null = &Value::Null;
    let rest = |container: &Value| {
        let mut container = container.clone();
        map_of(&mut container).remove("resources");
        container
    };
    let others = |container: &Value| beside_cpu_and_memory(container.get("resources").unwrap_or(null));
    others(new) == others(old) && rest(new) == rest(old)
}

fn restarts(container: &Value) -> bool {
    items(container, "resizePolicy").iter().any(|policy| text(policy, "restartPolicy") == "RestartContainer")
}

fn removed(new: &Value, old: &Value, list: &str) -> bool {
    entries(old, list).any(|(name, _)| get(new, list).is_none_or(|list| get(list, name).is_none()))
}

/// The amounts that a resize may not change.
fn beside_cpu_and_memory(resources: &Value) -> [Map<String, Value>; 2] {
    ["requests", "limits"].map(|list| {
        let others = entries(resources, list).filter(|(name, _)| !matches!(name.as_str(), "cpu" | "memory"));
        others.map(|(name, value)| (name.clone(), value.clone())).collect()
    })
}
