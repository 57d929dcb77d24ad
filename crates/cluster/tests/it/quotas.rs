//! Quotas with all their parts: admission charges, the controller takes off, pods of new namespaces find their account.

use api::{Gvr, Options};
use serde_json::{Value, json};

use super::common::{JOBS, PODS, create, job, start, until};

const QUOTAS: Gvr = Gvr::known("", "v1", "resourcequotas");

fn used(quota: &Value, name: &str) -> Value {
    quota["status"]["used"][name].clone()
}

#[tokio::test]
async fn what_goes_away_can_be_used_again() {
    let own = start().await;
    let client = own.cluster.client();
    let hard = json!({"count/jobs.batch": "1", "pods": "2"});
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}});
    client.create(&QUOTAS, Some("default"), quota).await.expect("created");
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "0").await;
    create(&client, job("first", "exec sleep 100", json!({}))).await;
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "1" && used(quota, "count/jobs.batch") == "1").await;
    let second = async || client.create(&JOBS, Some("default"), job("second", "true", json!({}))).await;
    let refused = second().await.expect_err("the quota is used up").to_string();
    let text =
        "exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1";
    assert!(refused.contains(text), "{refused}");
    let options = json!({"propagationPolicy": "Background", "gracePeriodSeconds": 0});
    let options = serde_json::from_value(options).expect("options");
    client.delete(&JOBS, Some("default"), "first", &options).await.expect("deleted");
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "0" && used(quota, "count/jobs.batch") == "0").await;
    second().await.expect("there is room again");
    // The pod that ended costs its place no more.
    until(&client, &JOBS, "second", |job| job["status"]["succeeded"] == 1).await;
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "0").await;
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_pod_that_leaves_a_scope_costs_it_nothing_any_more() {
    let own = start().await;
    let client = own.cluster.client();
    let spec = json!({"hard": {"pods": "1"}, "scopes": ["NotTerminating"]});
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec});
    client.create(&QUOTAS, Some("default"), quota).await.expect("created");
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "0").await;
    let container = json!({"name": "c", "image": "x", "command": ["sleep", "100"]});
    let pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}});
    client.create(&PODS, Some("default"), pod).await.expect("created");
    until(&client, &PODS, "p", |pod| pod["status"]["phase"] == "Running").await;
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "1").await;
    let patch = (api::PatchType::Merge, json!({"spec": {"activeDeadlineSeconds": 100}}));
    client.patch(&PODS, Some("default"), "p", None, patch).await.expect("changed");
    until(&client, &QUOTAS, "q", |quota| used(quota, "pods") == "0").await;
    own.cluster.shutdown().await;
}

#[tokio::test]
async fn a_pod_of_a_new_namespace_waits_for_its_account() {
    let own = start().await;
    let client = own.cluster.client();
    for number in 0..10 {
        let name = format!("team-{number}");
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        client.create(&api::resource::NAMESPACES, None, namespace).await.expect("created");
        let container = json!({"name": "c", "image": "x", "command": ["true"]});
        let pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}});
        let pod = client.create(&PODS, Some(&name), pod).await.expect("the account comes in time").to_value();
        assert_eq!(pod["spec"]["serviceAccountName"], "default");
    }
    let list = client.list(&PODS, None, Options::default()).await.expect("listed");
    assert_eq!(list.items.len(), 10);
    own.cluster.shutdown().await;
}
