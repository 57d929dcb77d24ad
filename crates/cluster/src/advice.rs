//! What this cluster does not honour of an object, as texts for `Warning` headers: nothing is ignored in silence.

use api::k8s::api::core::v1::{PodSpec, ServiceSpec};
use serde::Deserialize;
use serde_json::Value;

/// What becomes of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// They are local processes, some of them in sandboxes where the machine gives them.
    Runs { sandboxes: bool },
    /// They are acted out, and lack nothing.
    Acts,
}

/// The fields of a Job, or of a pod, that are stored and shown but have no effect here.
pub(crate) fn advice(object: &Value, node: Node) -> Vec<String> {
    let spec = &object["spec"];
    match object["kind"].as_str() {
        Some("Pod") => template_advice(object, "", node),
        Some("Job" | "ReplicationController") => template_advice(&spec["template"], "spec.template.", node),
        Some("CronJob") => {
            let template = &spec["jobTemplate"]["spec"]["template"];
            template_advice(template, "spec.jobTemplate.spec.template.", node)
        }
        Some("Service") => service_advice(spec),
        _ => Vec::new(),
    }
}

/// A pod, or the template of one, at the path `prefix`.
fn template_advice(template: &Value, prefix: &str, node: Node) -> Vec<String> {
    let mut texts = pod_advice(&template["spec"], &format!("{prefix}spec"), node);
    let names = template["metadata"]["annotations"].as_object().into_iter().flat_map(|annotations| annotations.keys());
    let unread = names.filter(|name| name.starts_with("kubectl-job/") && !kubelet::reads_annotation(name));
    texts.extend(
        unread.map(|name| format!("{prefix}metadata.annotations[{name}]: unknown annotation, it has no effect")),
    );
    texts
}

fn service_advice(spec: &Value) -> Vec<String> {
    ServiceSpec::deserialize(spec).map(|spec| service_proxy::table::unhonoured(&spec)).unwrap_or_default()
}

fn pod_advice(spec: &Value, prefix: &str, node: Node) -> Vec<String> {
    let Ok(pod_spec) = PodSpec::deserialize(spec) else { return Vec::new() };
    let sandboxes = node == Node::Runs { sandboxes: true };
    let mut fields = kubelet::unsupported(&pod_spec, sandboxes);
    // Not the kubelet's to tell: the Job controller sets it on every pod of an Indexed Job.
    if !sandboxes && pod_spec.hostname.is_some_and(|hostname| !hostname.is_empty()) {
        fields.push("spec.hostname".to_owned());
    }
    let note = |field: String| {
        let below = field.strip_prefix("spec.").unwrap_or(&field);
        let text = match (node, kubelet::obstacle(&field)) {
            (Node::Acts, _) => "not honoured, pods are acted out",
            (Node::Runs { .. }, Some(obstacle)) => obstacle,
            (Node::Runs { .. }, None) => "not honoured, pods are local processes",
        };
        format!("{prefix}.{below}: {text}")
    };
    fields.into_iter().map(note).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Node, advice};

    const PLAIN: Node = Node::Runs { sandboxes: false };
    const SANDBOXED: Node = Node::Runs { sandboxes: true };

    #[test]
    fn fields_without_effect_are_named_by_their_path_in_the_object() {
        let container = json!({"name": "c", "image": "x", "resources": {"limits": {"cpu": "1"}}});
        let spec = json!({"containers": [container]});
        let path = "containers[0].resources.limits.cpu: not honoured, pods are local processes";
        let pod = json!({"kind": "Pod", "spec": spec});
        assert_eq!(advice(&pod, PLAIN), [format!("spec.{path}")]);
        let job = json!({"kind": "Job", "spec": {"template": {"spec": spec}}});
        assert_eq!(advice(&job, PLAIN), [format!("spec.template.spec.{path}")]);
        assert!(advice(&json!({"kind": "ConfigMap", "spec": spec}), PLAIN).is_empty());
    }

    #[test]
    fn annotations_of_ours_that_nobody_reads_are_named() {
        let annotations = json!({"kubectl-job/exti": "1", "kubectl-job/exit.main": "1", "kubectl-job/network": "isolated", "theirs/exti": "1"});
        let template = json!({"metadata": {"annotations": annotations}, "spec": {"containers": []}});
        let job = json!({"kind": "Job", "spec": {"template": template}});
        let text = "spec.template.metadata.annotations[kubectl-job/exti]: unknown annotation, it has no effect";
        assert_eq!(advice(&job, PLAIN), [text]);
    }

    #[test]
    fn a_volume_that_keeps_its_pods_from_starting_is_told_so_unless_they_are_acted_out() {
        let volumes = json!([{"name": "d", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "n", "nfs": {"server": "s", "path": "/"}}]);
        let pod = json!({"kind": "Pod", "spec": {"containers": [], "volumes": volumes}});
        let claim = "spec.volumes[0].persistentVolumeClaim: pods with it never start, there are no claims here";
        let share = "spec.volumes[1].nfs: pods that mount it never start, a local process cannot have such a volume";
        assert_eq!(advice(&pod, SANDBOXED), [claim, share]);
        assert_eq!(advice(&pod, PLAIN), ["spec.volumes: not honoured, pods are local processes", claim]);
        let acted = advice(&pod, Node::Acts);
        assert!(acted.iter().all(|text| text.ends_with(": not honoured, pods are acted out")), "{acted:?}");
    }

    #[test]
    fn what_has_an_effect_is_not_advised_on() {
        assert!(
            advice(&json!({"kind": "ReplicationController", "spec": {"replicas": 3, "minReadySeconds": 1}}), PLAIN)
                .is_empty()
        );
        let job = json!({"kind": "Job", "spec": {"activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 0}});
        assert!(advice(&job, PLAIN).is_empty());
    }

    #[test]
    fn what_no_proxy_forwards_is_advised_on() {
        let service =
            json!({"kind": "Service", "spec": {"clusterIP": "127.96.0.7", "ports": [{"port": 53, "protocol": "UDP"}]}});
        assert_eq!(advice(&service, SANDBOXED), ["spec.ports[0].protocol: UDP is not forwarded"]);
    }

    #[test]
    fn a_host_name_is_advised_on_where_a_user_sets_it() {
        let spec = json!({"hostname": "h", "containers": []});
        let text = "spec.hostname: not honoured, pods are local processes";
        assert_eq!(advice(&json!({"kind": "Pod", "spec": spec}), PLAIN), [text]);
    }
}
