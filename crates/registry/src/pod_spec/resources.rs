//! Validation of `resources` (`ValidateContainerResourceRequirements`).

use std::collections::{HashMap, HashSet};

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::{NOT_NEGATIVE, extend_invalid};
use crate::fields::{entries, get, is_empty_map, items, text};
use crate::quantity::Quantity;

/// Validates limits and requests of one container.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, resources: &Value, claims: &[Value]) {
    validate_with(errors, path, resources, claims, validate_resource_name);
}

/// Validates limits and requests of a whole pod (`validatePodResourceRequirements`).
pub(crate) fn validate_of_pod(errors: &mut FieldErrors, path: &Path, resources: &Value, claims: &[Value]) {
    validate_with(errors, path, resources, claims, validate_resource_name_of_pod);
}

/// Adds what is wrong with the name of a resource.
type NameRule = fn(&mut FieldErrors, &Path, &str);

fn validate_with(errors: &mut FieldErrors, path: &Path, resources: &Value, claims: &[Value], rule: NameRule) {
    if is_empty_map(resources, "limits") && is_empty_map(resources, "requests") && items(resources, "claims").is_empty()
    {
        return;
    }
    let (limits, requests) = (path.child("limits"), path.child("requests"));
    let mut facts = Facts::default();
    for (name, quantity) in entries(resources, "limits") {
        validate_one(errors, &limits.key(name), name, quantity, rule);
        facts.note(name);
    }
    for (name, quantity) in entries(resources, "requests") {
        validate_one(errors, &requests.key(name), name, quantity, rule);
        validate_pair(errors, (&limits, &requests), name, quantity, get(resources, "limits"));
        facts.note(name);
    }
    if facts.huge_pages && !facts.compute {
        errors.push(path.forbidden("HugePages require cpu or memory"));
    }
    validate_claims(errors, &path.child("claims"), items(resources, "claims"), claims);
}

#[derive(Default)]
struct Facts {
    compute: bool,
    huge_pages: bool,
}

impl Facts {
    fn note(&mut self, name: &str) {
        self.compute |= matches!(name, "cpu" | "memory");
        self.huge_pages |= is_huge_page(name);
    }
}

pub(crate) fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Resources of Kubernetes' own, which may be overcommitted unless they are huge pages.
pub(crate) fn is_native(name: &str) -> bool {
    !name.contains('/') || name.split('/').next().is_some_and(|domain| domain.ends_with("kubernetes.io"))
}

fn validate_one(errors: &mut FieldErrors, path: &Path, name: &str, value: &Value, rule: NameRule) {
    rule(errors, path, name);
    let quantity = match Quantity::of(value) {
        Ok(quantity) => quantity,
        Err(why) => {
            // Differs: upstream refuses a broken quantity while decoding, as 400.
            errors.push(path.invalid(value.clone(), why));
            return;
        }
    };
    if quantity.nanos() < 0 {
        errors.push(path.invalid(quantity.to_string(), NOT_NEGATIVE));
    }
    if !is_native(name) && !quantity.is_integer() {
        errors.push(path.invalid(quantity.to_string(), "must be an integer"));
    }
    if is_huge_page(name) && !is_divisible(name, &quantity) {
        errors
            .push(path.invalid(quantity.to_string(), format!("{quantity} is not positive integer multiple of {name}")));
    }
}

/// Whether the quantity is a multiple of the page size in the resource's name.
fn is_divisible(name: &str, quantity: &Quantity) -> bool {
    let size = name.strip_prefix("hugepages-").map(Quantity::parse);
    let Some(Ok(size)) = size.filter(|size| size.as_ref().is_ok_and(|size| size.nanos() > 0 && size.is_integer()))
    else {
        return false;
    };
    quantity.rounded_up_to_integer().nanos() % size.nanos() == 0
}

fn validate_resource_name(errors: &mut FieldErrors, path: &Path, name: &str) {
    let before = errors.0.len();
    extend_invalid(errors, path, name, names::qualified_name_errors(name));
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name);
    if !name.contains('/') {
        if !is_standard(name) && errors.0.len() == before {
            errors.push(path.invalid(name, "must be a standard resource type or fully qualified"));
        }
        if !known {
            errors.push(path.invalid(name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && name.starts_with("requests.") {
        errors.push(path.invalid(name, "doesn't follow extended resource name standard"));
    }
}

/// Names without a domain that some object may use (`IsStandardResourceName`).
fn is_standard(name: &str) -> bool {
    let of_namespace = [
        "pods",
        "resourcequotas",
        "services",
        "replicationcontrollers",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "storage",
        "requests.storage",
        "services.nodeports",
        "services.loadbalancers",
    ];
    let compute = name.strip_prefix("requests.").or_else(|| name.strip_prefix("limits.")).unwrap_or(name);
    matches!(compute, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name) || of_namespace.contains(&name)
}

/// `validatePodResourceName`.
fn validate_resource_name_of_pod(errors: &mut FieldErrors, path: &Path, name: &str) {
    let before = errors.0.len();
    extend_invalid(errors, path, name, names::qualified_name_errors(name));
    if errors.0.len() > before {
        return;
    }
    if !name.contains('/') && !is_standard(name) {
        errors.push(path.invalid(name, "must be a standard resource type or fully qualified"));
    } else if !matches!(name, "cpu" | "memory") && !is_huge_page(name) {
        errors.push(path.not_supported(name, &["cpu", "hugepages-", "memory"]));
    }
}

fn validate_pair(
    errors: &mut FieldErrors,
    (limit_path, request_path): (&Path, &Path),
    name: &str,
    request: &Value,
    limits: Option<&Value>,
) {
    let overcommit = is_native(name) && !is_huge_page(name);
    let Some(limit) = limits.and_then(|limits| get(limits, name)) else {
        if !overcommit {
            errors.push(limit_path.required("Limit must be set for non overcommitable resources"));
        }
        return;
    };
    let (Ok(request), Ok(limit)) = (Quantity::of(request), Quantity::of(limit)) else { return };
    if request.nanos() != limit.nanos() && !overcommit {
        let detail = format!("must be equal to {name} limit of {limit}");
        errors.push(request_path.invalid(request.to_string(), detail));
    } else if request.nanos() > limit.nanos() {
        let detail = format!("must be less than or equal to {name} limit of {limit}");
        errors.push(request_path.invalid(request.to_string(), detail));
    }
}

/// `validateResourceClaimNames`: a claim is used as a whole once, or by requests that differ.
fn validate_claims(errors: &mut FieldErrors, path: &Path, claims: &[Value], known: &[Value]) {
    let mut known: Vec<&str> = known.iter().map(|claim| text(claim, "name")).filter(|name| !name.is_empty()).collect();
    known.sort_unstable();
    known.dedup();
    let (mut whole, mut partly) = (HashSet::new(), HashMap::<&str, HashSet<&str>>::new());
    for (index, claim) in claims.iter().enumerate() {
        let path = path.index(index);
        let (name, request) = (text(claim, "name"), text(claim, "request"));
        if name.is_empty() {
            errors.push(path.required(""));
            continue;
        }
        if whole.contains(name) {
            errors.push(path.duplicate(name));
        } else if request.is_empty() {
            let uses = partly.get(name).map_or(0, HashSet::len);
            (0..uses).for_each(|_| errors.push(path.duplicate(name)));
            whole.insert(name);
        } else {
            extend_invalid(errors, &path.child("request"), request, names::dns_label_errors(request));
            if !partly.entry(name).or_default().insert(request) {
                errors.push(path.duplicate(format!("{name}/{request}")));
            }
        }
        if known.binary_search(&name).is_err() {
            let names = if known.is_empty() { " which is empty".to_owned() } else { format!(": {}", known.join(", ")) };
            let mut error = path.not_found(name);
            error.body.push_str(&format!(": must be one of the names in pod.spec.resourceClaims{names}"));
            errors.push(error);
        }
    }
}
