//! What a PodDisruptionBudget's status is to say (`pkg/controller/disruption/disruption.go`). Pure.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use api::time::{rfc3339, whole_seconds};
use api::{Object, conditions};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// How long a pod that was evicted may take to be marked as deleted, before the budget counts it again.
pub(super) const DELETION_TIMEOUT: SignedDuration = SignedDuration::from_mins(2);

/// Whether a budget needs to know how many pods the owners of its pods want.
pub(super) fn needs_scale(budget: &Value) -> bool {
    let spec = &budget["spec"];
    !spec["maxUnavailable"].is_null() || spec["minAvailable"].is_string()
}

/// How many pods a budget expects, and how many of them are to be healthy. `scale` is what the owners want.
///
/// # Errors
/// When a percentage cannot be read.
pub(super) fn expected(budget: &Value, pods: usize, scale: i64) -> Result<(i64, i64), String> {
    let spec = &budget["spec"];
    let (max, min) = (&spec["maxUnavailable"], &spec["minAvailable"]);
    if !max.is_null() {
        return Ok((scale, (scale - scaled(max, scale)?).max(0)));
    }
    match min {
        Value::Null => Ok((0, 0)),
        Value::Number(number) => Ok((pods as i64, number.as_i64().unwrap_or_default())),
        percentage => Ok((scale, scaled(percentage, scale)?)),
    }
}

/// A number, or a share of `total`, rounded up.
fn scaled(value: &Value, total: i64) -> Result<i64, String> {
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    let text = value.as_str().unwrap_or_default();
    let percent = text.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok());
    let percent =
        percent.ok_or("invalid value for IntOrString: invalid type: string is not a percentage".to_owned())?;
    Ok((total * percent).div_euclid(100) + i64::from((total * percent).rem_euclid(100) > 0))
}

/// A new status, and when to look again although nothing changed.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// The status; `None` when it says all that already.
    pub(super) status: Option<Value>,
    /// When a pod that was evicted, and is still there, is to be counted again.
    pub(super) wake_at: Option<Timestamp>,
    /// Pods that were evicted long ago and are still there.
    pub(super) not_deleted: Vec<String>,
}

/// Plans the status of a budget over its pods.
pub(super) fn plan(budget: &Value, pods: &[&Object], (expected, desired): (i64, i64), now: Timestamp) -> Plan {
    let old = &budget["status"];
    let mut disrupted = BTreeMap::new();
    let (mut wake_at, mut not_deleted, mut healthy): (Option<Timestamp>, _, i64) = (None, Vec::new(), 0);
    for pod in pods.iter().filter(|pod| !pod.meta().is_deleting()) {
        let name = &pod.meta().name;
        let evicted = old["disruptedPods"][name].as_str().and_then(|text| text.parse::<Timestamp>().ok());
        let due = evicted.and_then(|time| time.checked_add(DELETION_TIMEOUT).ok());
        match due {
            Some(due) if due >= now => {
                wake_at = Some(wake_at.map_or(due, |known| known.min(due)));
                disrupted.insert(name.clone(), old["disruptedPods"][name].clone());
            }
            Some(_) => not_deleted.push(name.clone()),
            None => {}
        }
        if due.is_none_or(|due| due <= now) && conditions::is_true(&pod.to_value(), "Ready") {
            healthy += 1;
        }
    }
    let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
    let generation = budget["metadata"]["generation"].as_i64().unwrap_or_default();
    let mut status = json!({
        "observedGeneration": generation,
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": expected,
    });
    if !disrupted.is_empty() {
        status["disruptedPods"] = json!(disrupted);
    }
    let (truth, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    status["conditions"] = with_condition(old, truth, reason, "", generation, now);
    Plan { status: Some(status).filter(|status| status != old), wake_at, not_deleted }
}

/// The status of a budget that could not be worked out: nothing may be disrupted, and it says why.
pub(super) fn fail_safe(budget: &Value, why: &str, now: Timestamp) -> Value {
    let mut status = budget["status"].clone();
    let observed = status["observedGeneration"].as_i64().unwrap_or_default();
    status["disruptionsAllowed"] = 0.into();
    status["conditions"] = with_condition(&budget["status"], "False", "SyncFailed", why, observed, now);
    status
}

/// The conditions with `DisruptionAllowed` set; its time stays while its truth does.
fn with_condition(
    status: &Value,
    truth: &str,
    reason: &str,
    message: &str,
    observed_generation: i64,
    now: Timestamp,
) -> Value {
    let mut conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let mut condition = json!({
        "type": "DisruptionAllowed",
        "status": truth,
        "reason": reason,
        "message": message,
        "lastTransitionTime": rfc3339(whole_seconds(now)),
    });
    if observed_generation != 0 {
        condition["observedGeneration"] = observed_generation.into();
    }
    match conditions.iter_mut().find(|old| old["type"] == "DisruptionAllowed") {
        Some(old) => {
            if old["status"] == truth {
                condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
            *old = condition;
        }
        None => conditions.push(condition),
    }
    conditions.into()
}

/// A selector as Go prints it, which is how upstream's event shows it.
pub(super) fn shown_selector(selector: &Value) -> String {
    let labels: String = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}: {},", value.as_str().unwrap_or_default()))
        .collect();
    let requirement = |it: &Value| {
        let text = |name: &str| it[name].as_str().unwrap_or_default();
        let values: Vec<&str> = it["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        format!(
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{}],}},",
            text("key"),
            text("operator"),
            values.join(" ")
        )
    };
    let expressions: String = selector["matchExpressions"].as_array().into_iter().flatten().map(requirement).collect();
    format!(
        "&LabelSelector{{MatchLabels:map[string]string{{{labels}}},MatchExpressions:[]LabelSelectorRequirement{{{expressions}}},}}"
    )
}
