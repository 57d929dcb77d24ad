//! Addresses of pods: each has its own, knows it, and gives it back.

use std::collections::BTreeSet;

use client::Client;
use serde_json::{Value, json};

use super::common::{PODS, log, start, until};

fn pod(name: &str, spec: Value) -> Value {
    let address =
        |field: &str| json!({"name": field.replace('.', "_"), "valueFrom": {"fieldRef": {"fieldPath": field}}});
    let container = json!({
        "name": "c", "image": "x", "command": ["sh", "-c", "echo $status_podIP $status_hostIP"],
        "env": [address("status.podIP"), address("status.hostIP")],
    });
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    });
    for (field, value) in spec.as_object().expect("a spec") {
        pod["spec"][field] = value.clone();
    }
    pod
}

/// Runs a pod to its end; its address, and what it printed.
async fn run(client: &Client, name: &str, spec: Value) -> (String, String) {
    client.create(&PODS, Some("default"), pod(name, spec)).await.expect("created");
    let pod = until(client, &PODS, name, |pod| pod["status"]["phase"] == "Succeeded").await;
    assert_eq!(pod["status"]["podIPs"], json!([{"ip": pod["status"]["podIP"]}]));
    assert_eq!(pod["status"]["hostIP"], "127.0.0.1");
    let ip = pod["status"]["podIP"].as_str().expect("an address").to_owned();
    (ip, log(client, name).await)
}

#[tokio::test]
async fn each_pod_has_an_address_of_its_own_and_is_told_of_it() {
    let own = start().await;
    let client = own.cluster.client();
    let mut seen = BTreeSet::new();
    for name in ["a", "b", "c"] {
        let (ip, printed) = run(&client, name, json!({})).await;
        assert_eq!(printed, format!("{ip} 127.0.0.1\n"));
        // Anybody may bind it, so the pod may.
        std::net::TcpListener::bind((ip.as_str(), 0)).expect("an address of this machine");
        assert!(ip.starts_with("127.") && ip != "127.0.0.1" && seen.insert(ip), "{seen:?}");
    }
    let (ip, printed) = run(&client, "host", json!({"hostNetwork": true})).await;
    assert_eq!((ip.as_str(), printed.as_str()), ("127.0.0.1", "127.0.0.1 127.0.0.1\n"));
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn two_clusters_give_their_pods_different_addresses() {
    let (one, other) = (start().await, start().await);
    let first = run(&one.cluster.client(), "a", json!({})).await.0;
    let second = run(&other.cluster.client(), "a", json!({})).await.0;
    assert_ne!(first, second);
    one.cluster.shutdown().await;
    other.cluster.shutdown().await;
}
