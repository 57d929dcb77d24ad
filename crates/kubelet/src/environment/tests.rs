//! Environments as tables: a container's YAML-like spec in, variables or the message out.

use serde_json::{Value, json};

use super::*;

fn host() -> Host {
    Host { ip: "127.0.0.1".to_owned(), pod_ip: "127.64.0.7".to_owned(), cpus: 2, memory_bytes: 1 << 30 }
}

fn sources() -> Sources {
    let config_map = serde_json::from_value(json!({"data": {"k": "v", "other": "o", "a=b": "no"}})).unwrap();
    let secret = serde_json::from_value(json!({"data": {"password": "aHVudGVyMg=="}})).unwrap();
    let around = [("WEB_SERVICE_HOST".to_owned(), "10.0.0.1".to_owned())].into();
    Sources { config_maps: [("cm".to_owned(), config_map)].into(), secrets: [("s".to_owned(), secret)].into(), around }
}

fn result(container: Value) -> Result<Vec<String>, String> {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u-1", "labels": {"app": "x"}, "annotations": {"a/b": "c"}},
        "spec": {"nodeName": "n", "serviceAccountName": "default", "containers": []},
    }))
    .unwrap();
    let mut container = container;
    container["name"] = "c".into();
    let container: Container = serde_json::from_value(container).unwrap();
    let variables = environment(&pod, &container, &host(), &sources()).map_err(|error| error.to_string())?;
    Ok(variables
        .iter()
        .filter(|(k, _)| *k != "HOSTNAME" && *k != "WEB_SERVICE_HOST")
        .map(|(k, v)| format!("{k}={v}"))
        .collect())
}

fn field(path: &str) -> Value {
    json!({"env": [{"name": "F", "valueFrom": {"fieldRef": {"fieldPath": path}}}]})
}

fn resource(name: &str, divisor: &str) -> Value {
    json!({
        "resources": {"limits": {"cpu": "250m", "memory": "64Mi"}, "requests": {"cpu": "100m"}},
        "env": [{"name": "R", "valueFrom": {"resourceFieldRef": {"resource": name, "divisor": divisor}}}],
    })
}

#[test]
fn variables_come_out_as_upstream_makes_them() {
    let cases = [
        (json!({}), vec![]),
        (
            json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$$(A)$(C)"}]}),
            vec!["A=1", "B=1$(A)$(C)"],
        ),
        (json!({"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2$(A)"}]}), vec!["A=21"]),
        (json!({"envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}]}), vec!["P_k=v", "P_other=o"]),
        (
            json!({"envFrom": [{"secretRef": {"name": "s"}}], "env": [{"name": "X", "value": "$(password)"}]}),
            vec!["X=hunter2", "password=hunter2"],
        ),
        (json!({"envFrom": [{"configMapRef": {"name": "no", "optional": true}}]}), vec![]),
        (json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}}]}), vec!["A=v"]),
        (
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no", "optional": true}}}]}),
            vec![],
        ),
        (field("metadata.name"), vec!["F=p"]),
        (field("metadata.namespace"), vec!["F=ns"]),
        (field("metadata.uid"), vec!["F=u-1"]),
        (field("metadata.labels['app']"), vec!["F=x"]),
        (field("metadata.annotations['a/b']"), vec!["F=c"]),
        (field("metadata.annotations['none']"), vec!["F="]),
        (field("spec.nodeName"), vec!["F=n"]),
        (field("spec.serviceAccountName"), vec!["F=default"]),
        (field("status.podIP"), vec!["F=127.64.0.7"]),
        (field("status.podIPs"), vec!["F=127.64.0.7"]),
        (field("status.hostIPs"), vec!["F=127.0.0.1"]),
        (resource("limits.cpu", "1m"), vec!["R=250"]),
        (resource("limits.cpu", "1"), vec!["R=1"]),
        (resource("limits.memory", "1Mi"), vec!["R=64"]),
        (resource("requests.cpu", "1m"), vec!["R=100"]),
        (resource("requests.memory", "1"), vec!["R=67108864"]),
    ];
    for (container, expected) in cases {
        assert_eq!(result(container.clone()).unwrap(), expected, "{container}");
    }
}

#[test]
fn what_is_missing_is_named_in_upstreams_words() {
    let cases = [
        (json!({"envFrom": [{"configMapRef": {"name": "no"}}]}), "configmap \"no\" not found"),
        (
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "no", "key": "k"}}}]}),
            "secret \"no\" not found",
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "no"}}}]}),
            "couldn't find key no in ConfigMap ns/cm",
        ),
        (
            json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "no"}}}]}),
            "couldn't find key no in Secret ns/s",
        ),
        (field("spec.nonsense"), "unsupported fieldPath: spec.nonsense"),
    ];
    for (container, expected) in cases {
        assert_eq!(result(container).unwrap_err(), expected);
    }
}

#[test]
fn what_is_around_a_container_goes_last_and_may_be_referred_to() {
    let pod = Pod::default();
    let around = |env: Value| {
        let container: Container = serde_json::from_value(json!({"name": "c", "env": env})).unwrap();
        environment(&pod, &container, &host(), &sources()).unwrap()
    };
    assert_eq!(around(json!([]))["WEB_SERVICE_HOST"], "10.0.0.1");
    assert_eq!(around(json!([{"name": "A", "value": "$(WEB_SERVICE_HOST)"}]))["A"], "10.0.0.1");
    let own =
        around(json!([{"name": "WEB_SERVICE_HOST", "value": "mine"}, {"name": "A", "value": "$(WEB_SERVICE_HOST)"}]));
    assert_eq!((own["WEB_SERVICE_HOST"].as_str(), own["A"].as_str()), ("mine", "mine"));
}
