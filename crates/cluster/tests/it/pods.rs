//! Bare pods: what a container's environment, restarts and end look like from the API.

use std::sync::Arc;

use clock::SystemClock;
use serde_json::{Value, json};

use super::common::{PODS, log, start, start_in, until};

fn pod(name: &str, spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "x"}}, "spec": spec})
}

#[tokio::test]
async fn environment_comes_from_everywhere_the_spec_says() {
    let own = start().await;
    let client = own.cluster.client();
    let config =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf"}, "data": {"a": "1", "b": "2"}});
    client.create(&api::resource::CONFIG_MAPS, Some("default"), config).await.expect("created");
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hush"}, "data": {"s": "c2VjcmV0"}});
    client.create(&api::resource::SECRETS, Some("default"), secret).await.expect("created");
    let env = json!([
        {"name": "PLAIN", "value": "p"},
        {"name": "JOINED", "value": "$(PLAIN)-$(a)-$$(a)"},
        {"name": "MINE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "APP", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "hush", "key": "s"}}},
    ]);
    let script = "echo $PLAIN $JOINED $MINE $APP $S $a $b $1";
    let container = json!({"name": "c", "image": "x", "command": ["sh", "-c", script, "sh"], "args": ["$(PLAIN)"],
        "env": env, "envFrom": [{"configMapRef": {"name": "conf"}}]});
    let spec = json!({"restartPolicy": "Never", "containers": [container]});
    client.create(&PODS, Some("default"), pod("env", spec)).await.expect("created");
    until(&client, &PODS, "env", |pod| pod["status"]["phase"] == "Succeeded").await;
    assert_eq!(log(&client, "env").await, "p p-1-$(a) env x secret 1 2 p\n");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_signal_is_reported_as_128_and_its_number() {
    let own = start().await;
    let client = own.cluster.client();
    let container = json!({"name": "c", "image": "x", "command": ["sh", "-c", "kill -9 $$$$"]});
    let spec = json!({"restartPolicy": "Never", "containers": [container]});
    client.create(&PODS, Some("default"), pod("killed", spec)).await.expect("created");
    let ended = until(&client, &PODS, "killed", |pod| pod["status"]["phase"] == "Failed").await;
    let terminated = &ended["status"]["containerStatuses"][0]["state"]["terminated"];
    assert_eq!((&terminated["exitCode"], &terminated["reason"]), (&json!(137), &json!("Error")));
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn on_failure_restarts_the_container_in_its_pod() {
    let own = start().await;
    let client = own.cluster.client();
    let script = "if [ -e tried ]; then exit 0; fi; touch tried; echo first; exit 1";
    let container = json!({"name": "c", "image": "x", "command": ["sh", "-c", script]});
    let spec = json!({"restartPolicy": "OnFailure", "containers": [container]});
    client.create(&PODS, Some("default"), pod("again", spec)).await.expect("created");
    let ended = until(&client, &PODS, "again", |pod| pod["status"]["phase"] == "Succeeded").await;
    let status = &ended["status"]["containerStatuses"][0];
    assert_eq!(status["restartCount"], 1);
    assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn an_unmapped_image_without_a_command_waits_and_says_what_to_do() {
    let own = start().await;
    let client = own.cluster.client();
    let container = json!({"name": "c", "image": "registry.example/app:1"});
    let spec = json!({"restartPolicy": "Never", "containers": [container]});
    client.create(&PODS, Some("default"), pod("unmapped", spec)).await.expect("created");
    let waiting = |pod: &Value| pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"].is_string();
    let pod = until(&client, &PODS, "unmapped", waiting).await;
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    let message = waiting["message"].as_str().expect("a message");
    assert!(message.contains("--map-image") && message.contains("registry.example/app:1"), "{message}");
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_cluster_sweeps_what_a_killed_one_left_and_leaves_nothing_itself() {
    let state = tempfile::tempdir().expect("a directory");
    let left = ["logs", "pods"].map(|root| state.path().join(root).join("0228db2a-59c2-4d84-a9f8-53c01cc22188"));
    let strange = state.path().join("pods").join("not-a-pod");
    for directory in left.iter().chain([&strange]) {
        std::fs::create_dir_all(directory.join("below")).expect("made");
    }
    let cluster = start_in(state.path(), Arc::new(SystemClock)).await;
    let client = cluster.client();
    let container = json!({"name": "c", "image": "x", "command": ["sh", "-c", "echo here; touch file"]});
    let spec = json!({"restartPolicy": "Never", "containers": [container]});
    client.create(&PODS, Some("default"), pod("tidy", spec.clone())).await.expect("created");
    until(&client, &PODS, "tidy", |pod| pod["status"]["phase"] == "Succeeded").await;
    assert_eq!(left.map(|directory| directory.exists()), [false, false]);
    assert_eq!(log(&client, "tidy").await, "here\n");
    cluster.shutdown().await;
    let names = |root: &str| {
        let entries = std::fs::read_dir(state.path().join(root)).expect("is there");
        entries.map(|entry| entry.expect("an entry").file_name()).collect::<Vec<_>>()
    };
    assert!(names("logs").is_empty());
    assert_eq!(names("pods"), ["not-a-pod"], "only what belongs to pods is removed");
}
