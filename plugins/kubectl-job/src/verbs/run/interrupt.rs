//! What Ctrl-C does. Local pods are this person's processes, so they stop; Jobs of a real cluster are not, so they go on.

use std::sync::Arc;
use std::time::Duration;

use api::k8s::api::batch::v1::Job;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::resource::{JOBS, PODS};
use api::{Options, PatchType};
use client::{Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use serde_json::json;

use crate::cli::run::OnInterrupt;
use crate::follow::Interrupts;
use crate::follow::printer::Printer;
use crate::screen::escape;
use crate::target::Target;
use crate::view::facts;

/// How long pods get beyond their own grace period before this stops waiting for them.
const SLACK: Duration = Duration::from_secs(5);

/// What Ctrl-C does: what was asked for, or what fits the target.
pub(super) fn fitting(target: &Target, how: Option<OnInterrupt>) -> OnInterrupt {
    how.unwrap_or(if target.is_local() { OnInterrupt::Suspend } else { OnInterrupt::Detach })
}

/// Says that the Job goes on, and how to come back to it.
pub(super) fn tell_detached(target: &Target, job: &Job, printer: &mut Printer) {
    let name = escape(facts::name(job)).into_owned();
    let arrow = printer.screen().arrow();
    if target.is_ephemeral() {
        printer.note(format!("{arrow} stopped following Job {name}; it ends with this command"));
        return;
    }
    printer.note(format!("{arrow} stopped following Job {name}; it goes on"));
    printer.note(format!("  follow it again: kubectl job logs -f {name}   delete it: kubectl job delete {name}"));
}

/// Stops the Job in the way that was asked for, or that fits the target.
pub(crate) async fn stop(
    target: &Target,
    job: &Job,
    how: Option<OnInterrupt>,
    printer: &mut Printer,
    interrupts: &mut Interrupts,
) {
    let how = fitting(target, how);
    let name = escape(facts::name(job)).into_owned();
    let arrow = printer.screen().arrow();
    let ephemeral = target.is_ephemeral();
    let asked = match how {
        OnInterrupt::Detach => return tell_detached(target, job, printer),
        OnInterrupt::Suspend => suspend(target, job).await,
        OnInterrupt::Delete => delete(target, job).await,
    };
    if let Err(error) = asked {
        printer.say(format!("cannot stop Job {name}: {error}"));
        return;
    }
    printer.note(format!("{arrow} stopping the pods of Job {name} (again: kill them)"));
    let stopped = tokio::select! {
        biased;
        _ = interrupts.next() => {
            kill(target, job).await;
            until_no_pod_runs(target, job, SLACK).await
        }
        stopped = until_no_pod_runs(target, job, grace(job) + SLACK) => stopped,
    };
    let state = if stopped { "is suspended" } else { "is being suspended; some of its pods still run" };
    match how {
        OnInterrupt::Suspend if !ephemeral => {
            printer.note(format!("{arrow} Job {name} {state}"));
            printer.note(format!("  resume: kubectl job resume {name}"));
            printer.note(format!("  delete: kubectl job delete {name}"));
        }
        OnInterrupt::Suspend => printer.note(format!("{arrow} Job {name} ended with this command")),
        OnInterrupt::Delete | OnInterrupt::Detach => printer.note(format!("{arrow} Job {name} is deleted")),
    }
}

async fn suspend(target: &Target, job: &Job) -> Result<(), client::Error> {
    let patch = (PatchType::Merge, json!({"spec": {"suspend": true}}));
    let patched = target.client.patch(&JOBS, Some(facts::namespace(job)), facts::name(job), None, patch).await;
    match patched {
        // A Job that ended in the meantime has nothing left to stop.
        Err(error) if !error.is_not_found() && error.status().is_none_or(|status| status.code != 422) => Err(error),
        _ => Ok(()),
    }
}

async fn delete(target: &Target, job: &Job) -> Result<(), client::Error> {
    let options = super::background();
    match target.client.delete(&JOBS, Some(facts::namespace(job)), facts::name(job), &options).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Gives the pods no time at all.
async fn kill(target: &Target, job: &Job) {
    let namespace = Some(facts::namespace(job));
    let options = Options { label_selector: Some(facts::pod_selector(job)), ..Options::default() };
    let Ok(list) = target.client.list(&PODS, namespace, options).await else { return };
    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    for pod in list.items {
        // A pod that cannot be killed is seen by whoever waits for the pods to end.
        let _ = target.client.delete(&PODS, namespace, &pod.meta().name, &now).await;
    }
}

/// The pods' own grace period; 30 s is the API's default.
fn grace(job: &Job) -> Duration {
    let pod = facts::spec(job).template.spec.as_ref();
    let seconds = pod.and_then(|pod| pod.termination_grace_period_seconds).unwrap_or(30);
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// Waits until no pod of the Job runs; `false` when time was up before.
async fn until_no_pod_runs(target: &Target, job: &Job, patience: Duration) -> bool {
    let selection = Selection {
        namespace: Some(facts::namespace(job).to_owned()),
        label_selector: Some(facts::pod_selector(job)),
        field_selector: Some("status.phase!=Succeeded,status.phase!=Failed".to_owned()),
    };
    let mut pods = client::observe(target.client.clone(), Arc::new(SystemClock), PODS, selection);
    let mut running = std::collections::HashSet::new();
    let waited = tokio::time::timeout(patience, async {
        while let Some(observation) = pods.next().await {
            match observation {
                Observation::Restarted { objects, .. } => {
                    running = objects.iter().map(|object| object.meta().uid.clone()).collect();
                }
                Observation::Applied(object) => {
                    running.insert(object.meta().uid.clone());
                }
                Observation::Deleted(object) => {
                    running.remove(&object.meta().uid);
                }
                Observation::Reached(_) => {}
            }
            if running.is_empty() {
                return;
            }
        }
    });
    waited.await.is_ok()
}
