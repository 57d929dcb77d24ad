//! `delete`: Jobs and, unless told otherwise, their pods; says what went.

mod grace;

use std::io::Write as _;
use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::resource::{JOBS, PODS};
use api::{Object, Options, Uid};
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
/// Flags that do not go together, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: DeleteArgs) -> anyhow::Result<Code> {
    let names = names(&args)?;
    let grace = grace::seconds(args.grace_period, args.now, args.force)?;
    if grace == Some(0) {
        setting.screen.warn(grace::WARNING);
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let options = Options { label_selector: args.selector.clone(), ..Options::default() };
    let (jobs, missing) = select::jobs(&target, &names, options, false).await?;
    if jobs.is_empty() && missing.is_empty() {
        setting.screen.say("No resources found");
    }
    let mut interrupts = Interrupts::new()?;
    let mut code = Code::Success;
    if args.interactive && !jobs.is_empty() {
        let is_wanted = tokio::select! {
            biased;
            interrupted = interrupts.next() => return Ok(interrupted),
            is_wanted = confirm(&jobs) => is_wanted,
        };
        if !is_wanted {
            setting.screen.say("deletion is cancelled");
            return Ok(code);
        }
    }
    for object in &jobs {
        let job: Job = object.decode()?;
        let deleted = tokio::select! {
            biased;
            interrupted = interrupts.next() => return Ok(interrupted),
            deleted = delete(setting, &target, &args, grace, &job) => deleted?,
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

/// Asks as kubectl does; anything but a `y` is a no, and so is the end of the input.
async fn confirm(jobs: &[Arc<Object>]) -> bool {
    let mut text = format!("You are about to delete the following {} resource(s):\n", jobs.len());
    for job in jobs {
        text.push_str(&format!("job.batch/{}\n", escape(&job.meta().name)));
    }
    text.push_str("Do you want to continue? (y/N): ");
    // A question that nobody can see gets no answer either.
    let mut stderr = anstream::stderr().lock();
    if stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).is_err() {
        return false;
    }
    drop(stderr);
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map(|_| answer)
    });
    matches!(answer.await, Ok(Ok(answer)) if answer.trim().eq_ignore_ascii_case("y"))
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

async fn delete(
    setting: &Setting,
    target: &Target,
    args: &DeleteArgs,
    grace: Option<i64>,
    job: &Job,
) -> anyhow::Result<Code> {
    let name = facts::name(job);
    let with_pods = args.cascade != "orphan";
    let pods = if with_pods { select::pods(target, job).await?.len() } else { 0 };
    let policy = match args.cascade.as_str() {
        "foreground" => "Foreground",
        "orphan" => "Orphan",
        _ => "Background",
    };
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
    if let Some(grace) = grace.filter(|_| with_pods) {
        delete_pods(target, job, grace).await?;
    }
    if args.output.is_some() {
        output::put(&format!("job.batch/{name}\n"))?;
    } else {
        output::put(&format!("job.batch \"{}\" {}\n", escape(name), grace::done(grace)))?;
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

/// Gives the pods of a Job that was deleted this grace: whoever collects them deletes them with their own, as everywhere,
/// and of two graces the shorter one counts.
async fn delete_pods(target: &Target, job: &Job, grace: i64) -> anyhow::Result<()> {
    let options = DeleteOptions { grace_period_seconds: Some(grace), ..DeleteOptions::default() };
    for pod in select::pods(target, job).await? {
        let name = pod.metadata.name.as_deref().unwrap_or_default();
        match target.client.delete(&PODS, Some(facts::namespace(job)), name, &options).await {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
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
