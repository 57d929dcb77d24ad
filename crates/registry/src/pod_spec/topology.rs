//! Validation of `topologySpreadConstraints`.

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::errors::require_positive;
use crate::fields::{get, int, items, number, text};
use crate::labels::validate_selector;
use crate::pod_spec::affinity::pods::validate_label_keys;

/// `validateTopologySpreadConstraints`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let constraints = items(spec, "topologySpreadConstraints");
    for (index, constraint) in constraints.iter().enumerate() {
        let path = path.index(index);
        validate_one(errors, &path, constraint);
        let (key, action) = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        let mut later = constraints[index + 1..].iter();
        if later.any(|later| text(later, "topologyKey") == key && text(later, "whenUnsatisfiable") == action) {
            let path = path.child("{topologyKey, whenUnsatisfiable}");
            errors.push(path.duplicate(format!("{{{key}, {action}}}")));
        }
        validate_domains(errors, &path.child("minDomains"), constraint, action);
        for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if let Some(policy) = get(constraint, name).and_then(Value::as_str)
                && !matches!(policy, "Honor" | "Ignore")
            {
                errors.push(path.child(name).not_supported(policy, &["Honor", "Ignore"]));
            }
        }
        validate_label_keys(errors, &path, constraint);
        if let Some(selector) = get(constraint, "labelSelector") {
            validate_selector(errors, &path.child("labelSelector"), selector);
        }
    }
}

fn validate_one(errors: &mut FieldErrors, path: &Path, constraint: &Value) {
    require_positive(errors, &path.child("maxSkew"), number(constraint, "maxSkew"));
    if text(constraint, "topologyKey").is_empty() {
        errors.push(path.child("topologyKey").required("can not be empty"));
    }
    let action = text(constraint, "whenUnsatisfiable");
    if !matches!(action, "DoNotSchedule" | "ScheduleAnyway") {
        errors.push(path.child("whenUnsatisfiable").not_supported(action, &["DoNotSchedule", "ScheduleAnyway"]));
    }
}

fn validate_domains(errors: &mut FieldErrors, path: &Path, constraint: &Value, action: &str) {
    let Some(domains) = int(constraint, "minDomains") else { return };
    require_positive(errors, path, domains);
    if action != "DoNotSchedule" {
        let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
        errors.push(path.invalid(domains, detail));
    }
}
