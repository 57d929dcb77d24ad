//! The door to decision records: over HTTPS, after the Job is gone too, and hidden from those who want a plain API.

use std::sync::Arc;

use client::{Client, Method};
use clock::SystemClock;
use cluster::{Cluster, Config, SupervisorCommand};
use serde_json::{Value, json};

use super::common::{JOBS, create, finished, http_client, job, start, until_none};

async fn records(client: &Client, path: &str) -> Result<Vec<explain::Record>, client::Error> {
    let bytes = client.document(Method::GET, path).await?;
    let answer: Value = serde_json::from_slice(&bytes).expect("JSON");
    Ok(serde_json::from_value(answer["records"].clone()).expect("records"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_gone_can_still_be_asked_why_it_ended() {
    let own = start().await;
    let client = http_client(&own).await;
    let created = create(&client, job("fails", "exit 3", json!({"backoffLimit": 0}))).await;
    let uid = created.metadata.uid.expect("a UID");
    finished(&client, "fails").await;
    client.delete(&JOBS, Some("default"), "fails", &Default::default()).await.expect("deleted");
    until_none(&client, &JOBS, "").await;
    let records = records(&client, &format!("/decisions/{uid}")).await.expect("they are served");
    let end = records.iter().find(|record| record.rule == "terminal").expect("the end");
    assert_eq!((end.field.as_str(), end.inputs.as_str()), ("spec.backoffLimit", "failed 1, backoffLimit 0"));
    assert_eq!(own.cluster.records(&api::Uid::from(&*uid)), records);
    own.cluster.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_api_knows_nothing_of_clock_and_decisions() {
    let state = tempfile::tempdir().expect("a directory");
    let program = env!("CARGO_BIN_EXE_cluster-supervisor").into();
    let mut config = Config::new(state.path().to_owned(), SupervisorCommand { program, args: Vec::new() });
    config.clock = Arc::new(SystemClock);
    config.plain_api = true;
    let cluster = Cluster::start(config).await.expect("the cluster starts");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let path = state.path().join("kubeconfig");
    std::fs::write(&path, cluster.serve_https(listener).await.expect("serves").kubeconfig).expect("written");
    let options = client::ConnectOptions { kubeconfig: Some(path), ..Default::default() };
    let client = Client::connect(options).await.expect("connects").0;
    for path in ["/clock", "/decisions/some-uid"] {
        let refusal = client.document(Method::GET, path).await.expect_err(path);
        assert_eq!(refusal.status().map(|status| status.code), Some(404), "{path}");
    }
    drop(client);
    cluster.shutdown().await;
}
