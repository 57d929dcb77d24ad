//! Warnings, each with upstream's words.

use serde_json::{Value, json};

use crate::fixtures::{created, pi_job, pod, with};
use crate::job::JobStrategy;
use crate::pod::PodStrategy;
use crate::strategy::Strategy;

#[track_caller]
fn check(patch: Value, expected: &[&str]) {
    let pod = created(&PodStrategy, with(pod(), &patch));
    assert_eq!(PodStrategy.warnings(&pod, None), expected, "{patch}");
}

fn spec(spec: Value) -> Value {
    json!({ "spec": spec })
}

fn container(fields: Value) -> Value {
    spec(json!({"containers": [with(json!({"name": "main", "image": "busybox"}), &fields)]}))
}

#[test]
fn hidden_variables_are_told() {
    let env = |second: Value| container(json!({"env": [{"name": "A", "value": "1"}, second]}));
    let text = "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply";
    check(env(json!({"name": "A", "value": "2"})), &[text]);
    check(env(json!({"name": "A", "value": "$(A)"})), &[text]);
    check(env(json!({"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})), &[text]);
    check(env(json!({"name": "A", "value": "$(A),2"})), &[]);
    check(env(json!({"name": "B", "value": "2"})), &[]);
}

#[test]
fn ports_that_collide_are_told() {
    let ports = |one: Value, two: Value| container(json!({"ports": [one, two]}));
    let port = |fields: Value| with(json!({"containerPort": 80}), &fields);
    check(
        ports(port(json!({})), port(json!({}))),
        &["spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"],
    );
    check(
        ports(port(json!({"hostPort": 81})), port(json!({}))),
        &["spec.containers[0].ports[1]: overlapping port definition with spec.containers[0].ports[0]"],
    );
    check(
        ports(port(json!({"hostPort": 81})), port(json!({"hostPort": 81, "hostIP": "::1"}))),
        &["spec.containers[0].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[0]"],
    );
    check(
        ports(port(json!({"hostIP": "::1"})), port(json!({"containerPort": 81}))),
        &[
            "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP HostIP:::1}",
        ],
    );
    let named = |name: &str, port: i64| {
        let ports = json!([{"name": "p", "containerPort": port}]);
        json!({"name": name, "image": "i", "ports": ports})
    };
    check(
        spec(json!({"containers": [named("a", 80), named("b", 81)]})),
        &[
            "spec.containers[1].ports[0]: duplicate port name \"p\" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]",
        ],
    );
}

#[test]
fn what_is_deprecated_is_told() {
    check(
        spec(json!({"nodeSelector": {"beta.kubernetes.io/os": "linux"}})),
        &["spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use \"kubernetes.io/os\" instead"],
    );
    check(
        json!({"metadata": {"annotations": {"scheduler.alpha.kubernetes.io/critical-pod": ""}}}),
        &[
            "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the \"priorityClassName\" field instead",
        ],
    );
    check(
        spec(json!({"volumes": [{"name": "v", "gitRepo": {"repository": "r"}}]})),
        &["spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"],
    );
    check(
        json!({"metadata": {"annotations": {"seccomp.security.alpha.kubernetes.io/pod": "unconfined"}}}),
        &[
            "metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the \"seccompProfile\" field instead",
        ],
    );
}

#[test]
fn what_has_no_effect_is_told() {
    check(
        spec(json!({"topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
        ]})),
        &["spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod"],
    );
    check(
        spec(json!({"terminationGracePeriodSeconds": -1})),
        &["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"],
    );
    check(
        container(json!({"resources": {"requests": {"memory": "1500m"}}})),
        &[
            "spec.containers[0].resources.requests[memory]: fractional byte value \"1500m\" is invalid, must be an integer",
        ],
    );
    check(
        spec(json!({"imagePullSecrets": [{"name": "a"}, {"name": "a"}, {}]})),
        &[
            "spec.imagePullSecrets[1].name: duplicate name \"a\"",
            "spec.imagePullSecrets[2].name: invalid empty name \"\"",
        ],
    );
    check(
        spec(json!({"hostAliases": [{"ip": "::01"}]})),
        &["spec.hostAliases[0].ip: IPv6 address \"::01\" should be in RFC 5952 canonical format (\"::1\")"],
    );
}

#[test]
fn files_that_overlap_are_told() {
    let item = |path: &str| json!({"key": "k", "path": path});
    check(
        spec(
            json!({"volumes": [{"name": "v", "configMap": {"name": "c", "items": [item("a/b"), item("a"), item("ab")]}}]}),
        ),
        &["volume \"v\" (ConfigMap \"c\"): overlapping paths: \"a\" with \"a/b\""],
    );
    let sources = json!([{"secret": {"name": "s", "items": [item("a")]}}, {"configMap": {"name": "c", "items": [item("a/x")]}}, {}]);
    check(
        spec(json!({"volumes": [{"name": "v", "projected": {"sources": sources}}]})),
        &[
            "volume \"v\" (Projected): overlapping paths: \"a/x\" (ConfigMap \"c\") with \"a\" (Secret \"s\")",
            "volume \"v\" (Projected) has no sources provided",
        ],
    );
}

#[test]
fn a_jobs_template_is_warned_about_by_its_path() {
    let template = json!({"spec": {"template": {"spec": {"nodeSelector": {"beta.kubernetes.io/arch": "arm64"}}}}});
    let job = created(&JobStrategy, with(pi_job(), &template));
    let text = "spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use \"kubernetes.io/arch\" instead";
    assert_eq!(JobStrategy.warnings(&job, None), [text]);
    assert_eq!(JobStrategy.warnings(&job, Some(&job)), [""; 0]);
}
