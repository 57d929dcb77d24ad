//! Services: Endpoints and slices tell who serves, go with the Service, and come to rest.

use api::{Gvr, Options, Revision};
use client::Client;
use serde_json::{Value, json};

use super::common::{PODS, start, until, until_none};

const SERVICES: Gvr = Gvr::known("", "v1", "services");
const ENDPOINTS: Gvr = Gvr::known("", "v1", "endpoints");
const SLICES: Gvr = Gvr::known("discovery.k8s.io", "v1", "endpointslices");

fn pod(name: &str) -> Value {
    let container = json!({"name": "c", "image": "x", "command": ["sleep", "1000"], "ports": [{"name": "http", "containerPort": 8080}]});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
    })
}

async fn slices(client: &Client) -> (Vec<Value>, Vec<Revision>) {
    let options = Options { label_selector: Some("kubernetes.io/service-name=web".to_owned()), ..Options::default() };
    let list = client.list(&SLICES, Some("default"), options).await.expect("listed");
    let revisions = list.items.iter().map(|slice| slice.meta().revision).collect();
    (list.items.iter().map(|slice| slice.to_value()).collect(), revisions)
}

fn addresses(endpoints: &Value) -> usize {
    endpoints["subsets"][0]["addresses"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn endpoints_follow_the_ready_pods_of_a_service() {
    let own = start().await;
    let client = own.cluster.client();
    let spec = json!({"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
    client.create(&SERVICES, Some("default"), service).await.expect("created");
    until(&client, &ENDPOINTS, "web", |endpoints| addresses(endpoints) == 0).await;
    for name in ["a", "b"] {
        client.create(&PODS, Some("default"), pod(name)).await.expect("created");
    }
    let full = until(&client, &ENDPOINTS, "web", |endpoints| addresses(endpoints) == 2).await;
    let ip = |index: usize| full["subsets"][0]["addresses"][index]["ip"].as_str().expect("an address");
    assert!(ip(0).starts_with("127.") && ip(0) != ip(1), "each pod has its own: {full}");
    assert_eq!(full["subsets"][0]["ports"], json!([{"port": 8080, "protocol": "TCP"}]));
    let ready = |slice: &Value| {
        let endpoints = slice["endpoints"].as_array().into_iter().flatten();
        endpoints.filter(|endpoint| endpoint["conditions"]["ready"] == true).count()
    };
    while slices(&client).await.0.iter().map(ready).sum::<usize>() != 2 {
        tokio::task::yield_now().await;
    }
    let (before, revisions) = slices(&client).await;
    assert_eq!((before.len(), &before[0]["ports"][0]["port"]), (1, &json!(8080)));
    client.delete(&PODS, Some("default"), "a", &Default::default()).await.expect("deleted");
    until_none(&client, &PODS, "app=web,gone=a").await;
    let left = until(&client, &ENDPOINTS, "web", |endpoints| addresses(endpoints) == 1).await;
    assert_eq!(left["subsets"][0]["addresses"][0]["targetRef"]["name"], "b");
    assert!(slices(&client).await.1[0] >= revisions[0]);
    client.delete(&SERVICES, Some("default"), "web", &Default::default()).await.expect("deleted");
    until_none(&client, &ENDPOINTS, "app!=none,endpoints.kubernetes.io/managed-by=endpoint-controller").await;
    until_none(&client, &SLICES, "kubernetes.io/service-name=web").await;
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn what_nobody_changes_is_written_once() {
    let own = start().await;
    let client = own.cluster.client();
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 81}]},
    });
    client.create(&SERVICES, Some("default"), service).await.expect("created");
    client.create(&PODS, Some("default"), pod("a")).await.expect("created");
    let full = until(&client, &ENDPOINTS, "web", |endpoints| addresses(endpoints) == 1).await;
    // Each of these wakes the controller for the Service.
    for number in 0..20 {
        let patch = (api::PatchType::Merge, json!({"metadata": {"annotations": {"n": number.to_string()}}}));
        client.patch(&SERVICES, Some("default"), "web", None, patch).await.expect("changed");
    }
    client.create(&PODS, Some("default"), pod("b")).await.expect("created");
    let more = until(&client, &ENDPOINTS, "web", |endpoints| addresses(endpoints) == 2).await;
    let revision = |object: &Value| -> u64 {
        object["metadata"]["resourceVersion"].as_str().expect("a revision").parse().expect("a number")
    };
    assert!(revision(&full) < revision(&more));
    let managed = more["metadata"]["labels"]["service.kubernetes.io/headless"].clone();
    assert_eq!(managed, "");
    assert!(
        slices(&client).await.0[0]["metadata"]["generation"].as_i64().is_some_and(|generation| generation <= 6),
        "not once per wake"
    );
    own.cluster.shutdown().await;
}
