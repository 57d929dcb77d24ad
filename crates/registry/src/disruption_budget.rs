//! `policy/v1 PodDisruptionBudget` (`pkg/registry/policy/poddisruptionbudget/strategy.go`).

use api::Kind;
use api::field::{ErrorType, FieldError, FieldErrors, Path};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::errors::require_not_negative;
use crate::fields::{child, child_map, default_to, drop_empty, drop_nulls, get, int, items, map_of, number};
use crate::fields::{take_from, text};
use crate::labels::{validate_label_name, validate_selector};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

/// The counts of a status, which are written even when they are zero.
const COUNTS: [&str; 4] = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
/// The longest reason and message of a condition, in bytes.
const MAX_REASON: usize = 1024;
const MAX_MESSAGE: usize = 32 * 1024;

const PERCENT_RULE: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("policy", "v1", "PodDisruptionBudget"),
    plural: "poddisruptionbudgets",
    singular: "poddisruptionbudget",
    short_names: &["pdb"],
    categories: &[],
    namespaced: true,
    subresources: &["status"],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column("Min Available", "The minimum number of pods that must be available."),
    text_column("Max Unavailable", "The maximum number of pods that may be unavailable."),
    Column {
        name: "Allowed Disruptions",
        column_type: "integer",
        format: "",
        description: "Calculated number of pods that may be disrupted at this time.",
        priority: 0,
    },
    AGE,
];

/// The strategy of PodDisruptionBudgets.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodDisruptionBudgetStrategy;

impl Strategy for PodDisruptionBudgetStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        let spec = child(object, "spec");
        map_of(spec).retain(|_, value| !value.is_null());
        if let Some(selector) = spec.get_mut("selector") {
            drop_nulls(selector);
            drop_empty(selector, &["matchLabels"]);
        }
        clean_status(child(object, "status"));
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({});
        clean_status(&mut object["status"]);
        child_map(object, "metadata").insert("generation".to_owned(), 1.into());
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        if subresource == Some("status") {
            take_from(new, old, "spec");
            clean_status(child(new, "status"));
            return;
        }
        take_from(new, old, "status");
        let generation = get(old, "metadata").map_or(0, |metadata| number(metadata, "generation"));
        let changed = i64::from(new.get("spec") != old.get("spec"));
        child_map(new, "metadata").insert("generation".to_owned(), (generation + changed).into());
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validate_spec(object)
    }

    fn validate_update(&self, new: &Value, _old: &Value, subresource: Option<&str>) -> FieldErrors {
        if subresource == Some("status") { validate_status(new) } else { validate_spec(new) }
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let none = &Value::Null;
        let spec = object.get("spec").unwrap_or(none);
        let bound = |field: &str| match get(spec, field) {
            Some(Value::String(text)) => text.clone(),
            Some(number) => number.to_string(),
            None => "N/A".to_owned(),
        };
        let allowed = get(object, "status").map_or(0, |status| number(status, "disruptionsAllowed"));
        let cells = vec![
            name(object),
            bound("minAvailable").into(),
            bound("maxUnavailable").into(),
            allowed.into(),
            age(object, now),
        ];
        Row { cells, conditions: Vec::new() }
    }
}

fn clean_status(status: &mut Value) {
    map_of(status);
    drop_empty(status, &["conditions", "disruptedPods", "observedGeneration"]);
    for count in COUNTS {
        default_to(status, count, 0);
    }
}

/// `ValidatePodDisruptionBudgetSpec`.
fn validate_spec(budget: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    let Some(spec) = get(budget, "spec") else { return errors };
    let (min, max) = (get(spec, "minAvailable"), get(spec, "maxUnavailable"));
    if let (Some(min), Some(max)) = (min, max) {
        // Upstream shows its internal type, whose fields have Go's names and order.
        let null = &Value::Null;
        let (selector, policy) =
            (spec.get("selector").unwrap_or(null), spec.get("unhealthyPodEvictionPolicy").unwrap_or(null));
        let shown = format!(
            "{{\"MinAvailable\":{min},\"Selector\":{selector},\"MaxUnavailable\":{max},\"UnhealthyPodEvictionPolicy\":{policy}}}"
        );
        let body = format!("Invalid value: {shown}: minAvailable and maxUnavailable cannot be both set");
        errors.push(FieldError { error_type: ErrorType::Invalid, field: path.to_string(), body });
    }
    for (field, value) in [("minAvailable", min), ("maxUnavailable", max)] {
        if let Some(value) = value {
            validate_bound(&mut errors, &path.child(field), value);
        }
    }
    if let Some(selector) = get(spec, "selector") {
        validate_selector(&mut errors, &path.child("selector"), selector);
    }
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    if let Some(policy) = get(spec, "unhealthyPodEvictionPolicy").and_then(Value::as_str)
        && !policies.contains(&policy)
    {
        errors.push(path.child("unhealthyPodEvictionPolicy").not_supported(policy, &policies));
    }
    errors
}

/// A whole number or a percentage of at most 100 (`ValidatePositiveIntOrPercent`, `IsNotMoreThan100Percent`).
fn validate_bound(errors: &mut FieldErrors, path: &Path, value: &Value) {
    let Some(text) = value.as_str() else {
        require_not_negative(errors, path, value.as_i64());
        return;
    };
    let digits = text.strip_suffix('%').filter(|digits| !digits.is_empty());
    match digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit())) {
        None => errors.push(path.invalid(text, PERCENT_RULE)),
        Some(digits) if digits.parse::<u64>().is_ok_and(|percent| percent <= 100) => {}
        Some(_) => errors.push(path.invalid(text, "must not be greater than 100%")),
    }
}

/// `ValidatePodDisruptionBudgetStatusUpdate`.
fn validate_status(budget: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("status");
    let Some(status) = get(budget, "status") else { return errors };
    let conditions = items(status, "conditions");
    for (index, condition) in conditions.iter().enumerate() {
        let path = path.child("conditions").index(index);
        let kind = text(condition, "type");
        if conditions[..index].iter().any(|earlier| text(earlier, "type") == kind) {
            errors.push(path.child("type").duplicate(kind));
        }
        validate_condition(&mut errors, &path, condition);
    }
    for count in COUNTS {
        require_not_negative(&mut errors, &path.child(count), int(status, count));
    }
    errors
}

/// `metav1.ValidateCondition`.
fn validate_condition(errors: &mut FieldErrors, path: &Path, condition: &Value) {
    validate_label_name(errors, &path.child("type"), text(condition, "type"));
    let statuses = ["False", "True", "Unknown"];
    if !statuses.contains(&text(condition, "status")) {
        errors.push(path.child("status").not_supported(text(condition, "status"), &statuses));
    }
    let generation = number(condition, "observedGeneration");
    if generation < 0 {
        errors.push(path.child("observedGeneration").invalid(generation, "must be greater than or equal to zero"));
    }
    if get(condition, "lastTransitionTime").is_none() {
        errors.push(path.child("lastTransitionTime").required(""));
    }
    let reason = text(condition, "reason");
    if reason.is_empty() {
        errors.push(path.child("reason").required(""));
    } else if !is_reason(reason) {
        let rule = "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
        errors.push(path.child("reason").invalid(reason, rule));
    }
    if reason.len() > MAX_REASON {
        errors.push(path.child("reason").too_long(MAX_REASON));
    }
    if text(condition, "message").len() > MAX_MESSAGE {
        errors.push(path.child("message").too_long(MAX_MESSAGE));
    }
}

fn is_reason(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b',' | b':');
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(inner)
        && text.ends_with(|letter: char| letter.is_ascii_alphanumeric() || letter == '_')
}
