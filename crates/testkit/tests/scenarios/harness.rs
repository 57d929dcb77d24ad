//! Runs a scenario over both transports, and words that scenarios share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{
    Act, AnnotationScript, Attempt, Builder, Component, EVENTS, JOBS, PODS, Script as _, Simulation, condition, minutes,
};

use crate::oracles;

/// Runs a scenario in process and over HTTP, holds every commit against the oracles, and requires equal ends.
pub(crate) fn both<A: Into<Act> + 'static>(
    script: impl Fn(&Attempt) -> A + Clone + Send + Sync + 'static,
    scenario: impl Fn(&mut Simulation),
) {
    let start = Simulation::new(0).now();
    both_from(start, script, scenario);
}

/// The same from a moment on.
pub(crate) fn both_from<A: Into<Act> + 'static>(
    start: Timestamp,
    script: impl Fn(&Attempt) -> A + Clone + Send + Sync + 'static,
    scenario: impl Fn(&mut Simulation),
) {
    let run = |builder: Builder| {
        let mut sim = builder.start_at(start).script(script.clone()).start();
        scenario(&mut sim);
        sim.settle();
        let end = summary(&sim);
        stays(&mut sim);
        oracles::check(&sim.event_log());
        end
    };
    let called = run(Simulation::builder(1));
    let spoken = run(Simulation::builder(1).over_http());
    assert_eq!(called, spoken, "in process and over HTTP");
}

/// Pods behave as their annotations say.
pub(crate) fn acted(attempt: &Attempt) -> Act {
    AnnotationScript.act(attempt)
}

/// A Job whose pods carry annotations for [`acted`], such as `("run", "5s")`.
pub(crate) fn acting(name: &str, spec: Value, annotations: &[(&str, &str)]) -> Value {
    let mut job = testkit::job(name, spec);
    for (key, value) in annotations {
        job["spec"]["template"]["metadata"]["annotations"][format!("kubectl-job/{key}")] = json!(value);
    }
    job
}

/// What came of it, without names and UIDs, which are drawn in another order.
fn summary(sim: &Simulation) -> Value {
    let jobs: BTreeMap<String, Value> = sim
        .list(&JOBS, "")
        .into_iter()
        .map(|mut job| {
            if let Some(status) = job["status"].as_object_mut() {
                status.remove("uncountedTerminatedPods");
            }
            (name(&job).to_owned(), job["status"].take())
        })
        .collect();
    let mut pods: Vec<String> = sim
        .list(&PODS, "")
        .iter()
        .map(|pod| format!("{} {}", pod["metadata"]["creationTimestamp"], pod["status"]["phase"]))
        .collect();
    pods.sort();
    let mut events: Vec<String> = sim.list(&EVENTS, "").iter().filter_map(told).collect();
    events.sort();
    let mut all = json!({"elapsed": sim.elapsed().as_secs(), "jobs": jobs, "pods": pods, "events": events});
    scrub(&mut all);
    all
}

/// Replaces the suffixes of generated names.
fn scrub(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.split(' ').map(without_suffix).collect::<Vec<_>>().join(" "),
        Value::Array(items) => items.iter_mut().for_each(scrub),
        Value::Object(fields) => fields.values_mut().for_each(scrub),
        _ => {}
    }
}

fn without_suffix(word: &str) -> String {
    let drawn = |suffix: &str| suffix.len() == 5 && suffix.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c));
    match word.rsplit_once('-') {
        Some((stem, suffix)) if drawn(suffix) => format!("{stem}-*"),
        _ => word.to_owned(),
    }
}

/// An Event about a Job or CronJob, without the name of a pod at its end.
fn told(event: &Value) -> Option<String> {
    let about = &event["involvedObject"];
    about["kind"].as_str().filter(|kind| kind.ends_with("Job"))?;
    let text = |field: &str| event[field].as_str().unwrap_or_default().to_owned();
    let message = text("message");
    let message = message.split("pod: ").next().unwrap_or_default();
    Some(format!("{} {} {} {message} {}", about["name"], text("type"), text("reason"), event["count"]))
}

/// Once all Jobs have ended, the controllers leave them alone.
fn stays(sim: &mut Simulation) {
    let open =
        sim.list(&JOBS, "").iter().any(|job| !is_finished(job) || job["spec"]["ttlSecondsAfterFinished"].is_i64());
    if open || !sim.list(&testkit::CRON_JOBS, "").is_empty() {
        return;
    }
    sim.settle();
    let writes = |sim: &Simulation| sim.faults().writes(Component::Jobs);
    let before = writes(sim);
    sim.advance(minutes(10));
    assert_eq!(writes(sim), before, "the Job controller writes though all Jobs have ended");
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub(crate) fn is_finished(job: &Value) -> bool {
    condition(job, "Complete").or(condition(job, "Failed")).is_some()
}

/// The reason of a condition that is True.
pub(crate) fn reason(job: &Value, condition_type: &str) -> Option<String> {
    condition(job, condition_type)?["reason"].as_str().map(str::to_owned)
}

/// Seconds after the first of them at which a Job's pods were made, those that are gone among them.
pub(crate) fn starts(sim: &Simulation, job: &str) -> Vec<i64> {
    let mut seen = std::collections::BTreeSet::new();
    let mut starts = Vec::new();
    for commit in oracles::commits(&sim.event_log()) {
        let pod = &commit.object;
        let of_job = pod["kind"] == "Pod" && pod["metadata"]["labels"]["job-name"] == job;
        if of_job && seen.insert(oracles::uid(pod).to_owned()) {
            starts.push(commit.time.as_second());
        }
    }
    let first = starts.first().copied().unwrap_or_default();
    starts.into_iter().map(|start| start - first).collect()
}

/// Differences between neighbours.
pub(crate) fn gaps(starts: &[i64]) -> Vec<i64> {
    starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// A number of a Job's status; absent is 0.
pub(crate) fn count(job: &Value, field: &str) -> i64 {
    job["status"][field].as_i64().unwrap_or(0)
}

/// Pods of a Job in this phase.
pub(crate) fn in_phase(sim: &Simulation, job: &str, phase: &str) -> usize {
    sim.pods(job).iter().filter(|pod| pod["status"]["phase"] == phase).count()
}

/// Pods that carry the tracking finalizer.
pub(crate) fn tracked(sim: &Simulation) -> usize {
    sim.list(&PODS, "").iter().filter(|pod| oracles::is_tracked(pod)).count()
}

/// The reasons of the Events about an object, the oldest first.
pub(crate) fn reasons(sim: &Simulation, object: &str) -> Vec<String> {
    sim.events(object).iter().filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect()
}
