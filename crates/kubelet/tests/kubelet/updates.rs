//! Files of volumes follow the API while their pod runs.

use api::logs::LogOptions;
use futures::StreamExt;
use serde_json::{Value, json};

use super::{Node, node};

fn map(value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map", "namespace": "default"}, "data": {"key": value}})
}

/// Prints each change of a file, once.
fn watching(path: &str) -> String {
    format!("old=; while :; do new=$(cat {path}); [ \"$new\" = \"$old\" ] || echo \"$new\"; old=$new; sleep 0.02; done")
}

async fn says(node: &Node, name: &str, expected: &[&str], mut change: impl FnMut(usize)) {
    node.reaches(name, "Running").await;
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut log = node.kubelet.logs("default", name, &options).unwrap();
    let mut said = String::new();
    for (index, line) in expected.iter().enumerate() {
        while !said.ends_with(&format!("{line}\n")) {
            said.push_str(std::str::from_utf8(&log.next().await.unwrap().unwrap()).unwrap());
        }
        change(index);
    }
}

#[tokio::test]
async fn a_config_map_that_changes_changes_in_its_pods_but_not_below_a_sub_path() {
    let node = node();
    node.api.add("configmaps", map("one"));
    let script = watching("/of-a-test/key")
        .replace("new=$(cat /of-a-test/key)", "new=$(cat /of-a-test/key /of-a-test-part | tr '\\n' ' ')");
    let spec = json!({"restartPolicy": "Never",
        "volumes": [{"name": "v", "configMap": {"name": "map"}}],
        "containers": [{"name": "c", "image": "x", "command": ["sh", "-c", script], "volumeMounts": [
            {"name": "v", "mountPath": "/of-a-test"}, {"name": "v", "mountPath": "/of-a-test-part", "subPath": "key"}]}]});
    node.api.add_pod("live", spec);
    says(&node, "live", &["oneone", "twoone", "threeone"], |index| match index {
        0 => node.api.add("configmaps", map("two")),
        1 => node.api.add("configmaps", map("three")),
        _ => {}
    })
    .await;
}

#[tokio::test]
async fn labels_that_change_change_in_files() {
    let node = node();
    let spec = json!({"restartPolicy": "Never",
        "volumes": [{"name": "v", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}],
        "containers": [{"name": "c", "image": "x", "command": ["sh", "-c", watching("/of-a-test/labels")],
            "volumeMounts": [{"name": "v", "mountPath": "/of-a-test"}]}]});
    node.api.add_pod("labelled", spec);
    node.reaches("labelled", "Running").await;
    let mut pod = node.api.get("pods", "labelled").unwrap();
    pod["metadata"]["labels"] = json!({"a": "b"});
    node.api.add("pods", pod);
    says(&node, "labelled", &["a=\"b\""], |_| {}).await;
}

#[tokio::test]
async fn volumes_belong_to_the_groups_of_their_pods_where_root_may_say_so() {
    let node = node();
    node.api.add("configmaps", map("one"));
    let script = "id -G; ls -ldn /of-a-test /of-a-test-map/..data/key | cut -d ' ' -f 1,4; touch /of-a-test/made; \
        ls -ln /of-a-test/made | cut -d ' ' -f 4";
    let spec = json!({"restartPolicy": "Never",
        "securityContext": {"fsGroup": 4321, "supplementalGroups": [77], "runAsUser": 1234, "runAsGroup": 1235},
        "volumes": [{"name": "e", "emptyDir": {}}, {"name": "m", "configMap": {"name": "map", "defaultMode": 256}}],
        "containers": [{"name": "c", "image": "x", "command": ["sh", "-c", script], "volumeMounts": [
            {"name": "e", "mountPath": "/of-a-test"}, {"name": "m", "mountPath": "/of-a-test-map"}]}]});
    node.api.add_pod("grouped", spec);
    node.reaches("grouped", "Succeeded").await;
    let said = node.log("grouped", &LogOptions::default()).await.unwrap();
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if is_root {
        assert_eq!(said, "1235 77 4321\ndrwxrwsrwx 4321\n-r--r----- 4321\n4321\n");
    } else {
        // Nobody gives a group away that is not theirs: the node says that it is not honoured.
        assert!(said.starts_with("1235"), "{said}");
    }
}
