//! Which pods a scope takes in (`podMatchesScopeFunc`).

use serde_json::Value;

use crate::fields::{at, get, int, items, text};
use crate::pod::qos;

/// Whether a pod ends by itself: the scope `Terminating`.
pub(super) fn is_bounded_in_time(pod: &Value) -> bool {
    get(pod, "spec").and_then(|spec| int(spec, "activeDeadlineSeconds")).is_some_and(|seconds| seconds >= 0)
}

/// Whether a scope takes a pod in.
pub(super) fn takes(pod: &Value, (scope, operator, values): (&str, &str, &[Value])) -> bool {
    let spec = pod.get("spec").unwrap_or(&Value::Null);
    match scope {
        "Terminating" => is_bounded_in_time(pod),
        "NotTerminating" => !is_bounded_in_time(pod),
        "BestEffort" => qos::class(spec) == "BestEffort",
        "NotBestEffort" => qos::class(spec) != "BestEffort",
        "PriorityClass" => {
            let class = text(spec, "priorityClassName");
            let listed = values.iter().any(|value| value.as_str() == Some(class));
            match operator {
                "Exists" => !class.is_empty(),
                "DoesNotExist" => class.is_empty(),
                "In" => !class.is_empty() && listed,
                "NotIn" => class.is_empty() || !listed,
                _ => false,
            }
        }
        "CrossNamespacePodAffinity" => ["podAffinity", "podAntiAffinity"]
            .iter()
            .any(|kind| at(spec, &["affinity", kind]).is_some_and(crosses_namespaces)),
        _ => false,
    }
}

fn crosses_namespaces(affinity: &Value) -> bool {
    let crosses = |term: &Value| !items(term, "namespaces").is_empty() || get(term, "namespaceSelector").is_some();
    let required = items(affinity, "requiredDuringSchedulingIgnoredDuringExecution");
    let preferred = items(affinity, "preferredDuringSchedulingIgnoredDuringExecution");
    required.iter().chain(preferred.iter().filter_map(|term| get(term, "podAffinityTerm"))).any(crosses)
}
