//! Names, addresses, operating system and namespaces; ephemeral containers.

use serde_json::{Value, json};

use super::check;
use crate::fixtures::{created, pod, texts, with};
use crate::pod::PodStrategy;

#[test]
fn dns_is_configured_within_limits() {
    let dns = |config: Value| json!({ "dnsConfig": config });
    check(dns(json!({"nameservers": ["10.0.0.1"], "searches": ["_a.b.", "."], "options": [{"name": "x"}]})), &[]);
    check(
        dns(json!({"nameservers": ["1.1.1.1", "1.1.1.2", "1.1.1.3", "x"]})),
        &[
            "spec.dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"x\"]: must not have more than 3 nameservers",
            "spec.dnsConfig.nameservers[3]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
        ],
    );
    check(dns(json!({"options": [{}]})), &["spec.dnsConfig.options[0]: Required value: must not be empty"]);
    let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')";
    check(dns(json!({"searches": ["A"]})), &[&format!("spec.dnsConfig.searches[0]: Invalid value: \"A\": {rule}")]);
    let many: Vec<String> = (0..33).map(|index| format!("d{index}")).collect();
    let shown = json!(many);
    check(
        dns(json!({ "searches": many })),
        &[&format!("spec.dnsConfig.searches: Invalid value: {shown}: must not have more than 32 search paths")],
    );
    check(
        json!({"dnsPolicy": "None", "dnsConfig": {"searches": ["a"]}}),
        &[
            "spec.dnsConfig.nameservers: Required value: must provide at least one DNS nameserver when `dnsPolicy` is None",
        ],
    );
}

#[test]
fn addresses_are_strict() {
    let alias = |ip: &str| json!({"hostAliases": [{"ip": ip, "hostnames": ["a.b"]}]});
    check(alias("::1"), &[]);
    check(alias("010.1.1.1"), &["spec.hostAliases[0].ip: Invalid value: \"010.1.1.1\": must not have leading 0s"]);
    check(
        alias("::ffff:1.2.3.4"),
        &["spec.hostAliases[0].ip: Invalid value: \"::ffff:1.2.3.4\": must not be an IPv4-mapped IPv6 address"],
    );
    check(
        alias(""),
        &["spec.hostAliases[0].ip: Invalid value: \"\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"],
    );
}

#[test]
fn a_hostname_is_overridden_alone() {
    check(
        json!({"hostnameOverride": "a", "setHostnameAsFQDN": true, "hostNetwork": true}),
        &[
            "spec.hostnameOverride: Forbidden: may not be specified when setHostnameAsFQDN is true",
            "spec.hostnameOverride: Forbidden: may not be specified when hostNetwork is true",
        ],
    );
    let long = format!("{}.{}", "a".repeat(40), "b".repeat(40));
    check(json!({ "hostnameOverride": long }), &["spec.hostnameOverride: Too long: may not be more than 64 bytes"]);
}

#[test]
fn user_namespaces_exclude_those_of_the_host() {
    check(
        json!({"hostUsers": false, "hostNetwork": true, "hostPID": true, "hostIPC": true}),
        &[
            "spec.hostNetwork: Forbidden: when `hostUsers` is false",
            "spec.HostPID: Forbidden: when `hostUsers` is false",
            "spec.HostIPC: Forbidden: when `hostUsers` is false",
        ],
    );
}

#[test]
fn an_operating_system_limits_the_fields() {
    check(json!({"os": {"name": ""}}), &["spec.os.name: Required value"]);
    check(
        json!({"os": {"name": "x"}}),
        &["spec.os: Unsupported value: \"x\": supported values: \"linux\", \"windows\""],
    );
    check(
        json!({"os": {"name": "linux"}, "securityContext": {"windowsOptions": {}}}),
        &["spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod"],
    );
    let container = json!({"name": "main", "image": "i", "securityContext": {"privileged": true}});
    check(
        json!({"os": {"name": "windows"}, "hostPID": true, "securityContext": {"runAsUser": 1}, "containers": [container]}),
        &[
            "spec.hostPID: Forbidden: cannot be set for a windows pod",
            "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod",
            "spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows pod",
        ],
    );
}

#[test]
fn host_processes_come_all_or_none() {
    let container = |name: &str, own: Option<bool>| {
        let options = own.map_or(json!({}), |own| json!({"windowsOptions": {"hostProcess": own}}));
        json!({"name": name, "image": "i", "securityContext": options})
    };
    check(
        json!({"containers": [container("a", Some(true)), container("b", None)]}),
        &[
            "spec: Invalid value: \"\": If pod contains any hostProcess containers then all containers must be HostProcess containers",
            "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers",
        ],
    );
    check(
        json!({
            "hostNetwork": true,
            "securityContext": {"windowsOptions": {"hostProcess": false}},
            "containers": [container("a", Some(true))],
        }),
        &[
            "spec.containers[0].securityContext.windowsOptions.hostProcess: Invalid value: true: pod hostProcess value must be identical if both are specified, was false",
        ],
    );
}

#[test]
fn signals_need_a_system_that_has_them() {
    let stop = |signal: &str, os: Option<&str>| {
        let container = json!({"name": "main", "image": "i", "lifecycle": {"stopSignal": signal}});
        let os = os.map_or(Value::Null, |name| json!({ "name": name }));
        json!({"containers": [container], "os": os})
    };
    let path = "spec.containers[0].lifecycle.stopSignal";
    check(stop("SIGUSR1", Some("linux")), &[]);
    check(stop("SIGRTMIN+3", Some("linux")), &[]);
    check(
        stop("SIGTERM", None),
        &[&format!("{path}: Forbidden: may not be set for containers with empty `spec.os.name`")],
    );
    check(
        stop("SIGHUP", Some("windows")),
        &[&format!("{path}: Unsupported value: \"SIGHUP\": supported values: \"SIGKILL\", \"SIGTERM\"")],
    );
}

#[test]
fn ephemeral_containers_are_plain() {
    let errors = |container: Value| {
        let container = with(json!({"name": "debug", "image": "i"}), &container);
        let pod = created(&PodStrategy, with(pod(), &json!({"spec": {"ephemeralContainers": [container]}})));
        let mut errors = api::field::FieldErrors::new();
        let path = api::field::Path::new("spec");
        crate::pod_spec::validate(&mut errors, &path, &pod["spec"], crate::pod_spec::Holder::Pod);
        texts(errors)
    };
    let path = "spec.ephemeralContainers[0]";
    assert_eq!(errors(json!({"targetContainerName": "main"})), [""; 0]);
    assert_eq!(errors(json!({"name": "main"})), [format!("{path}.name: Duplicate value: \"main\"")]);
    assert_eq!(errors(json!({"targetContainerName": "x"})), [format!("{path}.targetContainerName: Not found: \"x\"")]);
    assert_eq!(
        errors(json!({
            "ports": [{"containerPort": 80}],
            "resources": {"limits": {"cpu": "1"}},
            "livenessProbe": {"exec": {"command": ["true"]}},
        })),
        ["ports", "resources", "livenessProbe"]
            .map(|name| format!("{path}.{name}: Forbidden: cannot be set for an Ephemeral Container"))
    );
}
