//! Priority (`plugin/pkg/admission/priority`): a pod's class becomes a number.

use std::sync::Arc;

use api::{Gvr, Object, Status};
use serde_json::Value;

use super::Attempt;
use crate::fields::{child, flag, get, int, map_of, text};
use crate::surroundings::Surroundings;

/// `scheduling.k8s.io/v1 priorityclasses`.
const CLASSES: Gvr = Gvr::known("scheduling.k8s.io", "v1", "priorityclasses");
const DEFAULT_POLICY: &str = "PreemptLowerPriority";

/// Sets priority and preemption policy of a new pod.
pub(super) fn assign(attempt: &Attempt<'_>, pod: &mut Value, around: &dyn Surroundings) -> Result<(), Status> {
    let spec = child(pod, "spec");
    let wanted = text(spec, "priorityClassName").to_owned();
    let class = if wanted.is_empty() {
        default_class(around)
    } else {
        let class = around.get(&CLASSES, None, &wanted);
        Some(class.ok_or_else(|| attempt.forbidden(format!("no PriorityClass with name {wanted} was found")))?)
    };
    let (mut priority, mut policy) = (0, DEFAULT_POLICY.to_owned());
    if let Some(class) = class {
        let value = class.to_value();
        (priority, policy) = (int(&value, "value").unwrap_or(0), text(&value, "preemptionPolicy").to_owned());
        map_of(spec).insert("priorityClassName".to_owned(), class.meta().name.as_str().into());
    }
    if let Some(given) = int(spec, "priority").filter(|given| *given != priority) {
        return Err(attempt.forbidden(format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
        )));
    }
    let given = get(spec, "preemptionPolicy").and_then(Value::as_str);
    if let Some(given) = given.filter(|given| *given != policy) {
        return Err(attempt.forbidden(format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        )));
    }
    map_of(spec).insert("priority".to_owned(), priority.into());
    map_of(spec).insert("preemptionPolicy".to_owned(), policy.into());
    Ok(())
}

/// A client that does not know the fields does not take them away.
pub(super) fn keep(pod: &mut Value, old: &Value) {
    let before = old.get("spec").unwrap_or(&Value::Null);
    let spec = map_of(child(pod, "spec"));
    for field in ["priority", "preemptionPolicy"] {
        if let Some(value) = get(before, field).filter(|_| spec.get(field).is_none_or(Value::is_null)) {
            spec.insert(field.to_owned(), value.clone());
        }
    }
}

/// The class that pods without one get: of several, the lowest.
fn default_class(around: &dyn Surroundings) -> Option<Arc<Object>> {
    let is_default = |class: &Arc<Object>| class.field("/globalDefault") == Some(Value::Bool(true));
    let value = |class: &Arc<Object>| class.field("/value").and_then(|value| value.as_i64()).unwrap_or(0);
    around.list(&CLASSES, None).into_iter().filter(is_default).min_by_key(value)
}

/// Only one class is the default.
pub(super) fn check_default(attempt: &Attempt<'_>, class: &Value, around: &dyn Surroundings) -> Result<(), Status> {
    if !flag(class, "globalDefault") {
        return Ok(());
    }
    match default_class(around) {
        Some(other) if attempt.creates() || other.meta().name != attempt.name => Err(attempt.forbidden(format!(
            "PriorityClass {} is already marked as default. Only one default can exist",
            other.meta().name
        ))),
        _ => Ok(()),
    }
}
