//! Validation of `resources` (`ValidateContainerResourceRequirements`).

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::{NOT_NEGATIVE, extend_invalid};
use crate::fields::{entries, get, is_empty_map, items, text};
use crate::quantity::Quantity;

/// Validates limits and requests of one container.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, resources: &Value, claims: &[Value]) {
    if is_empty_map(resources, "limits") && is_empty_map(resources, "requests") && items(resources, "claims").is_empty()
    {
        return;
    }
    let (limits, requests) = (path.child("limits"), path.child("requests"));
    let mut facts = Facts::default();
    for (name, quantity) in entries(resources, "limits") {
        validate_one(errors, &limits.key(name), name, quantity);
        facts.note(name);
    }
    for (name, quantity) in entries(resources, "requests") {
        validate_one(errors, &requests.key(name), name, quantity);
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

fn validate_one(errors: &mut FieldErrors, path: &Path, name: &str, value: &Value) {
    validate_resource_name(errors, path, name);
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
}

fn validate_resource_name(errors: &mut FieldErrors, path: &Path, name: &str) {
    let before = errors.0.len();
    extend_invalid(errors, path, name, names::qualified_name_errors(name));
    let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name);
    let standard = known || matches!(name, "storage" | "pods" | "services" | "secrets" | "configmaps");
    if !name.contains('/') {
        if !standard && errors.0.len() == before {
            errors.push(path.invalid(name, "must be a standard resource type or fully qualified"));
        }
        if !known {
            errors.push(path.invalid(name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && name.starts_with("requests.") {
        errors.push(path.invalid(name, "doesn't follow extended resource name standard"));
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

fn validate_claims(errors: &mut FieldErrors, path: &Path, claims: &[Value], known: &[Value]) {
    for (index, claim) in claims.iter().enumerate() {
        let name = text(claim, "name");
        let path = path.index(index);
        if name.is_empty() {
            errors.push(path.required(""));
        } else if !known.iter().any(|known| text(known, "name") == name) {
            errors.push(path.not_found(name));
        }
    }
}
