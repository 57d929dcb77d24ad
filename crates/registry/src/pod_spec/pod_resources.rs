//! Validation of what a pod as a whole asks for: `resources`, `overhead` and `resourceClaims`.

use std::collections::{BTreeMap, HashSet};

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::{Value, json};

use crate::errors::{extend_invalid, invalid_as};
use crate::fields::{at, child, child_map, entries, get, items, text};
use crate::pod_spec::resources;
use crate::quantity::Quantity;

/// `defaultHugePagePodLimits` and `defaultPodRequests`: what a pod does not say is taken from its containers, then from
/// its limits.
pub(crate) fn default(spec: &mut Value) {
    let has = |spec: &Value, list: &str| at(spec, &["resources", list]).is_some_and(|list| *list != json!({}));
    if has(spec, "limits") || has(spec, "requests") {
        let pages = aggregate(spec, "limits").into_iter().filter(|(name, _)| name.starts_with("hugepages-"));
        let unsaid = pages.filter(|(name, _)| at(spec, &["resources", "requests", name]).is_none());
        let given: Vec<_> = unsaid.map(|(name, total)| (name.to_owned(), Value::from(total.to_string()))).collect();
        fill(spec, "limits", given);
    }
    if !has(spec, "limits") {
        return;
    }
    let of_containers = aggregate(spec, "requests").into_iter().filter(|(name, _)| matches!(*name, "cpu" | "memory"));
    let mut given: Vec<_> =
        of_containers.map(|(name, total)| (name.to_owned(), Value::from(total.to_string()))).collect();
    let limits = at(spec, &["resources"]).into_iter().flat_map(|resources| entries(resources, "limits"));
    let served = limits.filter(|(name, _)| matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-"));
    given.extend(served.map(|(name, limit)| (name.clone(), limit.clone())));
    fill(spec, "requests", given);
}

/// Adds what is not there yet.
fn fill(spec: &mut Value, list: &str, given: Vec<(String, Value)>) {
    if !given.is_empty() {
        let list = child_map(child(spec, "resources"), list);
        for (name, quantity) in given {
            list.entry(name).or_insert(quantity);
        }
    }
}

/// `validatePodResources`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(of_pod) = get(spec, "resources") else { return };
    if at(spec, &["os", "name"]).is_some_and(|name| name == "windows") {
        errors.push(path.forbidden("may not be set for a windows pod"));
        return;
    }
    if get(of_pod, "claims").is_some() {
        errors.push(path.child("claims").forbidden("claims may not be set for Resources at pod-level"));
    }
    resources::validate_of_pod(errors, path, of_pod, items(spec, "resourceClaims"));
    validate_consistency(errors, path, spec, of_pod);
}

/// `validatePodResourceConsistency`.
fn validate_consistency(errors: &mut FieldErrors, path: &Path, spec: &Value, of_pod: &Value) {
    let limit_of_pod = |list: &str, name: &str| {
        let quantity = get(of_pod, list)?.get(name)?;
        Quantity::of(quantity).ok()
    };
    for (name, total) in aggregate(spec, "requests") {
        if let Some(own) = limit_of_pod("requests", name).filter(|own| total.nanos() > own.nanos()) {
            let detail = format!("must be greater than or equal to aggregate container requests of {total}");
            errors.push(path.child("requests").key(name).invalid(own.to_string(), detail));
        }
    }
    for (name, total) in aggregate(spec, "limits").into_iter().filter(|(name, _)| name.starts_with("hugepages-")) {
        if let Some(own) = limit_of_pod("limits", name).filter(|own| total.nanos() > own.nanos()) {
            let detail = format!("must be greater than or equal to aggregate container limits of {total}");
            errors.push(path.child("limits").key(name).invalid(own.to_string(), detail));
        }
    }
    for (index, container) in items(spec, "containers").iter().enumerate() {
        let Some(own) = get(container, "resources") else { continue };
        for (name, limit) in entries(own, "limits") {
            let (Ok(limit), Some(pod)) = (Quantity::of(limit), limit_of_pod("limits", name)) else { continue };
            if limit.nanos() > pod.nanos() {
                let path = path.child("containers").index(index).key(name).child("limits");
                let detail = format!("must be less than or equal to pod limits of {pod}");
                errors.push(path.invalid(limit.to_string(), detail));
            }
        }
    }
}

type Totals<'a> = BTreeMap<&'a str, Quantity>;

/// What the containers ask for at the most at one time: the regular ones and the sidecars together, or one init
/// container with the sidecars that started before it (`AggregateContainerRequests`).
fn aggregate<'a>(spec: &'a Value, list: &str) -> Totals<'a> {
    let mut running = Totals::new();
    items(spec, "containers").iter().for_each(|container| add(&mut running, container, list));
    let (mut sidecars, mut peak) = (Totals::new(), Totals::new());
    for container in items(spec, "initContainers") {
        let mut now = sidecars.clone();
        add(&mut now, container, list);
        if text(container, "restartPolicy") == "Always" {
            add(&mut running, container, list);
            sidecars = now.clone();
        }
        raise(&mut peak, &now);
    }
    raise(&mut running, &peak);
    running
}

fn add<'a>(totals: &mut Totals<'a>, container: &'a Value, list: &str) {
    let Some(own) = get(container, "resources") else { return };
    for (name, quantity) in own.get(list).and_then(Value::as_object).into_iter().flatten() {
        if let Ok(quantity) = Quantity::of(quantity) {
            totals.entry(name).and_modify(|total| *total = total.plus(&quantity)).or_insert(quantity);
        }
    }
}

fn raise<'a>(totals: &mut Totals<'a>, others: &Totals<'a>) {
    for (name, other) in others {
        let total = totals.entry(name).or_insert(*other);
        if total.nanos() < other.nanos() {
            *total = *other;
        }
    }
}

/// `validateOverhead`: the rules of a container's limits.
pub(crate) fn validate_overhead(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    if let Some(overhead) = get(spec, "overhead") {
        let limits = json!({"limits": overhead});
        resources::validate(errors, path, &limits, &[]);
    }
}

/// `validatePodResourceClaims`.
pub(crate) fn validate_claims(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let mut names = HashSet::new();
    for (index, claim) in items(spec, "resourceClaims").iter().enumerate() {
        let path = path.index(index);
        let name = text(claim, "name");
        if name.is_empty() {
            errors.push(path.child("name").required(""));
        } else if names.insert(name) {
            extend_invalid(errors, &path.child("name"), name, names::dns_label_errors(name));
        } else {
            errors.push(path.child("name").duplicate(name));
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"];
        let detail = match sources.iter().filter(|source| get(claim, source).is_some()).count() {
            0 => "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            1 => "",
            _ => "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified",
        };
        if !detail.is_empty() {
            errors.push(invalid_as(&path, "PodResourceClaim", Some(claim), detail));
        }
        for source in sources {
            if let Some(name) = get(claim, source).and_then(Value::as_str) {
                extend_invalid(errors, &path.child(source), name, names::dns_subdomain_errors(name));
            }
        }
    }
}
