//! The test's own client is kube's, and what it sees does not depend on how fast anything ran.

use futures::{AsyncBufReadExt, StreamExt, TryStreamExt};
use serde_json::json;
use testkit::k8s::api::batch::v1::Job;
use testkit::k8s::api::core::v1::Pod;
use testkit::kube::Api;
use testkit::kube::Error;
use testkit::kube::api::{
    DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use testkit::{Cluster, JOBS, PODS, Run, Verb, job, seconds};

fn typed(name: &str, spec: serde_json::Value) -> Job {
    serde_json::from_value(job(name, spec)).expect("a Job")
}

#[tokio::test]
async fn requests_reach_the_api_and_time_stands_still_between_them() {
    let cluster = Cluster::start().await;
    let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    jobs.create(&PostParams::default(), &typed("pi", json!({}))).await.expect("created");
    // All that is to do at this moment was done before the list came in.
    let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    let listed = pods.list(&ListParams::default()).await.expect("listed");
    assert_eq!(listed.items.len(), 1);
    let node = listed.items[0].spec.as_ref().and_then(|spec| spec.node_name.as_deref());
    assert_eq!(node, Some("local"), "{}", cluster.event_log().await);
    assert_eq!(cluster.elapsed(), seconds(0));
    cluster.finished("pi").await.assert_complete();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_patches_logs_and_deletes_work_from_other_threads() {
    let cluster = Cluster::builder().script(|_| Run::exits(0, seconds(3)).prints("one").prints("two")).start().await;
    let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    let watch = WatchParams::default().fields("metadata.name=pi");
    let events = jobs.watch(&watch, "0").await.expect("a watch").boxed();
    let seen = tokio::spawn(async move {
        let types = events.try_filter_map(|event| async move {
            Ok(match event {
                WatchEvent::Added(_) => Some("ADDED"),
                WatchEvent::Modified(job) if job.status.as_ref().is_some_and(|it| it.succeeded == Some(1)) => {
                    Some("DONE")
                }
                WatchEvent::Deleted(_) => Some("DELETED"),
                _ => None,
            })
        });
        types
            .try_fold(Vec::new(), |mut seen, event| async move {
                seen.push(event);
                if event == "DELETED" { Err(Error::LinesCodecMaxLineLengthExceeded) } else { Ok(seen) }
            })
            .await
    });
    jobs.create(&PostParams::default(), &typed("pi", json!({}))).await.expect("created");
    let patch = Patch::Merge(json!({"metadata": {"labels": {"team": "a"}}}));
    jobs.patch("pi", &PatchParams::default(), &patch).await.expect("patched");
    cluster.finished("pi").await.assert_complete();
    let pods: Api<Pod> = Api::default_namespaced(cluster.client());
    let pod = pods.list(&ListParams::default()).await.expect("listed").items.remove(0);
    let name = pod.metadata.name.expect("a name");
    assert_eq!(pods.logs(&name, &LogParams::default()).await.expect("its log"), "one\ntwo\n");
    let lines = pods.log_stream(&name, &LogParams { follow: true, ..LogParams::default() }).await.expect("a stream");
    assert_eq!(lines.lines().try_collect::<Vec<_>>().await.expect("lines"), ["one", "two"]);
    jobs.delete("pi", &DeleteParams::background()).await.expect("deleted");
    // The watch saw the end: that is what cuts it off.
    assert!(seen.await.expect("it ends").is_err());
    cluster.settle().await;
    assert!(cluster.look(|now| now.list(&PODS, None)).await.is_empty(), "the pods went with their Job");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_history_whoever_asks() {
    async fn history(seed: u64) -> String {
        let cluster = Cluster::builder().seed(seed).script(|run| Run::exits(i32::from(run.number < 2), seconds(1)));
        let cluster = cluster.start().await;
        let jobs: Api<Job> = Api::default_namespaced(cluster.client());
        for name in ["a", "b", "c"] {
            let spec = json!({"completions": 3, "parallelism": 2, "completionMode": "Indexed"});
            jobs.create(&PostParams::default(), &typed(name, spec)).await.expect("created");
        }
        let patch = Patch::Merge(json!({"spec": {"suspend": true}}));
        jobs.patch("b", &PatchParams::default(), &patch).await.expect("patched");
        cluster.finished("a").await.assert_complete();
        jobs.delete("c", &DeleteParams::foreground()).await.expect("deleted");
        cluster.advance(seconds(100)).await;
        cluster.event_log().await
    }
    let first = history(7).await;
    assert!(first.lines().count() > 50, "{first}");
    assert_eq!(first, history(7).await);
    assert_ne!(first, history(8).await);
}

#[tokio::test]
async fn requests_are_refused_as_often_as_told() {
    let cluster = Cluster::start().await;
    let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    cluster.fail_requests(Verb::Create, &JOBS, 2);
    for _ in 0..2 {
        let refused = jobs.create(&PostParams::default(), &typed("pi", json!({}))).await;
        assert!(matches!(&refused, Err(Error::Api(status)) if status.code == 503), "{refused:?}");
    }
    jobs.create(&PostParams::default(), &typed("pi", json!({}))).await.expect("created");
}

#[tokio::test]
async fn requests_of_a_client_that_outlives_its_cluster_fail() {
    let cluster = Cluster::start().await;
    let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    jobs.list(&ListParams::default()).await.expect("listed");
    cluster.close().await;
    jobs.list(&ListParams::default()).await.expect_err("nobody is there");
}

#[tokio::test]
async fn other_programs_reach_it_only_when_they_are_asked_in() {
    let cluster = Cluster::start().await;
    let file = cluster.kubeconfig_file().await;
    assert_eq!(cluster.kubeconfig().await, std::fs::read_to_string(&file).expect("the file"));
    let config = testkit::kube::config::Kubeconfig::read_from(&file).expect("a kubeconfig");
    let config = testkit::kube::Config::from_custom_kubeconfig(config, &Default::default()).await.expect("a config");
    let client = testkit::kube::Client::try_from(config).expect("a client");
    let jobs: Api<Job> = Api::default_namespaced(client);
    jobs.create(&PostParams::default(), &typed("pi", json!({}))).await.expect("created over a socket");
    cluster.finished("pi").await.assert_complete();
    drop(cluster);
    assert!(!file.exists(), "the file went with the cluster");
    jobs.list(&ListParams::default()).await.expect_err("the socket is closed");
}
