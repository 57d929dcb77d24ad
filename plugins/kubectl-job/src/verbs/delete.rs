//! `delete`: Jobs and, unless told otherwise, their pods; says what went.

use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::resource::JOBS;
use api::{Options, Uid};
use client::{Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use jiff::SignedDuration;

use super::{Setting, run, select};
use crate::cli::verbs::DeleteArgs;
use crate::exit::{Code, Failure, Family, explain};
use crate::follow::Interrupts;
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::facts;
use crate::{manifest, objects, output};

/// Runs the verb.
///
/// # Errors
/// Refusals of the server.
pub(crate) async fn run(setting: &Setting, args: DeleteArgs) -> anyhow::Result<Code> {
    let names = names(&args)?;
    let target = target::open(&setting.connection, setting.screen).await?;
    let options = Options { label_selector: args.selector.clone(), ..Options::default() };
    let (jobs, missing) = select::jobs(&target, &names, options, false).await?;
    if jobs.is_empty() && missing.is_empty() {
        setting.screen.say("No resources found");
    }
    let mut interrupts = Interrupts::new()?;
    let mut code = Code::Success;
    for object in &jobs {
        let job: Job = object.decode()?;
        let deleted = tokio::select! {
            biased;
            interrupted = interrupts.next() => return Ok(interrupted),
            deleted = delete(setting, &target, &args, &job) => deleted?,
        };
        code = code.max(deleted);
    }
    if args.ignore_not_found || missing.is_empty() {
        return Ok(code);
    }
    for error in missing {
        setting.screen.say(explain(&error.into(), Family::Plain).1);
    }
    Ok(code.max(Code::Failure))
}

fn names(args: &DeleteArgs) -> anyhow::Result<Vec<String>> {
    let mut names = select::job_names(&args.names)?;
    for file in &args.files {
        for document in manifest::parse(file, &run::read(file)?)? {
            if objects::is_job(&document.value) {
                let name = document.value.pointer("/metadata/name").and_then(serde_json::Value::as_str);
                let missing =
                    || Failure::usage(format!("error: {file}: a Job without metadata.name cannot be deleted"));
                names.push(name.ok_or_else(missing)?.to_owned());
            }
        }
    }
    if names.is_empty() && !args.files.is_empty() {
        return Err(Failure::usage(format!("error: no Job in {}", args.files.join(", "))).into());
    }
    Ok(names)
}

async fn delete(setting: &Setting, target: &Target, args: &DeleteArgs, job: &Job) -> anyhow::Result<Code> {
    let name = facts::name(job);
    let pods = if args.cascade == "orphan" { 0 } else { select::pods(target, job).await?.len() };
    let policy = match args.cascade.as_str() {
        "foreground" => "Foreground",
        "orphan" => "Orphan",
        _ => "Background",
    };
    let grace = if args.now { Some(1) } else { args.grace_period.filter(|seconds| *seconds >= 0) };
    let options = DeleteOptions {
        propagation_policy: Some(policy.to_owned()),
        grace_period_seconds: grace,
        ..DeleteOptions::default()
    };
    let namespace = Some(facts::namespace(job));
    match target.client.delete(&JOBS, namespace, name, &options).await {
        Ok(_) => {}
        Err(error) if error.is_not_found() && args.ignore_not_found => return Ok(Code::Success),
        Err(error) => return Err(error.into()),
    }
    if args.output.is_some() {
        output::put(&format!("job.batch/{name}\n"))?;
    } else {
        output::put(&format!("job.batch \"{}\" deleted\n", escape(name)))?;
        match pods {
            0 => {}
            1 => setting.screen.note("and its pod"),
            pods => setting.screen.note(format!("and its {pods} pods")),
        }
    }
    if args.wait && !until_gone(target, namespace, name, args.timeout.map(|span| span.0)).await? {
        setting.screen.say(format!("error: timed out waiting for Job {} to go", escape(name)));
        return Ok(Code::Timeout);
    }
    Ok(Code::Success)
}

/// Waits until the Job of this name, as it is now, is gone; `false` when time was up before.
///
/// # Errors
/// Refusals of the server.
pub(crate) async fn until_gone(
    target: &Target,
    namespace: Option<&str>,
    name: &str,
    timeout: Option<SignedDuration>,
) -> anyhow::Result<bool> {
    let uid = match target.client.get(&JOBS, namespace, name).await {
        Ok(object) => object.meta().uid.clone(),
        Err(error) if error.is_not_found() => return Ok(true),
        Err(error) => return Err(error.into()),
    };
    let selection = Selection {
        namespace: namespace.map(str::to_owned),
        field_selector: Some(format!("metadata.name={name}")),
        label_selector: None,
    };
    let mut jobs = client::observe(target.client.clone(), Arc::new(SystemClock), JOBS, selection);
    let gone = async {
        while let Some(observation) = jobs.next().await {
            if is_gone(&observation, &uid) {
                return;
            }
        }
    };
    match timeout {
        Some(timeout) => Ok(tokio::time::timeout(timeout.unsigned_abs(), gone).await.is_ok()),
        None => {
            gone.await;
            Ok(true)
        }
    }
}

fn is_gone(observation: &Observation, uid: &Uid) -> bool {
    match observation {
        Observation::Restarted { objects, .. } => !objects.iter().any(|object| object.meta().uid == *uid),
        Observation::Applied(object) => object.meta().uid != *uid,
        Observation::Deleted(object) => object.meta().uid == *uid,
        Observation::Reached(_) => false,
    }
}
