//! Pods with volumes, names, users and last words, end to end.

use client::Client;
use serde_json::{Value, json};

use super::common::{PODS, create, finished, job, log, pods, start, until_any};

const CONFIG_MAPS: fn() -> api::Gvr = || api::Gvr::known("", "v1", "configmaps");
const EVENTS: fn() -> api::Gvr = || api::Gvr::known("", "v1", "events");

/// A Job of one container, with these fields in its pod's and its container's spec.
fn boxed(name: &str, script: &str, pod: Value, container: Value) -> Value {
    let mut job = job(name, script, json!({"backoffLimit": 0}));
    let spec = &mut job["spec"]["template"]["spec"];
    for (field, value) in container.as_object().expect("fields") {
        spec["containers"][0][field] = value.clone();
    }
    for (field, value) in pod.as_object().expect("fields") {
        spec[field] = value.clone();
    }
    job
}

/// Runs a Job to its end; its pod, and what that printed.
async fn run(client: &Client, job: Value) -> (Value, String) {
    let name = job["metadata"]["name"].as_str().expect("a name").to_owned();
    create(client, job).await;
    finished(client, &name).await;
    let pod = pods(client, &name).await.remove(0);
    let text = log(client, pod["metadata"]["name"].as_str().expect("a name")).await;
    (pod, text)
}

async fn config_map(client: &Client, name: &str, data: Value) {
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
    client.create(&CONFIG_MAPS(), Some("default"), map).await.expect("created");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn containers_of_a_pod_share_an_empty_dir_that_goes_with_it() {
    let own = start().await;
    let client = own.cluster.client();
    let mount =
        json!([{"name": "work", "mountPath": "/work-of-a-test"}, {"name": "fast", "mountPath": "/fast-of-a-test"}]);
    let first = json!({"name": "first", "image": "shell", "volumeMounts": mount,
        "command": ["sh", "-c", "echo one >/work-of-a-test/file; echo two >/fast-of-a-test/file"]});
    let pod = json!({"initContainers": [first],
        "volumes": [{"name": "work", "emptyDir": {}}, {"name": "fast", "emptyDir": {"medium": "Memory"}}]});
    let text = "cat /work-of-a-test/file /fast-of-a-test/file";
    let (_, text) = run(&client, boxed("shared", text, pod, json!({"volumeMounts": mount}))).await;
    assert_eq!(text, "one\ntwo\n");
    own.cluster.shutdown().await;
    let left = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    assert!(left.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().ends_with("-fast")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_maps_secrets_and_the_pod_itself_are_files() {
    let own = start().await;
    let client = own.cluster.client();
    config_map(&client, "settings", json!({"a": "1", "b.sh": "echo two"})).await;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "stringData": {"password": "hunter2"}});
    client.create(&api::Gvr::known("", "v1", "secrets"), Some("default"), secret).await.expect("created");
    let downward = json!([{"path": "name", "fieldRef": {"fieldPath": "metadata.labels['job-name']"}}]);
    let volumes = json!([
        {"name": "settings", "configMap": {"name": "settings", "defaultMode": 0o555}},
        {"name": "all", "projected": {"sources": [
            {"secret": {"name": "keys", "items": [{"key": "password", "path": "deep/password", "mode": 0o400}]}},
            {"downwardAPI": {"items": downward}},
            {"serviceAccountToken": {"path": "token"}},
        ]}},
    ]);
    let mounts = json!([
        {"name": "settings", "mountPath": "/etc/settings-of-a-test", "readOnly": true},
        {"name": "settings", "mountPath": "/etc/one-of-a-test", "subPath": "a"},
        {"name": "all", "mountPath": "/all-of-a-test"},
    ]);
    let text = "cat /etc/settings-of-a-test/a; echo; /bin/sh /etc/settings-of-a-test/b.sh; cat /etc/one-of-a-test; echo; \
        cat /all-of-a-test/deep/password; echo; cat /all-of-a-test/name; echo; cut -d. -f2 /all-of-a-test/token | wc -l; \
        ls -l /all-of-a-test/deep/ | grep -o '^-r--------'; touch /etc/settings-of-a-test/no 2>/dev/null || echo read-only";
    let (pod, text) =
        run(&client, boxed("files", text, json!({"volumes": volumes}), json!({"volumeMounts": mounts}))).await;
    assert_eq!(text, "1\ntwo\n1\nhunter2\nfiles\n1\n-r--------\nread-only\n", "{:#}", pod["status"]);
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_config_map_is_waited_for_and_told() {
    let own = start().await;
    let client = own.cluster.client();
    let volumes = json!([{"name": "late", "configMap": {"name": "late"}}]);
    let mounts = json!([{"name": "late", "mountPath": "/late-of-a-test"}]);
    create(
        &client,
        boxed("waits", "cat /late-of-a-test/a", json!({"volumes": volumes}), json!({"volumeMounts": mounts})),
    )
    .await;
    let waits =
        |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating";
    until_any(&client, &PODS, None, waits).await;
    let told = "MountVolume.SetUp failed for volume \"late\" : configmap \"late\" not found";
    until_any(&client, &EVENTS(), None, |event| event["reason"] == "FailedMount" && event["message"] == told).await;
    config_map(&client, "late", json!({"a": "here"})).await;
    own.clock.skip(jiff::SignedDuration::from_mins(5));
    finished(&client, "waits").await;
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_has_its_host_name_aliases_and_user() {
    let own = start().await;
    let client = own.cluster.client();
    let aliases = json!([{"ip": "127.0.0.9", "hostnames": ["other-of-a-test"]}]);
    let pod =
        json!({"hostname": "pi-0", "hostAliases": aliases, "securityContext": {"runAsUser": 4321, "runAsGroup": 1234}});
    let text = "hostname; id -u; id -g; grep -c other-of-a-test /etc/hosts";
    let (_, text) = run(&client, boxed("named", text, pod, json!({}))).await;
    assert_eq!(text, "pi-0\n4321\n1234\n1\n");
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn last_words_are_in_the_status() {
    let own = start().await;
    let client = own.cluster.client();
    let words = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"].clone();
    let file = json!({"terminationMessagePath": "/words-of-a-test"});
    let (pod, _) = run(&client, boxed("file", "printf 'from a file' >/words-of-a-test; exit 1", json!({}), file)).await;
    assert_eq!(words(&pod), "from a file");
    let log = json!({"terminationMessagePolicy": "FallbackToLogsOnError"});
    let (pod, _) = run(&client, boxed("log", "echo first; echo from the log; exit 1", json!({}), log.clone())).await;
    assert_eq!(words(&pod), "first\nfrom the log\n");
    let (pod, _) = run(&client, boxed("well", "echo well", json!({}), log)).await;
    assert_eq!(words(&pod), Value::Null);
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandboxed_container_has_its_credentials_where_libraries_look() {
    let own = start().await;
    let client = super::common::http_client(&own).await;
    let script = "cd /var/run/secrets/kubernetes.io/serviceaccount && cat namespace && ls && touch no 2>/dev/null || echo read-only";
    let pod = json!({"hostname": "robot", "securityContext": {"runAsUser": 4321}});
    let (_, text) = run(&client, boxed("robot", script, pod, json!({}))).await;
    assert_eq!(text, "defaultca.crt\nkubeconfig\nnamespace\ntoken\nread-only\n");
    own.cluster.shutdown().await;
}
