//! `spec.podFailurePolicy`: the first rule that matches a failed pod decides what its failure means
//! (`pkg/controller/job/pod_failure_policy.go`).

use api::k8s::api::batch::v1::{
    PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement as ExitCodes, PodFailurePolicyRule,
};

use super::PodView;
use super::pod::ContainerExit;

/// What a pod's failure means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts towards the limits: also what no rule matches.
    Count,
    /// It counts towards nothing.
    Ignore,
    /// Its index has failed.
    FailIndex,
    /// The Job has failed, with this message.
    FailJob(String),
}

/// Applies the policy, if there is one.
pub(super) fn judge(policy: Option<&PodFailurePolicy>, namespace: &str, pod: &PodView) -> Verdict {
    let rules = policy.map(|policy| policy.rules.as_slice()).unwrap_or_default();
    let verdict = |(index, rule)| apply(rule, index, namespace, pod);
    rules.iter().enumerate().find_map(verdict).unwrap_or(Verdict::Count)
}

/// `None` when the rule does not match, or its action is unknown.
fn apply(rule: &PodFailurePolicyRule, index: usize, namespace: &str, pod: &PodView) -> Option<Verdict> {
    let what = if let Some(requirement) = &rule.on_exit_codes {
        let exit = pod.exits.iter().find(|exit| matches(requirement, exit))?;
        format!("Container {} for pod {namespace}/{} failed with exit code {}", exit.name, pod.name, exit.exit_code)
    } else {
        let patterns = rule.on_pod_conditions.as_ref()?;
        let (condition, _) = pod.conditions.iter().find(|(condition_type, status)| {
            let wanted = |pattern: &Option<String>| pattern.as_deref().unwrap_or("True") == status;
            patterns.iter().any(|pattern| pattern.type_ == *condition_type && wanted(&pattern.status))
        })?;
        format!("Pod {namespace}/{} has condition {condition}", pod.name)
    };
    match rule.action.as_str() {
        "Count" => Some(Verdict::Count),
        "Ignore" => Some(Verdict::Ignore),
        "FailIndex" => Some(Verdict::FailIndex),
        "FailJob" => Some(Verdict::FailJob(format!("{what} matching FailJob rule at index {index}"))),
        _ => None,
    }
}

/// Exit code 0 matches nothing, `NotIn` included.
fn matches(requirement: &ExitCodes, exit: &ContainerExit) -> bool {
    let named = requirement.container_name.as_ref().is_none_or(|name| *name == exit.name);
    let listed = requirement.values.contains(&exit.exit_code);
    named
        && exit.exit_code != 0
        && match requirement.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            _ => false,
        }
}
