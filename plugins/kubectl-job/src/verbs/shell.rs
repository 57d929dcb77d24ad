//! `shell`: a shell, or a command, in the environment of an attempt: in a copy of its pod that does nothing, which goes
//! with this command.

mod copy;
mod terminal;

use std::time::Duration;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::Pod;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::resource::{JOBS, PODS};
use client::{ExecOptions, Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use serde_json::Value;
use std::sync::Arc;

use super::{Setting, past, select};
use crate::cli::shell::ShellArgs;
use crate::exit::{Code, Failure};
use crate::follow::Interrupts;
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::attempts::{Attempt, Attempts};

/// How long the copy may take to run.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// The shell of people who did not say: the better one of those that are there.
const SHELL: [&str; 3] = ["/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

/// Runs the verb.
///
/// # Errors
/// Wrong flags, a Job or an attempt that is nowhere, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: ShellArgs) -> anyhow::Result<Code> {
    if setting.connection.is_remote() {
        let text = "error: shell is for Jobs of the local server; for a real cluster there is kubectl debug";
        return Err(Failure::usage(text).into());
    }
    let name = select::job_name(&args.name)?;
    let target = target::open(&setting.connection, setting.screen).await?;
    let pods = pods(setting, &target, name).await?;
    let attempts = Attempts::of_values(&pods);
    let attempt = choose(&attempts, &args).ok_or_else(|| {
        let none = if attempts.list().is_empty() { "has no attempt yet" } else { "has no such attempt" };
        Failure::new(Code::Failure, format!("error: Job {} {none}", escape(name)))
    })?;
    let pod = pods.iter().find(|pod| pod["metadata"]["uid"] == attempt.uid.as_str()).unwrap_or(&Value::Null);
    let ended = attempt.end.as_ref().map(|end| end.container.as_str()).filter(|name| !name.is_empty());
    let (copy, container) = copy::of(pod, name, args.container.as_deref(), ended)?;
    let mut interrupts = Interrupts::new()?;
    let made = target.client.create(&PODS, Some(&target.namespace), copy).await?;
    let copy = made.meta().name.clone();
    let label = attempt.label(setting.screen.dot());
    setting.screen.note(format!(
        "{} in a copy of {label}, pod {}, container {}: without what that attempt wrote, and gone afterwards",
        setting.screen.arrow(),
        escape(&attempt.pod),
        escape(&container),
    ));
    let command = if args.command.is_empty() { SHELL.map(str::to_owned).to_vec() } else { args.command };
    let result = tokio::select! {
        biased;
        code = interrupts.next() => Ok(code),
        result = work(&target, &copy, container, command) => result,
    };
    remove(setting, &target, &copy).await;
    result
}

/// Every pod of the Job that ever was, as far as it is known.
async fn pods(setting: &Setting, target: &Target, name: &str) -> anyhow::Result<Vec<Value>> {
    let job: Job = match select::one(target, &JOBS, name).await? {
        Ok(object) => object.decode()?,
        Err(error) => match past::missing(setting, &target.namespace, &error) {
            Some((_, _, story)) => return Ok(story.pods),
            None => return Err(error.into()),
        },
    };
    let mut collector = explain::Collector::default();
    let living = select::pods(target, &job).await?;
    if let Some((_, _, story)) = past::of_job(setting, &job) {
        story.pods.iter().for_each(|pod| collector.saw(pod));
    }
    for pod in &living {
        collector.saw(&serde_json::to_value(pod)?);
    }
    Ok(collector.into_pods())
}

fn choose<'a>(attempts: &'a Attempts, args: &ShellArgs) -> Option<&'a Attempt> {
    let fits = |attempt: &&Attempt| {
        args.index.is_none_or(|index| attempt.index == Some(index))
            && args.attempt.is_none_or(|number| attempt.number == number)
    };
    attempts.failures().rev().find(fits).or_else(|| attempts.list().iter().rev().find(fits))
}

/// Waits until the copy runs, and runs the command in it.
async fn work(target: &Target, copy: &str, container: String, command: Vec<String>) -> anyhow::Result<Code> {
    match tokio::time::timeout(START_PATIENCE, runs(target, copy)).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return Err(Failure::new(Code::Failure, format!("error: the copy does not run: {why}")).into()),
        Err(_) => return Err(Failure::new(Code::Timeout, "error: the copy did not run in time").into()),
    }
    let terminal = terminal::Terminal::find();
    let options = ExecOptions { container: Some(container), command, stdin: true, tty: terminal.is_some() };
    let session = target.client.exec(&target.namespace, copy, options).await?;
    let code = terminal::join(session, terminal).await?;
    Ok(Code::Container(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// Waits until the pod's container runs; the error says why it will not.
async fn runs(target: &Target, name: &str) -> Result<(), String> {
    let selection = Selection {
        namespace: Some(target.namespace.clone()),
        field_selector: Some(format!("metadata.name={name}")),
        label_selector: None,
    };
    let mut pods = client::observe(target.client.clone(), Arc::new(SystemClock), PODS, selection);
    while let Some(observation) = pods.next().await {
        let object = match observation {
            Observation::Restarted { objects, .. } => objects.into_iter().next(),
            Observation::Applied(object) => Some(object),
            Observation::Deleted(_) => None,
            Observation::Reached(_) => continue,
        };
        let Some(object) = object else { return Err("it was deleted".to_owned()) };
        let pod: Pod = object.decode().map_err(|error| error.to_string())?;
        if let Some(result) = state(&pod) {
            return result;
        }
    }
    Err("the server is gone".to_owned())
}

fn state(pod: &Pod) -> Option<Result<(), String>> {
    let status = pod.status.as_ref()?;
    let state = status.container_statuses.as_ref()?.first()?.state.as_ref()?;
    if state.running.is_some() {
        return Some(Ok(()));
    }
    let words = |reason: Option<&String>, message: Option<&String>| {
        [reason, message].into_iter().flatten().map(|text| escape(text).into_owned()).collect::<Vec<_>>().join(": ")
    };
    if let Some(end) = &state.terminated {
        return Some(Err(words(end.reason.as_ref(), end.message.as_ref())));
    }
    let waiting = state.waiting.as_ref()?;
    let is_plain = matches!(waiting.reason.as_deref(), None | Some("ContainerCreating" | "PodInitializing"));
    (!is_plain).then(|| Err(words(waiting.reason.as_ref(), waiting.message.as_ref())))
}

/// Deletes the copy at once: it does nothing that could be cut off.
async fn remove(setting: &Setting, target: &Target, copy: &str) {
    let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
    match target.client.delete(&PODS, Some(&target.namespace), copy, &now).await {
        Err(error) if !error.is_not_found() => {
            setting.screen.say(format!("pod {copy} stays behind: {error}; delete it with kubectl delete pod {copy}"));
        }
        _ => {}
    }
}
