//! LimitRanger (`plugin/pkg/admission/limitranger`): what containers get when they name no amounts, and what they may
//! name.

use api::{Gvr, Status};
use serde_json::{Value, json};

use super::Attempt;
use super::amounts::Amounts;
use super::pod_resources::{List, total};
use crate::fields::{child, child_map, get, items, items_mut, text};
use crate::quantity::Quantity;
use crate::surroundings::Surroundings;

/// `v1 limitranges`.
const RANGES: Gvr = Gvr::known("", "v1", "limitranges");
const ANNOTATION: &str = "kubernetes.io/limit-ranger";

/// The limits of a namespace, range by range.
fn limits(attempt: &Attempt<'_>, around: &dyn Surroundings) -> Vec<Vec<Value>> {
    let ranges = around.list(&RANGES, attempt.namespace);
    let of = |range: Value| get(&range, "spec").map(|spec| items(spec, "limits").to_vec()).unwrap_or_default();
    ranges.iter().map(|range| of(range.to_value())).collect()
}

/// Sets what containers do not name (`PodMutateLimitFunc`).
pub(super) fn fill_in(attempt: &Attempt<'_>, pod: &mut Value, around: &dyn Surroundings) {
    for range in limits(attempt, around) {
        let (mut requests, mut upper) = (Amounts::default(), Amounts::default());
        for limit in range.iter().filter(|limit| text(limit, "type") == "Container") {
            for (into, list) in [(&mut requests, "defaultRequest"), (&mut upper, "default")] {
                into.0.extend(Amounts::of(get(limit, list)).0);
            }
        }
        let mut notes = Vec::new();
        let spec = child(pod, "spec");
        for (list, what) in [("containers", "container"), ("initContainers", "init container")] {
            for container in items_mut(spec, list) {
                let name = text(container, "name").to_owned();
                let set = set_missing(container, "limits", &upper);
                let asked = set_missing(container, "requests", &requests);
                for (names, amount) in [(asked, "request"), (set, "limit")] {
                    if !names.is_empty() {
                        notes.push(format!("{} {amount} for {what} {name}", names.join(", ")));
                    }
                }
            }
        }
        if !notes.is_empty() {
            let note = format!("LimitRanger plugin set: {}", notes.join("; "));
            child_map(child(pod, "metadata"), "annotations").insert(ANNOTATION.to_owned(), note.into());
        }
    }
}

/// Sets the amounts that a container lacks; their names, in order.
fn set_missing(container: &mut Value, list: &str, defaults: &Amounts) -> Vec<String> {
    if defaults.0.is_empty() {
        return Vec::new();
    }
    let resources = child(container, "resources");
    if !resources.is_object() {
        *resources = json!({});
    }
    let own = child_map(resources, list);
    let missing: Vec<(&String, &Quantity)> = defaults.0.iter().filter(|(name, _)| !own.contains_key(*name)).collect();
    let names = missing.iter().map(|(name, _)| (*name).clone()).collect();
    own.extend(missing.into_iter().map(|(name, amount)| (name.clone(), amount.to_string().into())));
    names
}

/// Checks what containers and the pod as a whole name (`PodValidateLimitFunc`).
pub(super) fn check(attempt: &Attempt<'_>, pod: &Value, around: &dyn Surroundings) -> Result<(), Status> {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    for range in limits(attempt, around) {
        let mut errors: Vec<String> = Vec::new();
        for limit in &range {
            match text(limit, "type") {
                "Container" => {
                    for container in ["containers", "initContainers"].iter().flat_map(|list| items(spec, list)) {
                        let given =
                            Given { requests: List::Requests.of(container), limits: List::Limits.of(container) };
                        given.check(&mut errors, limit, "Container");
                    }
                }
                "Pod" => {
                    let given = Given { requests: total(spec, List::Requests), limits: total(spec, List::Limits) };
                    given.check(&mut errors, limit, "Pod");
                }
                _ => {}
            }
        }
        if !errors.is_empty() {
            return Err(attempt.forbidden(aggregate(errors)));
        }
    }
    Ok(())
}

/// Go's `utilerrors.NewAggregate`: one stands bare, several in brackets, without repeats.
fn aggregate(errors: Vec<String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for error in errors {
        if !distinct.contains(&error) {
            distinct.push(error);
        }
    }
    match distinct.as_slice() {
        [one] => one.clone(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// What a container, or a pod, names.
struct Given {
    requests: Amounts,
    limits: Amounts,
}

impl Given {
    fn check(&self, errors: &mut Vec<String>, limit: &Value, kind: &str) {
        let bounds = |list: &str| Amounts::of(get(limit, list)).0;
        for (name, bound) in bounds("min") {
            errors.extend(self.below(&name, bound, kind));
        }
        for (name, bound) in bounds("max") {
            errors.extend(self.above(&name, bound, kind));
        }
        for (name, bound) in bounds("maxLimitRequestRatio") {
            errors.extend(self.too_far_apart(&name, bound, kind));
        }
    }

    fn below(&self, name: &str, bound: Quantity, kind: &str) -> Option<String> {
        let least = format!("minimum {name} usage per {kind} is {bound}");
        match (self.requests.get(name), self.limits.get(name)) {
            (None, _) => Some(format!("{least}.  No request is specified")),
            (Some(request), _) if request.nanos() < bound.nanos() => Some(format!("{least}, but request is {request}")),
            (_, Some(limit)) if limit.nanos() < bound.nanos() => Some(format!("{least}, but limit is {limit}")),
            _ => None,
        }
    }

    fn above(&self, name: &str, bound: Quantity, kind: &str) -> Option<String> {
        let most = format!("maximum {name} usage per {kind} is {bound}");
        match (self.limits.get(name), self.requests.get(name)) {
            (None, _) => Some(format!("{most}.  No limit is specified")),
            (Some(limit), _) if limit.nanos() > bound.nanos() => Some(format!("{most}, but limit is {limit}")),
            (_, Some(request)) if request.nanos() > bound.nanos() => Some(format!("{most}, but request is {request}")),
            _ => None,
        }
    }

    fn too_far_apart(&self, name: &str, bound: Quantity, kind: &str) -> Option<String> {
        let ratio = format!("{name} max limit to request ratio per {kind} is {bound}");
        let amount = |list: &Amounts| list.get(name).map(|amount| amount.nanos()).filter(|nanos| *nanos != 0);
        let Some(request) = amount(&self.requests) else {
            return Some(format!("{ratio}, but no request is specified or request is 0"));
        };
        let Some(limit) = amount(&self.limits) else {
            return Some(format!("{ratio}, but no limit is specified or limit is 0"));
        };
        let given = limit as f64 / request as f64;
        (given * 1e9 > bound.nanos() as f64).then(|| format!("{ratio}, but provided ratio is {given:.6}"))
    }
}
