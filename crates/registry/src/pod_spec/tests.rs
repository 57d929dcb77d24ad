//! Rules of pod specs, each with upstream's message.

mod host;
mod scheduling;
mod security;
mod volumes;
mod warnings;

use serde_json::{Value, json};

use crate::fixtures::{create_errors, pi_job, pod, with, with_at};
use crate::job::JobStrategy;
use crate::pod::PodStrategy;

/// A pod whose container has these fields too.
#[track_caller]
pub(super) fn check_container(patch: Value, expected: &[&str]) {
    let container = with(json!({"name": "main", "image": "busybox"}), &patch);
    let pod = with_at(pod(), "/spec/containers", json!([container]));
    assert_eq!(create_errors(&PodStrategy, pod), expected, "{patch}");
}

#[track_caller]
pub(super) fn check(patch: Value, expected: &[&str]) {
    assert_eq!(create_errors(&PodStrategy, with(pod(), &json!({ "spec": patch }))), expected, "{patch}");
}

const C: &str = "spec.containers[0]";

#[test]
fn containers_have_names_and_images() {
    check(json!({"containers": []}), &["spec.containers: Required value"]);
    check_container(json!({"name": null}), &[&format!("{C}.name: Required value")]);
    check_container(json!({"image": null}), &[&format!("{C}.image: Required value")]);
    let twice = json!({"containers": [{"name": "a", "image": "b"}, {"name": "a", "image": "b"}]});
    check(twice, &["spec.containers[1].name: Duplicate value: \"a\""]);
    let errors = create_errors(&PodStrategy, with_at(pod(), "/spec/containers/0/name", json!("A_b")));
    assert!(
        errors[0].starts_with(&format!("{C}.name: Invalid value: \"A_b\": a lowercase RFC 1123 label must consist"))
    );
}

#[test]
fn template_paths_begin_at_the_template() {
    let job = with_at(pi_job(), "/spec/template/spec/containers", json!([{"name": "a"}]));
    assert_eq!(create_errors(&JobStrategy, job), ["spec.template.spec.containers[0].image: Required value"]);
    let job = with_at(pi_job(), "/spec/template/spec/containers", Value::Null);
    assert_eq!(create_errors(&JobStrategy, job), ["spec.template.spec.containers: Required value"]);
    let debug = json!([{"name": "d", "image": "i"}]);
    let job = with_at(pi_job(), "/spec/template/spec/ephemeralContainers", debug);
    let expected =
        "spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template";
    assert_eq!(create_errors(&JobStrategy, job), [expected]);
}

#[test]
fn choices_are_limited() {
    for (field, known) in [
        ("imagePullPolicy", "\"Always\", \"IfNotPresent\", \"Never\""),
        ("terminationMessagePolicy", "\"File\", \"FallbackToLogsOnError\""),
    ] {
        let expected = format!("{C}.{field}: Unsupported value: \"X\": supported values: {known}");
        check_container(json!({ field: "X" }), &[&expected]);
    }
    check(
        json!({"dnsPolicy": "X"}),
        &[
            "spec.dnsPolicy: Unsupported value: \"X\": supported values: \"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"",
        ],
    );
    check(
        json!({"restartPolicy": "X"}),
        &["spec.restartPolicy: Unsupported value: \"X\": supported values: \"Always\", \"OnFailure\", \"Never\""],
    );
    check(
        json!({"dnsPolicy": "None"}),
        &["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
    );
}

#[test]
fn numbers_keep_to_their_ranges() {
    let range = "must be between 1 and 2147483647, inclusive";
    check(json!({"activeDeadlineSeconds": 0}), &[&format!("spec.activeDeadlineSeconds: Invalid value: 0: {range}")]);
    check(
        json!({"securityContext": {"runAsUser": -1, "supplementalGroups": [1, -2]}}),
        &[
            "spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
            "spec.securityContext.supplementalGroups[1]: Invalid value: -2: must be between 0 and 2147483647, inclusive",
        ],
    );
}

#[test]
fn environment_has_names_and_one_source() {
    let env = |env: Value| json!({"env": [env]});
    check_container(env(json!({"value": "x"})), &[&format!("{C}.env[0].name: Required value")]);
    check_container(
        env(json!({"name": "a=b"})),
        &[&format!(
            "{C}.env[0].name: Invalid value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other than '='"
        )],
    );
    check_container(
        env(json!({"name": "a", "valueFrom": {}})),
        &[&format!(
            "{C}.env[0].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        )],
    );
    let key = json!({"name": "c", "key": "k"});
    check_container(
        env(json!({"name": "a", "value": "b", "valueFrom": {"configMapKeyRef": key}})),
        &[&format!("{C}.env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty")],
    );
    check_container(
        env(json!({"name": "a", "valueFrom": {"configMapKeyRef": key, "secretKeyRef": key}})),
        &[&format!("{C}.env[0].valueFrom: Invalid value: \"\": may not have more than one field specified at a time")],
    );
    check_container(
        env(json!({"name": "a", "valueFrom": {"secretKeyRef": {"name": "c"}}})),
        &[&format!("{C}.env[0].valueFrom.secretKeyRef.key: Required value")],
    );
    check_container(
        json!({"envFrom": [{}]}),
        &[&format!("{C}.envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`")],
    );
    check_container(
        json!({"envFrom": [{"secretRef": {}}]}),
        &[&format!("{C}.envFrom[0].secretRef.name: Required value")],
    );
}

#[test]
fn downward_fields_are_known() {
    let path = format!("{C}.env[0].valueFrom.fieldRef");
    let field = |field: &str| json!({"env": [{"name": "a", "valueFrom": {"fieldRef": {"fieldPath": field}}}]});
    check_container(field("metadata.labels['batch.kubernetes.io/job-completion-index']"), &[]);
    check_container(field("status.podIP"), &[]);
    let known = "\"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"";
    check_container(
        field("status.phase"),
        &[&format!("{path}.fieldPath: Unsupported value: \"status.phase\": supported values: {known}")],
    );
    check_container(
        field("spec.foo"),
        &[&format!(
            "{path}.fieldPath: Invalid value: \"spec.foo\": error converting fieldPath: field label not supported: spec.foo"
        )],
    );
    let resource = json!({"resource": "limits.cpu", "divisor": "2"});
    check_container(
        json!({"env": [{"name": "a", "valueFrom": {"resourceFieldRef": resource}}]}),
        &[&format!(
            "{C}.env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only divisor's values 1m and 1 are supported with the cpu resource"
        )],
    );
}

#[test]
fn ports_are_in_range_and_unique() {
    let ports = |ports: Value| json!({ "ports": ports });
    check_container(ports(json!([{"name": "x"}])), &[&format!("{C}.ports[0].containerPort: Required value")]);
    check_container(
        ports(json!([{"containerPort": 65_536}])),
        &[&format!("{C}.ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive")],
    );
    check_container(
        ports(json!([{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}])),
        &[&format!("{C}.ports[1].name: Duplicate value: \"a\"")],
    );
    check_container(
        ports(json!([{"containerPort": 1, "hostPort": 9}, {"containerPort": 2, "hostPort": 9}])),
        &[&format!("{C}.ports[1].hostPort: Duplicate value: \"TCP//9\"")],
    );
    check_container(
        ports(json!([{"containerPort": 1, "protocol": "X"}])),
        &[&format!("{C}.ports[0].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"")],
    );
    check_container(
        ports(json!([{"containerPort": 1, "name": "1"}])),
        &[&format!("{C}.ports[0].name: Invalid value: \"1\": must contain at least one letter (a-z)")],
    );
}

#[test]
fn requests_are_quantities_within_limits() {
    let resources = |resources: Value| json!({ "resources": resources });
    check_container(
        resources(json!({"limits": {"cpu": "1"}, "requests": {"cpu": "2"}})),
        &[&format!("{C}.resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1")],
    );
    check_container(
        resources(json!({"requests": {"cpu": "-1"}})),
        &[&format!("{C}.resources.requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0")],
    );
    check_container(
        resources(json!({"requests": {"cpu": "x"}})),
        &[&format!(
            "{C}.resources.requests[cpu]: Invalid value: \"x\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )],
    );
    check_container(
        resources(json!({"requests": {"gold": "1"}})),
        &[
            &format!(
                "{C}.resources.requests[gold]: Invalid value: \"gold\": must be a standard resource type or fully qualified"
            ),
            &format!(
                "{C}.resources.requests[gold]: Invalid value: \"gold\": must be a standard resource for containers"
            ),
        ],
    );
    check_container(
        resources(json!({"requests": {"example.com/gpu": "1"}})),
        &[&format!("{C}.resources.limits: Required value: Limit must be set for non overcommitable resources")],
    );
    check_container(
        resources(json!({"limits": {"example.com/gpu": "500m"}})),
        &[
            &format!("{C}.resources.limits[example.com/gpu]: Invalid value: \"500m\": must be an integer"),
            &format!("{C}.resources.requests[example.com/gpu]: Invalid value: \"500m\": must be an integer"),
        ],
    );
}

#[test]
fn volumes_are_named_once_and_have_one_source() {
    let volumes = |volumes: Value| json!({ "volumes": volumes });
    check(volumes(json!([{"emptyDir": {}}])), &["spec.volumes[0].name: Required value"]);
    check(volumes(json!([{"name": "a"}, {"name": "a"}])), &["spec.volumes[1].name: Duplicate value: \"a\""]);
    check(
        volumes(json!([{"name": "a", "emptyDir": {}, "hostPath": {"path": "/x"}}])),
        &["spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"],
    );
    check(volumes(json!([{"name": "a", "configMap": {}}])), &["spec.volumes[0].configMap.name: Required value"]);
    check(volumes(json!([{"name": "a", "secret": {}}])), &["spec.volumes[0].secret.secretName: Required value"]);
    check(
        volumes(json!([{"name": "a", "hostPath": {"path": "/x/../y", "type": "Disk"}}])),
        &[
            "spec.volumes[0].hostPath.path: Invalid value: \"/x/../y\": must not contain '..'",
            "spec.volumes[0].hostPath.type: Unsupported value: \"Disk\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", \"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"",
        ],
    );
    check(
        volumes(json!([{"name": "a", "configMap": {"name": "c", "defaultMode": 512}}])),
        &[
            "spec.volumes[0].configMap.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
        ],
    );
}

#[test]
fn mounts_name_a_volume_and_a_path_of_their_own() {
    let mounts = |mounts: Value| json!({ "volumeMounts": mounts });
    check_container(
        mounts(json!([{"name": "a", "mountPath": "/x"}])),
        &[&format!("{C}.volumeMounts[0].name: Not found: \"a\"")],
    );
    let spec = json!({
        "volumes": [{"name": "a"}],
        "containers": [{"name": "m", "image": "i", "volumeMounts": [
            {"name": "a", "mountPath": "/x"}, {"name": "a", "mountPath": "/x"}, {"name": "a"}]}],
    });
    check(
        spec,
        &[
            &format!("{C}.volumeMounts[1].mountPath: Invalid value: \"/x\": must be unique"),
            &format!("{C}.volumeMounts[2].mountPath: Required value"),
        ],
    );
}

#[test]
fn probes_have_one_handler_and_right_numbers() {
    let probe = |probe: Value| json!({ "livenessProbe": probe });
    let path = format!("{C}.livenessProbe");
    check_container(probe(json!({})), &[&format!("{path}: Required value: must specify a handler type")]);
    let exec = json!({"command": ["true"]});
    check_container(
        probe(json!({"exec": exec, "tcpSocket": {"port": 1}})),
        &[&format!("{path}.tcpSocket: Forbidden: may not specify more than 1 handler type")],
    );
    check_container(
        probe(json!({"exec": exec, "periodSeconds": -1, "successThreshold": 2})),
        &[
            &format!("{path}.periodSeconds: Invalid value: -1: must be greater than or equal to 0"),
            &format!("{path}.successThreshold: Invalid value: 2: must be 1"),
        ],
    );
    check_container(probe(json!({"exec": {}})), &[&format!("{path}.exec.command: Required value")]);
    check_container(
        json!({"readinessProbe": {"exec": exec, "terminationGracePeriodSeconds": 5}}),
        &[&format!(
            "{C}.readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes"
        )],
    );
    check_container(
        json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}}),
        &[&format!(
            "{C}.lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)"
        )],
    );
}

#[test]
fn init_containers_have_unique_names_and_no_probes() {
    let init = json!({"name": "main", "image": "i", "livenessProbe": {"exec": {"command": ["true"]}}});
    check(
        json!({"initContainers": [init]}),
        &[
            "spec.initContainers[0].name: Duplicate value: \"main\"",
            "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ],
    );
}

#[test]
fn restart_rules_need_a_policy() {
    let rule = json!({"action": "Restart", "exitCodes": {"operator": "In", "values": [1]}});
    check_container(
        json!({"restartPolicyRules": [rule]}),
        &[&format!("{C}.restartPolicy: Required value: must specify restartPolicy when restart rules are used")],
    );
    check_container(json!({"restartPolicy": "Never", "restartPolicyRules": [rule]}), &[]);
    check_container(
        json!({"restartPolicy": "Never", "restartPolicyRules": [{"action": "Restart"}]}),
        &[&format!("{C}.restartPolicyRules[0].exitCodes: Required value: must be specified")],
    );
}

#[test]
fn scheduling_fields_are_checked() {
    check(
        json!({"tolerations": [{"operator": "Equal", "value": "x"}]}),
        &[
            "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
        ],
    );
    check(
        json!({"tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 1}]}),
        &[
            "spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
        ],
    );
    check(
        json!({"schedulingGates": [{"name": "a.io/b"}, {"name": "a.io/b"}]}),
        &["spec.schedulingGates[1]: Duplicate value: \"a.io/b\""],
    );
    let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}});
    check(
        json!({"affinity": {"nodeAffinity": required}}),
        &[
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
        ],
    );
}
