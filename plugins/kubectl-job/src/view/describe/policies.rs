//! Failure and success policies of a described Job, a rule a line, and which rule a failed pod matches.

use api::k8s::api::batch::v1::PodFailurePolicyRule;
use api::k8s::api::core::v1::Pod;

use super::{Reading, indent};
use crate::screen::escape;
use crate::view::facts;

/// The lines of both policies.
pub(super) fn text(reading: &Reading<'_>) -> String {
    let spec = facts::spec(&reading.job);
    let failure = spec.pod_failure_policy.as_ref().map(|policy| policy.rules.as_slice()).unwrap_or_default();
    let failure: Vec<String> = failure.iter().map(failure_rule).collect();
    let success = spec.success_policy.as_ref().map(|policy| policy.rules.as_slice()).unwrap_or_default();
    let success: Vec<String> = success
        .iter()
        .map(|rule| {
            let indexes = rule.succeeded_indexes.as_deref().map(|indexes| format!("of indexes {}", escape(indexes)));
            let count = rule.succeeded_count.map_or_else(|| "all".to_owned(), |count| count.to_string());
            format!("{count} succeeded {}", indexes.unwrap_or_default()).trim_end().to_owned()
        })
        .collect();
    if failure.is_empty() && success.is_empty() {
        return "Pod failure policy: <none>   Success policy: <none>\n".to_owned();
    }
    format!(
        "{}{}",
        policy(reading, "Pod failure policy", "spec.podFailurePolicy", &failure),
        policy(reading, "Success policy", "spec.successPolicy", &success)
    )
}

fn policy(reading: &Reading<'_>, name: &str, field: &str, rules: &[String]) -> String {
    if rules.is_empty() {
        return format!("{name}: <none>\n");
    }
    let line = |(number, rule): (usize, &String)| {
        format!("{number}  {rule}{}", reading.place(&format!("{field}.rules[{number}]")))
    };
    let lines: Vec<String> = rules.iter().enumerate().map(line).collect();
    format!("{name}:\n{}\n", indent(&lines.join("\n")))
}

/// `FailJob when a container exits In 42, 43`.
fn failure_rule(rule: &PodFailurePolicyRule) -> String {
    let when = if let Some(codes) = &rule.on_exit_codes {
        let who = codes.container_name.as_deref().map_or_else(|| "a container".to_owned(), |name| format!("{name:?}"));
        let values = codes.values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("when {who} exits {} {values}", codes.operator)
    } else {
        let patterns = rule.on_pod_conditions.as_deref().unwrap_or_default();
        let one = |pattern: &api::k8s::api::batch::v1::PodFailurePolicyOnPodConditionsPattern| {
            format!("{}={}", pattern.type_, pattern.status.as_deref().unwrap_or("True"))
        };
        format!("when the pod has {}", patterns.iter().map(one).collect::<Vec<_>>().join(" or "))
    };
    escape(&format!("{} {when}", rule.action)).into_owned()
}

/// The first rule of the failure policy that a failed pod matches, and its action
/// (`pkg/controller/job/pod_failure_policy.go`).
pub(super) fn matched(reading: &Reading<'_>, pod: &Pod) -> Option<(usize, String)> {
    let policy = facts::spec(&reading.job).pod_failure_policy.as_ref()?;
    let status = pod.status.as_ref().filter(|status| status.phase.as_deref() == Some("Failed"))?;
    let main = status.container_statuses.as_deref().unwrap_or_default();
    let init = status.init_container_statuses.as_deref().unwrap_or_default();
    let ends: Vec<(&str, i32)> = init
        .iter()
        .chain(main)
        .filter_map(|status| Some((status.name.as_str(), status.state.as_ref()?.terminated.as_ref()?.exit_code)))
        .collect();
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let matches = |rule: &PodFailurePolicyRule| match (&rule.on_exit_codes, &rule.on_pod_conditions) {
        (Some(codes), _) => ends.iter().any(|(name, code)| {
            let named = codes.container_name.as_deref().is_none_or(|wanted| wanted == *name);
            named && *code != 0 && codes.values.contains(code) == (codes.operator == "In")
        }),
        (None, Some(patterns)) => patterns.iter().any(|pattern| {
            let wanted = pattern.status.as_deref().unwrap_or("True");
            conditions.iter().any(|condition| condition.type_ == pattern.type_ && condition.status == wanted)
        }),
        (None, None) => false,
    };
    let found = policy.rules.iter().enumerate().find(|(_, rule)| matches(rule))?;
    Some((found.0, found.1.action.clone()))
}
