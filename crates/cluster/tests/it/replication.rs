//! ReplicationControllers with all their parts: pods come and go with `spec.replicas`, are replaced, left and adopted.

use api::{Gvr, Options, PatchType};
use client::Client;
use serde_json::{Value, json};

use super::common::{PODS, start, until, until_none};

const CONTROLLERS: Gvr = Gvr::known("", "v1", "replicationcontrollers");
const QUOTAS: Gvr = Gvr::known("", "v1", "resourcequotas");

fn controller(replicas: u32) -> Value {
    let container = json!({"name": "c", "image": "x", "command": ["sleep", "1000"]});
    let spec = json!({"terminationGracePeriodSeconds": 0, "containers": [container]});
    json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
    })
}

async fn pods(client: &Client) -> Vec<Value> {
    let options = Options { label_selector: Some("app=web".to_owned()), ..Options::default() };
    let list = client.list(&PODS, Some("default"), options).await.expect("listed");
    list.items.iter().map(|pod| pod.to_value()).collect()
}

async fn scale(client: &Client, replicas: u32) {
    let patch = (PatchType::Merge, json!({"spec": {"replicas": replicas}}));
    client.patch(&CONTROLLERS, Some("default"), "web", Some("scale"), patch).await.expect("scaled");
}

async fn ready(client: &Client, replicas: u32) -> Value {
    let counts = ["replicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas"];
    until(client, &CONTROLLERS, "web", |it| {
        let status = &it["status"];
        let all = counts.iter().all(|count| status[count].as_u64().unwrap_or(0) == u64::from(replicas));
        all && status["observedGeneration"] == it["metadata"]["generation"]
    })
    .await
}

#[tokio::test]
async fn a_pod_that_goes_is_replaced_and_the_surplus_goes() {
    let own = start().await;
    let client = own.cluster.client();
    client.create(&CONTROLLERS, Some("default"), controller(2)).await.expect("created");
    ready(&client, 2).await;
    let running = pods(&client).await;
    assert_eq!(running.len(), 2, "never a pod too many");
    assert_eq!(running[0]["metadata"]["ownerReferences"][0]["kind"], "ReplicationController");
    let lost = running[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    client.delete(&PODS, Some("default"), &lost, &Default::default()).await.expect("deleted");
    until(&client, &CONTROLLERS, "web", |it| it["status"]["readyReplicas"] != 2).await;
    ready(&client, 2).await;
    assert!(pods(&client).await.iter().all(|pod| pod["metadata"]["name"] != lost.as_str()));
    scale(&client, 0).await;
    ready(&client, 0).await;
    until_none(&client, &PODS, "app=web").await;
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn what_a_quota_refuses_is_told_in_a_condition() {
    let own = start().await;
    let client = own.cluster.client();
    let spec = json!({"hard": {"pods": "1"}});
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec});
    client.create(&QUOTAS, Some("default"), quota).await.expect("created");
    until(&client, &QUOTAS, "q", |quota| quota["status"]["used"]["pods"] == "0").await;
    client.create(&CONTROLLERS, Some("default"), controller(2)).await.expect("created");
    let condition = |it: &Value| api::conditions::find(it, "ReplicaFailure").cloned();
    let told = until(&client, &CONTROLLERS, "web", |it| condition(it).is_some()).await;
    let told = condition(&told).expect("a condition");
    assert_eq!((&told["status"], &told["reason"]), (&"True".into(), &"FailedCreate".into()));
    assert!(told["message"].as_str().is_some_and(|text| text.contains("exceeded quota: q")), "{told}");
    scale(&client, 1).await;
    let over = until(&client, &CONTROLLERS, "web", |it| condition(it).is_none()).await;
    assert_eq!(over["status"]["replicas"], 1);
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn pods_that_are_left_behind_are_adopted() {
    let own = start().await;
    let client = own.cluster.client();
    client.create(&CONTROLLERS, Some("default"), controller(2)).await.expect("created");
    ready(&client, 2).await;
    let names = |pods: &[Value]| -> std::collections::BTreeSet<String> {
        pods.iter().map(|pod| pod["metadata"]["name"].as_str().expect("a name").to_owned()).collect()
    };
    let before = names(&pods(&client).await);
    // Orphan is what v1 does unless it is told otherwise.
    client.delete(&CONTROLLERS, Some("default"), "web", &Default::default()).await.expect("deleted");
    for name in &before {
        let orphan = |pod: &Value| pod["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty);
        until(&client, &PODS, name, orphan).await;
    }
    client.create(&CONTROLLERS, Some("default"), controller(2)).await.expect("created");
    ready(&client, 2).await;
    assert_eq!(names(&pods(&client).await), before, "none was made");
    own.cluster.shutdown().await;
}
