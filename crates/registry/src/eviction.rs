//! What `pods/eviction` decides on (`pkg/registry/core/pod/storage/eviction.go`): which pods need no leave, what a
//! PodDisruptionBudget says, and what is written to both.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use api::conditions;
use api::time::{rfc3339, whole_seconds};
use api::{Gvr, Reason, Status};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{child, child_map, entries, get, items, number, text};
use crate::labels;

/// More evictions than this may not be underway under one budget.
const MAX_DISRUPTED_PODS: usize = 2000;
/// The cause of a refusal.
const CAUSE: &str = "DisruptionBudget";
/// The condition of a budget.
const DISRUPTION_ALLOWED: &str = "DisruptionAllowed";
/// How upstream names the resource of a budget that it refuses to use.
const BUDGET: Gvr = Gvr::known("policy", "v1", "poddisruptionbudget");

/// Whether a pod may go without asking any budget: it ended, never ran, or is going already.
pub fn needs_no_leave(pod: &Value) -> bool {
    is_going(pod) || phase(pod) == "Pending"
}

/// Whether a pod ended or is going, so that nothing about it can change to matter to a budget.
pub fn is_going(pod: &Value) -> bool {
    let metadata = pod.get("metadata").unwrap_or(&Value::Null);
    matches!(phase(pod), "Succeeded" | "Failed") || get(metadata, "deletionTimestamp").is_some()
}

fn phase(pod: &Value) -> &str {
    get(pod, "status").map_or("", |status| text(status, "phase"))
}

/// Whether a pod is healthy in the sense of budgets.
pub fn is_ready(pod: &Value) -> bool {
    conditions::is_true(pod, "Ready")
}

/// Whether a budget is about a pod with these labels. One without a selector is about none; one with a selector that
/// cannot be read, too.
pub fn covers(budget: &Value, pod_labels: &BTreeMap<String, String>) -> bool {
    let selector = get(budget, "spec").and_then(|spec| get(spec, "selector"));
    selector.and_then(|selector| labels::matches(selector, |key| pod_labels.get(key).cloned())).unwrap_or(false)
}

/// Whether a budget lets a pod that is not ready go without counting it.
pub fn lets_unhealthy_go(budget: &Value) -> bool {
    let spec = budget.get("spec").unwrap_or(&Value::Null);
    if text(spec, "unhealthyPodEvictionPolicy") == "AlwaysAllow" {
        return true;
    }
    let status = budget.get("status").unwrap_or(&Value::Null);
    let desired = number(status, "desiredHealthy");
    number(status, "currentHealthy") >= desired && desired > 0
}

/// Marks a pod as evicted. Returns whether that changed anything.
pub fn mark(pod: &mut Value, now: Timestamp) -> bool {
    let condition = json!({
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": null,
        "lastTransitionTime": rfc3339(whole_seconds(now)),
    });
    set_condition(child(pod, "status"), condition)
}

/// Sets a condition; the time of its transition stays while its status does. Returns whether anything changed.
fn set_condition(status: &mut Value, mut condition: Value) -> bool {
    let conditions = child(status, "conditions");
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let list = conditions.as_array_mut().expect("just made a list");
    let Some(old) = list.iter_mut().find(|old| text(old, "type") == text(&condition, "type")) else {
        list.push(condition);
        return true;
    };
    if text(old, "status") == text(&condition, "status")
        && let Some(time) = get(old, "lastTransitionTime")
    {
        condition["lastTransitionTime"] = time.clone();
    }
    let changed = *old != condition;
    *old = condition;
    changed
}

/// 429: not now, but soon.
pub fn try_later(budget_name: &str) -> Status {
    let message = format!("The disruption budget {budget_name} is still being processed by the server.");
    too_many().with_retry_after(10).with_cause(CAUSE, &message, "")
}

fn too_many() -> Status {
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    let mut status = Status::failure(429, Reason::TOO_MANY_REQUESTS, message);
    status.details = Some(Box::default());
    status
}

/// Takes one disruption off a budget for a pod.
///
/// # Errors
/// 429 when the budget has none left or is not up to date, 403 when its status makes no sense.
pub fn take(budget: &mut Value, pod_name: &str, now: Timestamp) -> Result<(), Status> {
    let metadata = budget.get("metadata").unwrap_or(&Value::Null);
    let name = text(metadata, "name").to_owned();
    let status = budget.get("status").unwrap_or(&Value::Null);
    if number(status, "observedGeneration") < number(metadata, "generation") {
        return Err(try_later(&name));
    }
    let allowed = number(status, "disruptionsAllowed");
    if allowed < 0 {
        return Err(Status::forbidden(&BUDGET, &name, "pdb disruptions allowed is negative"));
    }
    if entries(status, "disruptedPods").count() > MAX_DISRUPTED_PODS {
        let why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
        return Err(Status::forbidden(&BUDGET, &name, why));
    }
    if allowed == 0 {
        return Err(too_many().with_cause(CAUSE, &refusal(&name, status), ""));
    }
    let now_text = rfc3339(whole_seconds(now));
    let status = child(budget, "status");
    child_map(status, "disruptedPods").insert(pod_name.to_owned(), now_text.into());
    child(budget, "status")["disruptionsAllowed"] = (allowed - 1).into();
    if allowed == 1 {
        set_allowed_condition(budget, now);
    }
    Ok(())
}

fn refusal(name: &str, status: &Value) -> String {
    let condition = items(status, "conditions").iter().find(|condition| text(condition, "type") == DISRUPTION_ALLOWED);
    let told = condition.filter(|it| text(it, "status") == "False" && !text(it, "message").is_empty());
    let (desired, current) = (number(status, "desiredHealthy"), number(status, "currentHealthy"));
    match told {
        Some(told) if text(told, "reason") == "SyncFailed" => format!(
            "The disruption budget {name} does not allow evicting pods currently because it failed sync: {}",
            text(told, "message")
        ),
        _ if current <= desired => {
            format!("The disruption budget {name} needs {desired} healthy pods and has {current} currently")
        }
        Some(told) => format!(
            "The disruption budget {name} does not allow evicting pods currently ({}): {}",
            text(told, "reason"),
            text(told, "message")
        ),
        None => format!("The disruption budget {name} does not allow evicting pods currently"),
    }
}

/// The condition that says in one word whether the budget has disruptions left.
fn set_allowed_condition(budget: &mut Value, now: Timestamp) {
    let status = child(budget, "status");
    let allowed = number(status, "disruptionsAllowed") > 0;
    let (truth, reason) = if allowed { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let condition = json!({
        "type": DISRUPTION_ALLOWED,
        "status": truth,
        "reason": reason,
        "message": "",
        "lastTransitionTime": rfc3339(whole_seconds(now)),
        "observedGeneration": number(status, "observedGeneration"),
    });
    set_condition(status, condition);
}
