//! `v1 LimitRange` (`pkg/registry/core/limitrange/strategy.go`). What a range does to pods is admission's to decide; here
//! stands only what a range may say.

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::Value;

use crate::fields::{child, drop_empty, entries, get, is_empty_map, items, items_mut, map_of, text};
use crate::pod_spec::{canonical_list, is_huge_page, is_native};
use crate::quantity::Quantity;
use crate::resource_names::{validate as validate_name, validate_for_containers};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{CREATED_AT, NAME, created_at, name};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "LimitRange"),
    plural: "limitranges",
    singular: "limitrange",
    short_names: &["limits"],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[NAME, CREATED_AT];
/// The lists of one limit.
const LISTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];

/// The strategy of LimitRanges.
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitRangeStrategy;

impl Strategy for LimitRangeStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        let spec = child(object, "spec");
        map_of(spec).entry("limits").or_insert(Value::Null);
        for limit in items_mut(spec, "limits") {
            for list in LISTS {
                if let Some(list) = limit.get_mut(list) {
                    canonical_list(list);
                }
            }
            if text(limit, "type") == "Container" {
                // An absent limit is the maximum, an absent request is the limit, or else the minimum.
                fill(limit, "default", "max");
                fill(limit, "defaultRequest", "default");
                fill(limit, "defaultRequest", "min");
            }
            drop_empty(limit, &LISTS);
        }
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validate(object)
    }

    fn validate_update(&self, new: &Value, _old: &Value, _subresource: Option<&str>) -> FieldErrors {
        validate(new)
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, _now: Timestamp) -> Row {
        Row { cells: vec![name(object), created_at(object)], conditions: Vec::new() }
    }
}

/// Takes entries that one list lacks from another.
fn fill(limit: &mut Value, list: &str, from: &str) {
    let source = limit.get(from).and_then(Value::as_object).cloned().unwrap_or_default();
    let list = map_of(child(limit, list));
    for (name, value) in source {
        list.entry(name).or_insert(value);
    }
}

/// `ValidateLimitRange`.
fn validate(range: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let limits = get(range, "spec").map_or(&[][..], |spec| items(spec, "limits"));
    for (index, limit) in limits.iter().enumerate() {
        let path = Path::new("spec").child("limits").index(index);
        let kind = text(limit, "type");
        validate_kind(&mut errors, &path.child("type"), kind);
        if limits[..index].iter().any(|earlier| text(earlier, "type") == kind) {
            errors.push(path.child("type").duplicate(kind));
        }
        validate_names(&mut errors, &path, limit);
        if kind == "PersistentVolumeClaim" {
            let has = |list| get(limit, list).is_some_and(|list| get(list, "storage").is_some());
            if !has("min") && !has("max") {
                let detail = "either minimum or maximum storage value is required, but neither was provided";
                errors.push(path.child("limits").required(detail));
            }
        }
        validate_amounts(&mut errors, &path, limit);
    }
    errors
}

fn validate_kind(errors: &mut FieldErrors, path: &Path, kind: &str) {
    let wrong = api::names::qualified_name_errors(kind);
    if !wrong.is_empty() {
        crate::errors::extend_invalid(errors, path, kind, wrong);
    } else if !kind.contains('/') && !matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim") {
        errors.push(path.invalid(kind, "must be a standard limit type or fully qualified"));
    }
}

fn validate_names(errors: &mut FieldErrors, path: &Path, limit: &Value) {
    let kind = text(limit, "type");
    for list in LISTS {
        if kind == "Pod" && matches!(list, "default" | "defaultRequest") {
            if !is_empty_map(limit, list) {
                errors.push(path.child(list).forbidden("may not be specified when `type` is 'Pod'"));
            }
            continue;
        }
        for (name, value) in entries(limit, list) {
            let path = path.child(list).key(name);
            if matches!(kind, "Pod" | "Container") {
                validate_for_containers(errors, &path, name);
            } else {
                validate_name(errors, &path, name);
            }
            if let Err(why) = Quantity::of(value) {
                // Differs: upstream refuses a broken quantity while decoding, as 400.
                errors.push(path.invalid(value.clone(), why));
            }
        }
    }
}

/// The comparisons of every resource that any of the lists names.
fn validate_amounts(errors: &mut FieldErrors, path: &Path, limit: &Value) {
    let mut names: Vec<&str> =
        LISTS.iter().flat_map(|list| entries(limit, list)).map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        validate_amount(errors, path, limit, name);
    }
}

fn validate_amount(errors: &mut FieldErrors, path: &Path, limit: &Value, name: &str) {
    let of_pod = text(limit, "type") == "Pod";
    let amount = |list: &str| get(limit, list).and_then(|list| get(list, name)).and_then(|it| Quantity::of(it).ok());
    let (min, max, ratio) = (amount("min"), amount("max"), amount("maxLimitRequestRatio"));
    let default = amount("default").filter(|_| !of_pod);
    let request = amount("defaultRequest").filter(|_| !of_pod);
    let mut ordered = |list: &str, shown, (small, small_name), (large, large_name)| {
        let (Some(small), Some(large)): (Option<Quantity>, Option<Quantity>) = (small, large) else { return };
        let shown: Option<Quantity> = shown;
        if let Some(shown) = shown.filter(|_| small.nanos() > large.nanos()) {
            let detail = format!("{small_name} value {small} is greater than {large_name} value {large}");
            errors.push(path.child(list).key(name).invalid(shown.to_string(), detail));
        }
    };
    ordered("min", min, (min, "min"), (max, "max"));
    ordered("defaultRequest", request, (min, "min"), (request, "default request"));
    ordered("defaultRequest", request, (request, "default request"), (max, "max"));
    ordered("defaultRequest", request, (request, "default request"), (default, "default limit"));
    ordered("default", min, (min, "min"), (default, "default"));
    ordered("default", max, (default, "default"), (max, "max"));
    if let Some(ratio) = ratio {
        validate_ratio(errors, &path.child("maxLimitRequestRatio").key(name), ratio, min, max);
    }
    let overcommit = is_native(name) && !is_huge_page(name);
    if let (false, Some(default), Some(request)) = (overcommit, default, request)
        && default.nanos() != request.nanos()
    {
        let detail = format!("default value {default} must equal to defaultRequest value {request} in {name}");
        errors.push(path.child("defaultRequest").key(name).invalid(request.to_string(), detail));
    }
}

fn validate_ratio(
    errors: &mut FieldErrors,
    path: &Path,
    ratio: Quantity,
    min: Option<Quantity>,
    max: Option<Quantity>,
) {
    if ratio.nanos() < 1_000_000_000 {
        errors.push(path.invalid(ratio.to_string(), format!("ratio {ratio} is less than 1")));
    }
    if let (Some(min), Some(max)) = (min, max) {
        let most = max.nanos() as f64 / min.nanos() as f64;
        if ratio.nanos() as f64 / 1e9 > most {
            let detail = format!("ratio {ratio} is greater than max/min = {most:.6}");
            errors.push(path.invalid(ratio.to_string(), detail));
        }
    }
}
