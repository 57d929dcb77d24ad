//! Names of Services and of pods below them, in the hosts files of pods; and networks of pods' own.
//!
//! Pods look into their files alone: a machine whose name server does not answer would hold each miss for seconds.

use std::path::PathBuf;

use api::Gvr;
use client::Client;
use serde_json::{Value, json};

use super::common::{PODS, create, finished, job, log, pods, start, until};

const SERVICES: Gvr = Gvr::known("", "v1", "services");
const NAMESPACES: Gvr = Gvr::known("", "v1", "namespaces");

async fn service(client: &Client, namespace: &str, name: &str, spec: Value) -> String {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec});
    let service = client.create(&SERVICES, Some(namespace), service).await.expect("created");
    service.to_value()["spec"]["clusterIP"].as_str().expect("an address").to_owned()
}

/// A Job of one pod whose pod has these fields in its spec.
fn pod_job(name: &str, script: &str, spec: Value) -> Value {
    let mut job = job(name, script, json!({"backoffLimit": 0}));
    for (field, value) in spec.as_object().expect("fields") {
        job["spec"]["template"]["spec"][field] = value.clone();
    }
    job
}

/// Runs a Job to its end; what its first pod printed.
async fn printed(client: &Client, job: Value) -> String {
    let name = job["metadata"]["name"].as_str().expect("a name").to_owned();
    create(client, job).await;
    finished(client, &name).await;
    let pod = pods(client, &name).await.remove(0);
    log(client, pod["metadata"]["name"].as_str().expect("a name")).await
}

/// What the pods of a Job have printed so far, in order of the text; nothing of one that does not run yet.
async fn logs(client: &Client, job: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for pod in pods(client, job).await {
        if pod["status"]["phase"] != "Pending" {
            texts.push(log(client, pod["metadata"]["name"].as_str().expect("a name")).await);
        }
    }
    texts.sort();
    texts
}

/// What a process has for a namespace of its own, or shares with its starter.
fn namespace_of_this_process(kind: &str) -> PathBuf {
    std::fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_finds_the_services_that_were_there_before_it() {
    let own = start().await;
    let client = own.cluster.client();
    let near = service(&client, "default", "redis", json!({"ports": [{"port": 6379}]})).await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}});
    client.create(&NAMESPACES, None, namespace).await.expect("created");
    let far = service(&client, "other", "db", json!({"ports": [{"port": 1}]})).await;
    let names =
        "redis redis.default redis.default.svc redis.default.svc.cluster.local db.other db.other.svc.cluster.local";
    let script =
        format!("for name in {names} db kubernetes; do getent -s files hosts $name | cut -d' ' -f1 || true; done");
    let text = printed(&client, pod_job("look", &script, json!({}))).await;
    assert_eq!(text, format!("{}{}", format!("{near}\n").repeat(4), format!("{far}\n").repeat(2)));
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_runs_learns_of_services_that_come_and_go() {
    let own = start().await;
    let client = own.cluster.client();
    service(&client, "default", "first", json!({"ports": [{"port": 1}]})).await;
    let script = "until getent -s files hosts late >/dev/null; do :; done; echo came; while getent -s files hosts late >/dev/null; do :; done; echo went";
    let running = pod_job("wait", script, json!({"hostname": "waits"}));
    let name = create(&client, running).await.metadata.name.expect("a name");
    let pod = loop {
        match pods(&client, &name).await.pop() {
            Some(pod) if pod["status"]["phase"] == "Running" => break pod,
            _ => tokio::task::yield_now().await,
        }
    };
    service(&client, "default", "late", json!({"ports": [{"port": 1}]})).await;
    let pod = pod["metadata"]["name"].as_str().expect("a name");
    while !log(&client, pod).await.contains("came") {
        tokio::task::yield_now().await;
    }
    client.delete(&SERVICES, Some("default"), "late", &Default::default()).await.expect("deleted");
    finished(&client, &name).await;
    assert_eq!(log(&client, pod).await, "came\nwent\n");
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pods_of_an_indexed_job_find_each_other_below_a_headless_service() {
    let own = start().await;
    let client = own.cluster.client();
    let spec = json!({"clusterIP": "None", "selector": {"job-name": "pi"}});
    assert_eq!(service(&client, "default", "svc", spec).await, "None");
    // A pod that ended has no name any more: none ends before all have seen all, which is when the test says so.
    let wait = "for index in 0 1 2; do until getent -s files hosts pi-$index.svc >/dev/null; do :; done; done";
    let told = "echo all; until getent -s files hosts go >/dev/null; do :; done";
    let script = format!(
        "{wait}; {told}; hostname -f; test \"$(getent -s files hosts pi-$JOB_COMPLETION_INDEX.svc | cut -d' ' -f1)\" = $IP"
    );
    let mut job = pod_job("pi", &script, json!({"subdomain": "svc"}));
    let address = json!({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}});
    job["spec"]["template"]["spec"]["containers"][0]["env"] = json!([address]);
    for (field, value) in [("completions", json!(3)), ("parallelism", json!(3)), ("completionMode", json!("Indexed"))] {
        job["spec"][field] = value;
    }
    create(&client, job).await;
    while logs(&client, "pi").await != ["all\n"; 3] {
        tokio::task::yield_now().await;
    }
    service(&client, "default", "go", json!({"ports": [{"port": 1}]})).await;
    let ended = finished(&client, "pi").await;
    let expected = [0, 1, 2].map(|index| format!("all\npi-{index}.svc.default.svc.cluster.local\n"));
    assert_eq!((logs(&client, "pi").await.as_slice(), ended["status"]["succeeded"].as_i64()), (&expected[..], Some(3)));
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_namespace_without_services_needs_no_sandbox() {
    let own = start().await;
    let client = own.cluster.client();
    let script = "readlink /proc/self/ns/mnt";
    let host = format!("{}\n", namespace_of_this_process("mnt").display());
    assert_eq!(printed(&client, pod_job("before", script, json!({}))).await, host);
    service(&client, "default", "first", json!({"ports": [{"port": 1}]})).await;
    assert_ne!(printed(&client, pod_job("after", script, json!({}))).await, host);
    let spec = json!({"dnsPolicy": "Default"});
    assert_eq!(printed(&client, pod_job("default", script, spec)).await, host, "who asks for no names pays for none");
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_has_the_resolver_and_the_host_name_that_it_asks_for() {
    let own = start().await;
    let client = own.cluster.client();
    let config =
        json!({"nameservers": ["192.0.2.1"], "searches": ["a.example"], "options": [{"name": "ndots", "value": "2"}]});
    let spec =
        json!({"dnsPolicy": "None", "dnsConfig": config, "hostname": "h", "subdomain": "s", "setHostnameAsFQDN": true});
    let text = printed(&client, pod_job("dns", "cat /etc/resolv.conf; hostname", spec)).await;
    let expected = "search a.example\noptions ndots:2\nnameserver 192.0.2.1\nh.s.default.svc.cluster.local\n";
    assert_eq!(text, expected);
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_isolated_pod_has_a_loopback_and_no_more() {
    let own = start().await;
    let client = own.cluster.client();
    let script = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
    let mut isolated = pod_job("alone", script, json!({}));
    isolated["spec"]["template"]["metadata"] = json!({"annotations": {"kubectl-job/network": "isolated"}});
    assert_eq!(printed(&client, isolated.clone()).await, "lo\n");
    isolated["metadata"]["name"] = json!("wrong");
    isolated["spec"]["template"]["metadata"]["annotations"]["kubectl-job/network"] = json!("none");
    create(&client, isolated).await;
    let pod = loop {
        match pods(&client, "wrong").await.pop() {
            Some(pod) => break pod["metadata"]["name"].as_str().expect("a name").to_owned(),
            None => tokio::task::yield_now().await,
        }
    };
    let waits = |pod: &Value| {
        pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "CreateContainerConfigError"
    };
    let pod = until(&client, &PODS, &pod, waits).await;
    let message = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["message"];
    assert_eq!(message, "annotation kubectl-job/network: \"none\" is not \"isolated\"");
    own.cluster.shutdown().await;
}
