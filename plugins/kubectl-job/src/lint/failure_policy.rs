//! Rules about `podFailurePolicy`. What the API server refuses is not repeated here.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Sink;

/// Exit codes of SIGKILL and SIGTERM.
const SIGNALS: [i64; 2] = [137, 143];

/// Checks the policy of a Job's spec, if it has one.
pub(super) fn check(spec: &Value, path: &str, sink: &mut Sink<'_>) {
    let Some(rules) = spec["podFailurePolicy"]["rules"].as_array() else { return };
    let path = format!("{path}.podFailurePolicy.rules");
    if !rules.iter().any(ignores_disruptions) {
        sink.add("failure-policy-disruptions", &path, "no rule ignores disruptions");
    }
    let containers = |list: &str| spec["template"]["spec"][list].as_array().map_or(0, Vec::len);
    let several = containers("containers") + containers("initContainers") > 1;
    for (index, rule) in rules.iter().enumerate() {
        let place = format!("{path}[{index}]");
        if let Some(earlier) = rules[..index].iter().position(|earlier| covers(earlier, rule)) {
            sink.add("failure-policy-shadowed", &place, format!("rule {} matches all that this one does", earlier + 1));
        }
        let codes = codes(rule);
        let is_after_disruptions = rules[..index].iter().any(matches_disruptions);
        if let Some(code) = SIGNALS.iter().find(|code| codes.contains(code) && is_in(rule) && !is_after_disruptions) {
            sink.add(
                "failure-policy-signals",
                format!("{place}.onExitCodes.values"),
                format!("it matches exit code {code}"),
            );
        }
        if several && !rule["onExitCodes"].is_null() && rule["onExitCodes"]["containerName"].is_null() {
            sink.add("failure-policy-all-containers", format!("{place}.onExitCodes"), "it names no container");
        }
    }
}

fn matches_disruptions(rule: &Value) -> bool {
    rule["onPodConditions"].as_array().into_iter().flatten().any(|condition| {
        condition["type"] == "DisruptionTarget" && condition["status"].as_str().unwrap_or("True") == "True"
    })
}

fn ignores_disruptions(rule: &Value) -> bool {
    rule["action"] == "Ignore" && matches_disruptions(rule)
}

fn is_in(rule: &Value) -> bool {
    rule["onExitCodes"]["operator"] == "In"
}

fn codes(rule: &Value) -> BTreeSet<i64> {
    rule["onExitCodes"]["values"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

/// Whether the earlier rule matches every pod that the later one matches: both by exit codes of one set of containers.
fn covers(earlier: &Value, later: &Value) -> bool {
    let (one, two) = (&earlier["onExitCodes"], &later["onExitCodes"]);
    if one.is_null()
        || two.is_null()
        || !(one["containerName"].is_null() || one["containerName"] == two["containerName"])
    {
        return false;
    }
    let (known, new) = (codes(earlier), codes(later));
    match (is_in(earlier), is_in(later)) {
        (true, true) => new.is_subset(&known),
        (false, true) => new.is_disjoint(&known),
        (false, false) => known.is_subset(&new),
        (true, false) => false,
    }
}
