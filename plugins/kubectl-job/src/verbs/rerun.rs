//! `rerun`: runs a copy of a Job that has ended, with changes if any, and ends with its result.

mod copy;

use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::resource::JOBS;
use api::{Object, Options};
use serde_json::Value;

use super::{Setting, past, run, select};
use crate::cli::rerun::RerunArgs;
use crate::cli::run::{DryRun, JobFlags, PlaceFlags, RunArgs};
use crate::exit::{Code, Failure};
use crate::history;
use crate::manifest::{Document, Source};
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::facts;
use copy::Changes;

/// Runs the verb.
///
/// # Errors
/// Wrong flags, a Job that is nowhere or that has not ended, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: RerunArgs) -> anyhow::Result<Code> {
    let changes = Changes {
        image: args.image.as_deref(),
        env: &args.env,
        command: &args.command,
        container: args.container.as_deref(),
    };
    let name = args.name.as_deref().map(select::job_name).transpose()?.filter(|name| *name != select::LAST);
    let target = target::open(&setting.connection, setting.screen).await?;
    let (job, is_gone) = find(setting, &target, name).await?;
    let old: Job = serde_json::from_value(job.clone())?;
    let is_left = is_gone || facts::outcome(&old).is_some() || facts::spec(&old).suspend == Some(true);
    if !is_left && !args.how.replace && old.metadata.deletion_timestamp.is_none() {
        let name = escape(facts::name(&old)).into_owned();
        let text = format!("error: Job {name} has not ended: wait for it, or delete it first with --replace");
        return Err(Failure::usage(text).into());
    }
    let mut copy = copy::of(&job, &changes)?;
    if !args.how.replace {
        let taken = names(setting, &target).await?;
        copy["metadata"]["name"] = copy::free_name(facts::name(&old), &taken).into();
    }
    let arguments = RunArgs {
        name: None,
        from: None,
        kustomize: None,
        files: Vec::new(),
        command: Vec::new(),
        job: JobFlags::default(),
        how: args.how,
        place: PlaceFlags::default(),
    };
    let format = run::checked_format(&arguments)?;
    let documents = vec![Document { value: copy, source: Source::default() }];
    if arguments.how.dry_run == Some(DryRun::Client) {
        return run::dry_run_client(setting, &documents, &format);
    }
    run::run_on(setting, &arguments, &format, documents, &target).await
}

/// The Job of that name, or the one that was created last; from the history when it is gone, which the answer tells too.
async fn find(setting: &Setting, target: &Target, name: Option<&str>) -> anyhow::Result<(Value, bool)> {
    let Some(name) = name else { return last(setting, target).await };
    match target.client.get(&JOBS, Some(&target.namespace), name).await {
        Ok(object) => Ok((object.to_value(), false)),
        Err(error) => match past::missing(setting, &target.namespace, &error) {
            Some((_, _, story)) => Ok((story.job, true)),
            None => Err(error.into()),
        },
    }
}

async fn last(setting: &Setting, target: &Target) -> anyhow::Result<(Value, bool)> {
    let list = target.client.list(&JOBS, Some(&target.namespace), Options::default()).await?;
    let created = |job: &&Arc<Object>| (job.meta().creation_timestamp, job.meta().revision);
    let newest = list.items.iter().max_by_key(created);
    let history = history::of(&setting.connection);
    let run = history.as_ref().and_then(|history| {
        let is_there = |run: &history::run::Run| list.items.iter().any(|job| job.meta().uid.as_str() == run.uid);
        history.runs().into_iter().find(|run| run.namespace == target.namespace && !is_there(run))
    });
    let is_newer = |run: &history::run::Run| {
        newest.and_then(|job| job.meta().creation_timestamp).is_none_or(|created| run.started_at > created)
    };
    match (newest, history.zip(run).filter(|(_, run)| is_newer(run))) {
        (_, Some((history, run))) => {
            past::tell(setting, &run);
            Ok((history.story(&run)?.job, true))
        }
        (Some(job), None) => Ok((job.to_value(), false)),
        (None, None) => Err(Failure::new(Code::Gone, "error: there is no Job yet that could be run again").into()),
    }
}

/// Names that a copy cannot have, or better not: of Jobs, and of runs of the history.
async fn names(setting: &Setting, target: &Target) -> anyhow::Result<Vec<String>> {
    let list = target.client.list(&JOBS, Some(&target.namespace), Options::default()).await?;
    let mut names: Vec<String> = list.items.iter().map(|job| job.meta().name.clone()).collect();
    let runs = history::of(&setting.connection).map(|history| history.runs()).unwrap_or_default();
    names.extend(runs.into_iter().filter(|run| run.namespace == target.namespace).map(|run| run.name));
    Ok(names)
}
