//! The Rust client, kube, against a server of the product: typed and dynamic objects, watches and the runtime that
//! controllers are written with, server-side apply, streams. Prints `ok NAME` for each check that held and `done` at the
//! end; the server is the one of `$KUBECONFIG`. Run by `cargo xtask e2e rust`.
#![allow(clippy::print_stdout, reason = "what it prints is what is checked")]

mod dynamic;
mod runtime;
mod streams;

use futures::TryStreamExt as _;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const NAME: &str = "from-rust";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let client = Client::try_default().await?;
    run_job(&client).await?;
    change_job(&client).await?;
    delete_job(&client).await?;
    config_map(&client).await?;
    dynamic::run(&client).await?;
    runtime::run(&client).await?;
    streams::run(&client).await?;
    println!("done");
    Ok(())
}

fn check(name: &str, holds: bool, seen: impl std::fmt::Debug) -> Result<()> {
    if !holds {
        return Err(format!("{name}: {seen:?}").into());
    }
    println!("ok {name}");
    Ok(())
}

fn job() -> Result<Job> {
    let container = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", "echo one; echo two"]});
    Ok(serde_json::from_value(json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": NAME},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }))?)
}

fn is_complete(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions.iter().any(|condition| condition.type_ == "Complete" && condition.status == "True")
}

async fn run_job(client: &Client) -> Result<()> {
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let created = jobs.create(&PostParams::default(), &job()?).await?;
    check("create answers with a uid", created.uid().is_some(), &created)?;
    let version = created.resource_version().unwrap_or_default();
    let selector = WatchParams::default().fields(&format!("metadata.name={NAME}")).timeout(60);
    let mut events = Box::pin(jobs.watch(&selector, &version).await?);
    let mut complete = false;
    while let Some(event) = events.try_next().await? {
        if let WatchEvent::Modified(job) = event
            && is_complete(&job)
        {
            complete = true;
            break;
        }
    }
    check("a watch from the created revision shows the end", complete, ())?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let found = pods.list(&ListParams::default().labels(&format!("job-name={NAME}"))).await?.items;
    let phases: Vec<_> = found.iter().filter_map(|pod| pod.status.as_ref()?.phase.as_deref()).collect();
    check("the Job has one pod, and it succeeded", phases == ["Succeeded"], &phases)?;
    let log = pods.logs(&found[0].name_any(), &LogParams::default()).await?;
    check("the log is what was printed", log == "one\ntwo\n", &log)
}

async fn change_job(client: &Client) -> Result<()> {
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let merge = Patch::Merge(json!({"metadata": {"labels": {"step": "merged"}}}));
    let merged = jobs.patch(NAME, &PatchParams::default(), &merge).await?;
    check(
        "a merge patch adds a label",
        merged.labels().get("step").map(String::as_str) == Some("merged"),
        merged.labels(),
    )?;
    let strategic: Value = json!({"metadata": {"annotations": {"note": "strategic"}}});
    jobs.patch(NAME, &PatchParams::default(), &Patch::Strategic(strategic)).await?;
    let stale = jobs.replace(NAME, &PostParams::default(), &merged).await;
    let conflict = matches!(&stale, Err(kube::Error::Api(status)) if status.code == 409);
    check("a stale replace is a conflict", conflict, stale.err())
}

async fn delete_job(client: &Client) -> Result<()> {
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    jobs.delete(NAME, &DeleteParams::foreground()).await?;
    let selector = WatchParams::default().fields(&format!("metadata.name={NAME}")).timeout(30);
    let mut events = Box::pin(jobs.watch(&selector, "0").await?);
    while jobs.get_opt(NAME).await?.is_some() {
        if let Some(WatchEvent::Deleted(_)) | None = events.try_next().await? {
            break;
        }
    }
    check("a deleted Job is not found", jobs.get_opt(NAME).await?.is_none(), ())?;
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let left = pods.list(&ListParams::default().labels(&format!("job-name={NAME}"))).await?.items;
    check("its pods went before it", left.is_empty(), left.len())
}

async fn config_map(client: &Client) -> Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "counter"}, "data": {"value": "0"}}))?;
    let first = maps.create(&PostParams::default(), &map).await?;
    let twice = maps.create(&PostParams::default(), &map).await;
    let exists = matches!(&twice, Err(kube::Error::Api(status)) if status.reason == "AlreadyExists");
    check("a second create is refused", exists, twice.err())?;
    let second = maps.replace("counter", &PostParams::default(), &first).await?;
    check(
        "a replace without a change keeps the revision",
        second.resource_version() == first.resource_version(),
        &second,
    )?;
    maps.delete_collection(&DeleteParams::default(), &ListParams::default().fields("metadata.name=counter")).await?;
    check("deletecollection deletes what is selected", maps.get_opt("counter").await?.is_none(), ())
}
