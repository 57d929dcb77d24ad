//! What this cluster does not honour of an object, as texts for `Warning` headers: nothing is ignored in silence.

use api::k8s::api::core::v1::PodSpec;
use serde::Deserialize;
use serde_json::Value;

/// The fields of a pod, or of a Job's template, that are stored and shown but have no effect here. The Job controller
/// honours every field of a Job itself.
pub(crate) fn advice(object: &Value) -> Vec<String> {
    let (pod_spec, prefix) = match object["kind"].as_str() {
        Some("Pod") => (&object["spec"], "spec"),
        Some("Job") => (&object["spec"]["template"]["spec"], "spec.template.spec"),
        _ => return Vec::new(),
    };
    let Ok(spec) = PodSpec::deserialize(pod_spec) else { return Vec::new() };
    let fields = kubelet::unsupported(&spec).into_iter();
    let note = |field: String| {
        let below = field.strip_prefix("spec.").unwrap_or(&field);
        format!("{prefix}.{below}: not honoured, pods are local processes")
    };
    fields.map(note).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::advice;

    #[test]
    fn fields_without_effect_are_named_by_their_path_in_the_object() {
        let container = json!({"name": "c", "image": "x", "resources": {"limits": {"cpu": "1"}}});
        let spec = json!({"containers": [container]});
        let path = "containers[0].resources.limits: not honoured, pods are local processes";
        let pod = json!({"kind": "Pod", "spec": spec});
        assert_eq!(advice(&pod), [format!("spec.{path}")]);
        let job = json!({"kind": "Job", "spec": {"template": {"spec": spec}}});
        assert_eq!(advice(&job), [format!("spec.template.spec.{path}")]);
        assert!(advice(&json!({"kind": "ConfigMap", "spec": spec})).is_empty());
    }
}
