//! kube's runtime: watcher, reflector, waiting for a condition, the finalizer helper.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::runtime::controller::Action;
use kube::runtime::finalizer::{Event as Finalized, finalizer};
use kube::runtime::reflector::{ObjectRef, store};
use kube::runtime::wait::{await_condition, conditions};
use kube::runtime::watcher::{Config, Event};
use kube::runtime::{reflector, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;
use tokio::time::timeout;

use super::{Result, check};

/// How long anything may take to come true.
const LIMIT: Duration = Duration::from_secs(30);

pub(super) async fn run(client: &Client) -> Result<()> {
    watched(client, "list and watch", Config::default()).await?;
    watched(client, "a streaming list", Config::default().streaming_lists()).await?;
    reflected(client).await?;
    awaited(client).await?;
    finalized(client).await
}

fn map(name: &str) -> Result<ConfigMap> {
    Ok(serde_json::from_value(json!({"metadata": {"name": name, "labels": {"watched": "rust"}}}))?)
}

/// A watcher tells what is there, that this was all, and then every change.
async fn watched(client: &Client, how: &str, config: Config) -> Result<()> {
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.create(&PostParams::default(), &map("before")?).await?;
    let mut events = watcher(maps.clone(), config.labels("watched=rust")).boxed();
    let mut seen = Vec::new();
    while seen.last().map(String::as_str) != Some("all") {
        seen.push(next(&mut events).await?);
    }
    check(&format!("{how}: begins with what is there"), seen == ["begin", "has before", "all"], &seen)?;
    maps.create(&PostParams::default(), &map("after")?).await?;
    maps.patch("before", &PatchParams::default(), &Patch::Merge(json!({"data": {"a": "b"}}))).await?;
    for name in ["before", "after"] {
        maps.delete(name, &DeleteParams::default()).await?;
    }
    let mut changes = Vec::new();
    while changes.len() < 4 {
        changes.push(next(&mut events).await?);
    }
    let expected = ["applied after", "applied before", "deleted before", "deleted after"];
    check(&format!("{how}: goes on with every change"), changes == expected, &changes)
}

async fn next(events: &mut (impl futures::Stream<Item = watcher::Result<Event<ConfigMap>>> + Unpin)) -> Result<String> {
    let event = timeout(LIMIT, events.try_next()).await??.ok_or("the watcher ended")?;
    Ok(match event {
        Event::Init => "begin".to_owned(),
        Event::InitApply(map) => format!("has {}", map.name_any()),
        Event::InitDone => "all".to_owned(),
        Event::Apply(map) => format!("applied {}", map.name_any()),
        Event::Delete(map) => format!("deleted {}", map.name_any()),
    })
}

async fn reflected(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    let (reader, writer) = store();
    let stream = reflector(writer, watcher(pods.clone(), Config::default().labels("app=reflected")));
    let task = tokio::spawn(stream.for_each(|_| async {}));
    timeout(LIMIT, reader.wait_until_ready()).await??;
    check("a reflector begins empty", reader.state().is_empty(), reader.state().len())?;
    let container = json!({"name": "c", "image": "busybox", "command": ["sleep", "600"]});
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "reflected", "labels": {"app": "reflected"}},
        "spec": {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]},
    }))?;
    let created = pods.create(&PostParams::default(), &pod).await?;
    timeout(LIMIT, await_condition(pods.clone(), "reflected", conditions::is_pod_running())).await??;
    let key = ObjectRef::new("reflected").within("default");
    let phase = || reader.get(&key).and_then(|pod| pod.status.as_ref()?.phase.clone());
    timeout(LIMIT, until(|| phase().as_deref() == Some("Running"))).await?;
    check("a reflector holds what is", phase().as_deref() == Some("Running"), phase())?;
    pods.delete("reflected", &DeleteParams::default().grace_period(1)).await?;
    let uid = created.uid().unwrap_or_default();
    timeout(LIMIT, await_condition(pods, "reflected", conditions::is_deleted(&uid))).await??;
    timeout(LIMIT, until(|| reader.get(&key).is_none())).await?;
    check("a reflector forgets what is gone", reader.get(&key).is_none(), ())?;
    task.abort();
    Ok(())
}

async fn until(met: impl Fn() -> bool) {
    while !met() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn awaited(client: &Client) -> Result<()> {
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let container = json!({"name": "c", "image": "busybox", "command": ["true"]});
    let job: Job = serde_json::from_value(json!({
        "metadata": {"name": "awaited"},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }))?;
    let waiting = tokio::spawn(await_condition(jobs.clone(), "awaited", conditions::is_job_completed()));
    jobs.create(&PostParams::default(), &job).await?;
    let done = timeout(LIMIT, waiting).await???;
    check("a Job is awaited from before it exists", done.is_some_and(|job| job.name_any() == "awaited"), ())?;
    jobs.delete("awaited", &DeleteParams::background()).await?;
    Ok(())
}

/// The helper adds its finalizer, is asked to clean up, and takes it away; only then is the object gone.
async fn finalized(client: &Client) -> Result<()> {
    const FINALIZER: &str = "e2e.example.com/rust";
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    let created = maps.create(&PostParams::default(), &map("finalized")?).await?;
    let mut phases = Vec::new();
    let mut current = Some(created);
    for _ in 0..4 {
        let Some(object) = current else { break };
        if object.finalizers().iter().any(|name| name == FINALIZER) && object.metadata.deletion_timestamp.is_none() {
            maps.delete("finalized", &DeleteParams::default()).await?;
        }
        let Some(object) = maps.get_opt("finalized").await? else { break };
        let outcome = finalizer(&maps, FINALIZER, Arc::new(object), |event| {
            phases.push(match event {
                Finalized::Apply(_) => "apply",
                Finalized::Cleanup(_) => "clean up",
            });
            async { Ok::<_, std::convert::Infallible>(Action::await_change()) }
        });
        timeout(LIMIT, outcome).await??;
        current = maps.get_opt("finalized").await?;
    }
    check("a finalizer holds the object until it is cleaned up", phases == ["clean up"], &phases)?;
    check("then the object is gone", maps.get_opt("finalized").await?.is_none(), ())
}
