//! What is known of a Job, gathered for people: in panics, and wherever a test asks for it.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use api::Uid;
use api::logs::LogOptions;
use explain::{Attempt, LogTail, Story, Style};
use futures::TryStreamExt as _;
use serde_json::Value;

use super::builder::folder_of_its_own;
use super::inside::Core;

/// Lines of each failed attempt that a panic shows.
const LINES_SHOWN: usize = 20;
/// Pods of a Job whose output is read, the last ones.
const PODS_READ_MAX: usize = 200;
/// Jobs that one panic tells of.
const JOBS_TOLD_MAX: usize = 3;
/// How long one log may take to be read.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// All that is known of a Job; nothing when there never was one.
pub(super) async fn of_job(core: &Arc<Core>, namespace: &str, name: &str) -> Option<Story> {
    let job = core.recorder.job(namespace, name)?;
    let uid = text(&job, "/metadata/uid").to_owned();
    let pods = core.recorder.pods(&uid);
    let uids: Vec<&str> = [uid.as_str()].into_iter().chain(pods.iter().map(|pod| text(pod, "/metadata/uid"))).collect();
    let events = core.recorder.events(&uids);
    let read = pods[pods.len().saturating_sub(PODS_READ_MAX)..].to_vec();
    let told = core.call(move |cluster| async move {
        let records = cluster.records(&Uid::from(uid.as_str()));
        (records, logs(&cluster.client(), &read).await)
    });
    // Without a cluster there is still the history.
    let (records, logs) = told.await.unwrap_or_default();
    let mut story =
        Story { job, pods, events, records: Some(records), manifest: None, logs, now: core.time.clock.now() };
    let manifests = core.manifests.lock().clone();
    story.manifest = manifests.into_iter().rev().find(|manifest| {
        let trial = Story { manifest: Some(manifest.clone()), pods: Vec::new(), logs: Vec::new(), ..story.clone() };
        trial.source().file().is_some()
    });
    Some(story)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What these pods wrote, as far as it can be read.
async fn logs(client: &client::Client, pods: &[Value]) -> Vec<LogTail> {
    let mut logs = Vec::new();
    for pod in pods {
        let statuses = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
        for status in statuses.into_iter().flatten() {
            let runs = u32::try_from(status["restartCount"].as_u64().unwrap_or_default()).unwrap_or_default();
            for previous in if runs > 0 { &[true, false][..] } else { &[false] } {
                let run = if *previous { runs - 1 } else { runs };
                logs.extend(log(client, pod, text(status, "/name"), *previous).await.map(|lines| LogTail {
                    pod: text(pod, "/metadata/name").to_owned(),
                    run,
                    container: text(status, "/name").to_owned(),
                    lines,
                }));
            }
        }
    }
    logs
}

async fn log(client: &client::Client, pod: &Value, container: &str, previous: bool) -> Option<Vec<String>> {
    let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
    let options = LogOptions { container: Some(container.to_owned()), previous, ..LogOptions::default() };
    let read = async {
        let chunks: Vec<_> = client.logs(namespace, name, options).await?.try_collect().await?;
        Ok::<_, client::Error>(chunks.concat())
    };
    // A pod that is gone, or has not started, has no log: nothing to tell.
    let bytes = tokio::time::timeout(LOG_PATIENCE, read).await.ok()?.ok()?;
    Some(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

/// Why, timeline and last lines of a Job.
pub(super) fn report(story: &Story) -> String {
    let style = Style::default();
    let mut parts = vec![explain::why(story, &style), explain::timeline(story, &style)];
    for attempt in explain::attempts(story).iter().filter(|it| it.end.as_ref().is_some_and(|end| !end.is_success())) {
        parts.extend(last_lines(story, attempt));
    }
    parts.iter().map(|part| part.trim_end()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn last_lines(story: &Story, attempt: &Attempt) -> Option<String> {
    let of_attempt = |tail: &&LogTail| tail.pod == attempt.pod && tail.run == attempt.run && !tail.lines.is_empty();
    let tail = story.logs.iter().find(of_attempt)?;
    let end = attempt.end.as_ref().map(explain::attempts::End::show).unwrap_or_default();
    let mut shown = format!("Last lines of attempt {} (pod {}, {end})", attempt.label("·"), attempt.pod);
    for line in &tail.lines[tail.lines.len().saturating_sub(LINES_SHOWN)..] {
        shown.push_str("\n  | ");
        shown.push_str(&explain::text::escape(line));
    }
    Some(shown)
}

/// The end of every panic: how the same happens again.
pub(super) fn footer(core: &Core) -> String {
    let passed = core.time.clock.now().duration_since(core.start);
    format!("after {passed:#} of the cluster's time; seed {} (Cluster::builder().seed({}))", core.seed, core.seed)
}

/// What is to be told of a cluster's Jobs when a test fails: of those that have not completed, or of all.
pub(super) async fn reports(core: &Arc<Core>) -> String {
    let mut stories = Vec::new();
    for (namespace, name) in core.recorder.jobs() {
        stories.extend(of_job(core, &namespace, &name).await);
    }
    let completed = |story: &Story| api::conditions::is_true(&story.job, "Complete");
    // The sort is stable: within each half, Jobs are told of in the order in which they came.
    stories.sort_by_key(completed);
    let left_out = stories.len().saturating_sub(JOBS_TOLD_MAX);
    let mut parts: Vec<String> = stories.iter().take(JOBS_TOLD_MAX).map(report).collect();
    if left_out > 0 {
        parts.push(format!("and {}", api::text::count(left_out, "more Job")));
    }
    parts.push(footer(core));
    core.told.store(true, Ordering::Relaxed);
    parts.join("\n\n")
}

/// Tells people of a test that failed, when the failure does not tell of it itself.
#[expect(clippy::print_stderr, reason = "a test that fails says why where the test runner looks for it")]
pub(super) fn tell(reports: &str) {
    eprintln!("\n{reports}");
}

/// Writes a file that only its owner reads into the cluster's folder.
pub(super) fn write_private(core: &Core, name: &str, text: &str) -> io::Result<PathBuf> {
    let mut folder = core.folder.lock();
    let folder = match &mut *folder {
        Some(folder) => folder,
        none => none.insert(folder_of_its_own()?),
    };
    let path = folder.path().join(name);
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    opened.and_then(|mut file| file.write_all(text.as_bytes()))?;
    Ok(path)
}
