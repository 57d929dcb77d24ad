//! `v1 ResourceQuota` (`pkg/registry/core/resourcequota/strategy.go`). What a quota allows is admission's to decide; here
//! stands only what a quota may say.

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::errors::{IMMUTABLE, NOT_NEGATIVE};
use crate::fields::{child, drop_empty, drop_nulls, entries, get, items, map_of, take_from, text};
use crate::pod_spec::canonical_list;
use crate::quantity::Quantity;
use crate::resource_names::{is_integer, is_standard_for_quota, validate_for_quota};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "ResourceQuota"),
    plural: "resourcequotas",
    singular: "resourcequota",
    short_names: &["quota"],
    categories: &[],
    namespaced: true,
    subresources: &["status"],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column("Request", "Request represents a minimum amount of cpu/memory that a container may consume."),
    text_column(
        "Limit",
        "Limits control the maximum amount of cpu/memory that a container may use independent of contention on the node.",
    ),
    AGE,
];

/// The strategy of ResourceQuotas.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResourceQuotaStrategy;

impl Strategy for ResourceQuotaStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        for part in ["spec", "status"] {
            let part = child(object, part);
            map_of(part);
            drop_nulls(part);
            drop_empty(part, &["hard", "used"]);
            for list in ["hard", "used"] {
                if let Some(list) = part.get_mut(list) {
                    canonical_list(list);
                }
            }
        }
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({});
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        if subresource == Some("status") {
            take_from(new, old, "spec");
            // A write of the status comes without having been defaulted.
            self.default(new);
        } else {
            take_from(new, old, "status");
        }
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        validate_spec(&mut errors, object);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if subresource == Some("status") {
            let status = get(new, "status").unwrap_or(&Value::Null);
            for list in ["hard", "used"] {
                validate_list(&mut errors, &Path::new("status").child(list), status, list);
            }
            return errors;
        }
        validate_spec(&mut errors, new);
        let scopes = |quota| {
            let mut scopes: Vec<String> =
                scopes_of(quota).iter().filter_map(Value::as_str).map(str::to_owned).collect();
            scopes.sort_unstable();
            scopes.dedup();
            scopes
        };
        if scopes(new) != scopes(old) {
            errors.push(Path::new("spec").child("scopes").invalid(scopes_of(new).to_vec(), IMMUTABLE));
        }
        errors
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        if old.is_some() { Vec::new() } else { warnings(new) }
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let (requests, limits) = usage_cells(object);
        Row { cells: vec![name(object), requests.into(), limits.into(), age(object, now)], conditions: Vec::new() }
    }
}

fn scopes_of(quota: &Value) -> &[Value] {
    get(quota, "spec").map_or(&[], |spec| items(spec, "scopes"))
}

/// `NAME: USED/HARD, ...` of requests and counts, and of limits.
fn usage_cells(quota: &Value) -> (String, String) {
    let null = &Value::Null;
    let status = quota.get("status").unwrap_or(null);
    let used = |name: &str| match status.get("used").map_or("", |used| text(used, name)) {
        "" => "0".to_owned(),
        used => used.to_owned(),
    };
    let (mut requests, mut limits) = (Vec::new(), Vec::new());
    for (name, hard) in entries(status, "hard") {
        let cell = format!("{name}: {}/{}", used(name), hard.as_str().unwrap_or_default());
        if name.starts_with("limits.") { limits.push(cell) } else { requests.push(cell) }
    }
    (requests.join(", "), limits.join(", "))
}

fn validate_list(errors: &mut FieldErrors, path: &Path, object: &Value, list: &str) {
    for (name, value) in entries(object, list) {
        let path = path.key(name);
        validate_for_quota(errors, &path, name);
        match Quantity::of(value) {
            Ok(quantity) => {
                if quantity.nanos() < 0 {
                    errors.push(path.invalid(quantity.to_string(), NOT_NEGATIVE));
                }
                if is_integer(name) && !quantity.is_integer() {
                    errors.push(path.invalid(quantity.to_string(), "must be an integer"));
                }
            }
            // Differs: upstream refuses a broken quantity while decoding, as 400.
            Err(why) => errors.push(path.invalid(value.clone(), why)),
        }
    }
}

/// `ValidateResourceQuotaSpec`.
fn validate_spec(errors: &mut FieldErrors, quota: &Value) {
    let path = Path::new("spec");
    let Some(spec) = get(quota, "spec") else { return };
    validate_list(errors, &path.child("hard"), spec, "hard");
    let scopes: Vec<&str> = items(spec, "scopes").iter().filter_map(Value::as_str).collect();
    let shown = || Value::from(scopes.clone());
    let at = path.child("scopes");
    for scope in &scopes {
        if !is_scope(scope) {
            errors.push(at.invalid(shown(), "unsupported scope"));
        }
        for _ in unfit(scope, spec) {
            errors.push(at.invalid(shown(), "unsupported scope applied to resource"));
        }
    }
    forbid_conflicts(errors, &at, &scopes, &shown());
    if let Some(selector) = get(spec, "scopeSelector") {
        validate_selector(errors, &path.child("scopeSelector"), spec, selector);
    }
}

fn is_scope(scope: &str) -> bool {
    matches!(
        scope,
        "Terminating"
            | "NotTerminating"
            | "BestEffort"
            | "NotBestEffort"
            | "PriorityClass"
            | "VolumeAttributesClass"
            | "CrossNamespacePodAffinity"
    )
}

/// The bounded resources that a scope cannot go with (`IsResourceQuotaScopeValidForResource`).
fn unfit<'a>(scope: &'a str, spec: &'a Value) -> impl Iterator<Item = &'a String> {
    let fits = move |name: &str| match scope {
        "BestEffort" => name == "pods",
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            let bare = name.trim_start_matches("limits.").trim_start_matches("requests.");
            name == "pods" || matches!(bare, "cpu" | "memory")
        }
        "VolumeAttributesClass" => matches!(name, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    };
    entries(spec, "hard").map(|(name, _)| name).filter(move |name| is_standard_for_quota(name) && !fits(name))
}

fn forbid_conflicts(errors: &mut FieldErrors, path: &Path, scopes: &[&str], shown: &Value) {
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if scopes.contains(&one) && scopes.contains(&other) {
            errors.push(path.invalid(shown.clone(), "conflicting scopes"));
        }
    }
}

/// `validateScopedResourceSelectorRequirement`.
fn validate_selector(errors: &mut FieldErrors, path: &Path, spec: &Value, selector: &Value) {
    let path = path.child("matchExpressions");
    let requirements = items(selector, "matchExpressions");
    for requirement in requirements {
        let (scope, operator) = (text(requirement, "scopeName"), text(requirement, "operator"));
        if !is_scope(scope) {
            errors.push(path.child("scopeName").invalid(scope, "unsupported scope"));
        }
        for _ in unfit(scope, spec) {
            errors.push(path.invalid(shown_selector(requirements), "unsupported scope applied to resource"));
        }
        let valued = matches!(scope, "PriorityClass" | "VolumeAttributesClass");
        if is_scope(scope) && !valued && operator != "Exists" {
            let detail = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            errors.push(path.child("operator").invalid(operator, detail));
        }
        validate_operator(errors, &path, requirement, operator);
    }
    let scopes: Vec<&str> = requirements.iter().map(|requirement| text(requirement, "scopeName")).collect();
    forbid_conflicts(errors, &path, &scopes, &spec.get("scopes").cloned().unwrap_or(Value::Null));
}

fn validate_operator(errors: &mut FieldErrors, path: &Path, requirement: &Value, operator: &str) {
    let values = items(requirement, "values");
    match operator {
        "In" | "NotIn" if values.is_empty() => {
            let detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
            errors.push(path.child("values").required(detail));
        }
        "In" | "NotIn" => {}
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let detail = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
            errors.push(path.child("values").invalid(values.to_vec(), detail));
        }
        "Exists" | "DoesNotExist" => {}
        other => errors.push(path.child("operator").invalid(other, "not a valid selector operator")),
    }
}

/// Upstream shows its internal type, whose fields have Go's names.
fn shown_selector(requirements: &[Value]) -> Value {
    let shown = |requirement: &Value| {
        json!({
            "ScopeName": text(requirement, "scopeName"),
            "Operator": text(requirement, "operator"),
            "Values": get(requirement, "values"),
        })
    };
    json!({"MatchExpressions": requirements.iter().map(shown).collect::<Vec<_>>()})
}

/// Requests above limits are allowed, and told of.
fn warnings(quota: &Value) -> Vec<String> {
    let null = &Value::Null;
    let hard = get(quota, "spec").and_then(|spec| get(spec, "hard")).unwrap_or(null);
    let amount = |name: &str| get(hard, name).and_then(|value| Quantity::of(value).ok());
    let mut warnings = Vec::new();
    for resource in ["cpu", "memory", "storage", "ephemeral-storage"] {
        let mut request = format!("requests.{resource}");
        if amount(&request).is_none() && matches!(resource, "cpu" | "memory") {
            request = resource.to_owned();
        }
        let limit = format!("limits.{resource}");
        if let (Some(requested), Some(limited)) = (amount(&request), amount(&limit))
            && requested.nanos() > limited.nanos()
        {
            warnings.push(format!("ResourceQuota {request} ({requested}) should be less than {limit} ({limited})"));
        }
    }
    warnings
}
