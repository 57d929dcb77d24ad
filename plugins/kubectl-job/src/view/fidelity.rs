//! Which fields of a pod template the local node does not enforce. No field is passed over in silence: what is not on
//! the list of honoured fields is reported, so a field that nobody has thought of is reported too.

use serde_json::Value;

/// Fields of a pod's spec that are honoured, or that mean nothing without a cluster's scheduler.
const POD: [&str; 10] = [
    "containers",
    "initContainers",
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "activeDeadlineSeconds",
    "dnsPolicy",
    "schedulerName",
    "enableServiceLinks",
    "serviceAccountName",
    "serviceAccount",
];

/// Fields of a container that are honoured.
const CONTAINER: [&str; 10] = [
    "name",
    "image",
    "command",
    "args",
    "env",
    "envFrom",
    "workingDir",
    "imagePullPolicy",
    "terminationMessagePath",
    "terminationMessagePolicy",
];

/// Paths of a Job's fields that a local node does not enforce.
pub(crate) fn not_enforced(job: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let Some(spec) = job.pointer("/spec/template/spec").and_then(Value::as_object) else { return found };
    for (name, value) in spec {
        if !POD.contains(&name.as_str()) && !is_idle(value) {
            found.push(format!("spec.template.spec.{name}"));
        }
    }
    for list in ["initContainers", "containers"] {
        let containers = spec.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (position, container) in containers.iter().enumerate() {
            for (name, value) in container.as_object().into_iter().flatten() {
                if !CONTAINER.contains(&name.as_str()) && !is_idle(value) {
                    found.push(format!("spec.template.spec.{list}[{position}].{name}"));
                }
            }
        }
    }
    found
}

/// Whether a value asks for nothing: null, false, or empty.
fn is_idle(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.values().all(is_idle),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_honoured_is_named_by_path() {
        let job = json!({"spec": {"template": {"spec": {
            "restartPolicy": "Never", "hostNetwork": true, "hostPID": false, "securityContext": {}, "nodeSelector": {"a": "b"},
            "containers": [{"name": "a", "image": "x", "command": ["y"], "resources": {"limits": {"cpu": "1"}}, "ports": []}],
        }}}});
        assert_eq!(
            not_enforced(&job),
            [
                "spec.template.spec.hostNetwork",
                "spec.template.spec.nodeSelector",
                "spec.template.spec.containers[0].resources",
            ]
        );
    }

    #[test]
    fn a_plain_job_is_enforced_wholly() {
        let job = json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "x", "command": ["y"]}]}}}});
        assert_eq!(not_enforced(&job), [""; 0]);
    }
}
