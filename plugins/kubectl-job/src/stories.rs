//! Gathers what is known of a Job from the server: the object, its pods, events, decision records where the server keeps
//! them, the manifest it was run from, and last lines of output.

pub(crate) mod sources;

use api::Options;
use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Event;
use api::logs::LogOptions;
use api::resource::{EVENTS, JOBS, PODS};
use explain::{Collector, LogTail, Record, Story};
use futures::StreamExt as _;
use serde_json::Value;

use crate::server::state::StateDir;
use crate::target::{Place, Target};
use crate::verbs::{Setting, past};
use crate::view::describe::event_time;
use crate::view::facts;

/// Most attempts whose output is asked for.
const MAX_TAILS: usize = 1;
/// Lines of output told with a failure.
pub(crate) const TAIL_LINES: u64 = 3;
/// Most bytes of it.
const MAX_TAIL_BYTES: usize = 64 * 1024;

/// The story of a Job, without output.
///
/// # Errors
/// The server's refusal to list its pods.
pub(crate) async fn of_job(setting: &Setting, target: &Target, job: &Value) -> anyhow::Result<Story> {
    let typed: Job = serde_json::from_value(job.clone()).unwrap_or_default();
    let namespace = facts::namespace(&typed);
    let options = Options { label_selector: Some(facts::pod_selector(&typed)), ..Options::default() };
    let pods = target.client.list(&PODS, Some(namespace), options).await?;
    let live = pods.items.iter().map(|pod| pod.to_value()).filter(|pod| is_of(pod, job));
    let mut collector = Collector::default();
    // Pods that were deleted, and runs that their status forgot, are in the history of a local server.
    let past = if target.is_local() { past::of_job(setting, &typed) } else { None };
    past.iter().flat_map(|(_, _, story)| &story.pods).for_each(|pod| collector.saw(pod));
    live.for_each(|pod| collector.saw(&pod));
    Ok(with_pods(setting, target, job.clone(), collector.into_pods()).await)
}

/// The story of a CronJob; its Jobs are in the place of pods.
///
/// # Errors
/// The server's refusal to list Jobs.
pub(crate) async fn of_cron_job(setting: &Setting, target: &Target, cron_job: &Value) -> anyhow::Result<Story> {
    let namespace = cron_job["metadata"]["namespace"].as_str();
    let jobs = target.client.list(&JOBS, namespace, Options::default()).await?;
    let jobs: Vec<Value> = jobs.items.iter().map(|job| job.to_value()).filter(|job| is_of(job, cron_job)).collect();
    Ok(with_pods(setting, target, cron_job.clone(), jobs).await)
}

/// The story of an object whose pods are known.
pub(crate) async fn with_pods(setting: &Setting, target: &Target, object: Value, pods: Vec<Value>) -> Story {
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let events = events(target, &object, &pods).await;
    let records = records(target, &uid).await;
    let now = crate::time::now();
    let mut story = Story { job: object, pods, events, records, manifest: None, logs: Vec::new(), now };
    add_manifest(setting, &mut story);
    story
}

/// Adds the manifest that the Job was run from, if it is known here.
pub(crate) fn add_manifest(setting: &Setting, story: &mut Story) {
    let state = StateDir::open(setting.connection.state_dir.as_deref()).ok();
    let uid = story.job["metadata"]["uid"].as_str().unwrap_or_default();
    story.manifest = story.manifest.take().or_else(|| state.and_then(|state| sources::find(&state, uid)));
}

/// Whether the second object controls the first. One without an owner was found by its labels, and is taken too.
fn is_of(object: &Value, owner: &Value) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
    match owners.iter().find(|reference| reference["controller"] == true) {
        Some(reference) => reference["uid"] == owner["metadata"]["uid"],
        None => owner["kind"] != "CronJob",
    }
}

/// Decision records; `None` where the server keeps none, as real clusters do.
pub(crate) async fn records(target: &Target, uid: &str) -> Option<Vec<Record>> {
    if let Place::Ephemeral(ephemeral) = &target.place {
        return Some(ephemeral.records(uid));
    }
    let answer = target.client.document(client::Method::GET, &format!("/decisions/{uid}")).await.ok()?;
    let mut answer: Value = serde_json::from_slice(&answer).ok()?;
    serde_json::from_value(answer["records"].take()).ok()
}

/// Events about the object and its pods, oldest first. Events are a help and no part of a Job: there are none when the
/// server does not give them.
async fn events(target: &Target, object: &Value, pods: &[Value]) -> Vec<Value> {
    let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
    let Ok(list) = target.client.list(&EVENTS, Some(namespace), Options::default()).await else {
        return Vec::new();
    };
    let uid = |object: &Value| object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let known: std::collections::HashSet<String> = std::iter::once(object).chain(pods).map(uid).collect();
    let about = |event: &Value| known.contains(event["involvedObject"]["uid"].as_str().unwrap_or_default());
    let mut events: Vec<Value> = list.items.iter().map(|event| event.to_value()).filter(about).collect();
    events.sort_by_key(|event| serde_json::from_value::<Event>(event.clone()).ok().as_ref().and_then(event_time));
    events
}

/// The last lines of the newest failed attempts.
pub(crate) async fn tails(target: &Target, story: &Story, lines: u64) -> Vec<LogTail> {
    let mut tails = Vec::new();
    let attempts = explain::attempts(story);
    let failed = attempts.iter().rev().filter(|attempt| attempt.end.as_ref().is_some_and(|end| !end.is_success()));
    let namespace = story.job["metadata"]["namespace"].as_str().unwrap_or("default");
    for attempt in failed.take(MAX_TAILS) {
        let container = attempt.end.as_ref().map(|end| end.container.clone()).filter(|name| !name.is_empty());
        let previous = attempts.iter().any(|other| other.uid == attempt.uid && other.run == attempt.run + 1);
        let options =
            LogOptions { container: container.clone(), previous, tail_lines: Some(lines), ..LogOptions::default() };
        let Ok(mut stream) = target.client.logs(namespace, &attempt.pod, options).await else { continue };
        let mut bytes = Vec::new();
        while let Some(Ok(chunk)) = stream.next().await {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > MAX_TAIL_BYTES {
                break;
            }
        }
        let lines = String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect();
        let (pod, run) = (attempt.pod.clone(), attempt.run);
        tails.push(LogTail { pod, run, container: container.unwrap_or_default(), lines });
    }
    tails
}
