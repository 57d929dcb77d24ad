//! `suspend` and `resume`: `spec.suspend` of Jobs and CronJobs, and what follows from it.

use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::resource::JOBS;
use api::{Object, Options, PatchType};
use client::{Observation, Selection};
use clock::SystemClock;
use futures::StreamExt as _;
use jiff::SignedDuration;
use serde_json::json;

use super::kind::{self, Kind};
use super::{Setting, select};
use crate::cli::change::ChangeArgs;
use crate::exit::{Code, Failure, Family, explain};
use crate::follow::Interrupts;
use crate::output::{self, Format};
use crate::screen::escape;
use crate::target::{self, Target};
use crate::view::facts;

/// Runs `suspend`, or `resume`.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, args: ChangeArgs, suspend: bool) -> anyhow::Result<Code> {
    let format = Format::parse(args.output.as_deref())?;
    let named = kind::several(&args.names)?;
    if args.wait && named.iter().any(|(kind, _)| *kind == Kind::CronJob) {
        return Err(Failure::usage("error: --wait is for Jobs: a CronJob has no pods of its own").into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    let change = Change { setting, target: &target, format: &format, suspend };
    let (mut code, mut changed) = (Code::Success, Vec::new());
    for (kind, object) in change.chosen(&args, &named, &mut code).await? {
        match change.one(kind, &object).await? {
            true => changed.push(object),
            false => code = code.max(Code::Failure),
        }
    }
    if !args.wait || changed.is_empty() {
        return Ok(code);
    }
    let jobs = changed.iter().filter_map(|object| object.decode().ok()).collect();
    Ok(code.max(until_done(setting, &target, jobs, &args, suspend).await?))
}

struct Change<'a> {
    setting: &'a Setting,
    target: &'a Target,
    format: &'a Format,
    suspend: bool,
}

impl Change<'_> {
    /// The objects meant; names that do not exist are told and spoil the exit code.
    async fn chosen(
        &self,
        args: &ChangeArgs,
        named: &[(Kind, String)],
        code: &mut Code,
    ) -> anyhow::Result<Vec<(Kind, Arc<Object>)>> {
        if named.is_empty() {
            let options = Options { label_selector: args.selector.clone(), ..Options::default() };
            let (jobs, _) = select::jobs(self.target, &[], options, false).await?;
            let goes_on = |object: &Object| object.decode::<Job>().is_ok_and(|job| facts::outcome(&job).is_none());
            let open: Vec<_> = jobs.into_iter().filter(|job| goes_on(job)).map(|job| (Kind::Job, job)).collect();
            if open.is_empty() {
                self.setting.screen.say("No resources found: no Job that has not finished");
            }
            return Ok(open);
        }
        let mut objects = Vec::new();
        for (kind, name) in named {
            match select::one(self.target, &kind.resource(), name).await? {
                Ok(object) => objects.push((*kind, object)),
                Err(error) => {
                    self.setting.screen.say(explain(&error.into(), Family::Plain).1);
                    *code = Code::Failure;
                }
            }
        }
        Ok(objects)
    }

    /// Changes one object; `false` when it cannot be what was asked for.
    async fn one(&self, kind: Kind, object: &Object) -> anyhow::Result<bool> {
        let (verb, name) = (if self.suspend { "suspended" } else { "resumed" }, &object.meta().name);
        let shown = format!("{}/{}", kind.short(), escape(name));
        let before = object.to_value();
        if kind == Kind::Job {
            let job: Job = object.decode()?;
            if facts::outcome(&job).is_some() {
                let state = facts::state(&job);
                self.setting.screen.say(format!("error: {shown} has finished ({state}): it cannot be {verb}"));
                return Ok(false);
            }
        }
        if before["spec"]["suspend"].as_bool().unwrap_or(false) == self.suspend {
            self.show(&before, kind, &format!("{shown} {verb} (no change)"))?;
            return Ok(true);
        }
        let patch = (PatchType::Merge, json!({"spec": {"suspend": self.suspend}}));
        let namespace = object.meta().namespace.as_deref();
        let after = self.target.client.patch(&kind.resource(), namespace, name, None, patch).await?;
        self.show(&after.to_value(), kind, &format!("{shown} {verb}"))?;
        self.setting.screen.note(self.consequence(kind, &after)?);
        Ok(true)
    }

    fn show(&self, value: &serde_json::Value, kind: Kind, line: &str) -> anyhow::Result<()> {
        if self.format.is_table() {
            return output::put(&format!("{line}\n"));
        }
        let mut value = value.clone();
        value["apiVersion"] = "batch/v1".into();
        value["kind"] = kind.name().into();
        output::hide_managed_fields(&mut value);
        output::put(&self.format.render(vec![value], true)?)
    }

    /// What follows from the change, in a line.
    fn consequence(&self, kind: Kind, object: &Object) -> anyhow::Result<String> {
        let name = escape(&object.meta().name).into_owned();
        Ok(match (kind, self.suspend) {
            (Kind::Job, true) => {
                format!("its pods are being stopped, which is no failure of the Job; go on: kubectl job resume {name}")
            }
            (Kind::Job, false) => fresh_start(&object.decode()?),
            (Kind::CronJob, true) => {
                "no Job is started any more; those that run go on. A run that is missed now may be made up for on resume"
                    .to_owned()
            }
            (Kind::CronJob, false) => {
                format!("when it runs next: kubectl job cron next {name}")
            }
        })
    }
}

/// What a Job begins anew with when it is resumed (`trackJobStatusAndRemoveFinalizers` counts pods; `startTime` is
/// reset by `syncJob`).
fn fresh_start(job: &Job) -> String {
    let counted = facts::succeeded(job) + facts::failed(job);
    let kept = if counted == 0 { String::new() } else { ", and the pods that have ended stay counted".to_owned() };
    match facts::spec(job).active_deadline_seconds {
        Some(seconds) => {
            let all = crate::duration::show(SignedDuration::from_secs(seconds));
            format!("startTime and activeDeadlineSeconds begin anew: it has {all} from now{kept}")
        }
        None => format!("startTime begins anew{kept}"),
    }
}

/// Waits until suspended Jobs have no pod any more, or resumed ones have one that runs.
async fn until_done(
    setting: &Setting,
    target: &Target,
    jobs: Vec<Job>,
    args: &ChangeArgs,
    suspend: bool,
) -> anyhow::Result<Code> {
    let mut interrupts = Interrupts::new()?;
    let all = async {
        for job in &jobs {
            until(target, job, suspend).await;
        }
    };
    let expired = async {
        match args.timeout {
            Some(span) => tokio::time::sleep(span.0.unsigned_abs()).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        code = interrupts.next() => Ok(code),
        () = all => Ok(Code::Success),
        () = expired => {
            let what = if suspend { "pods to stop" } else { "a pod to start" };
            setting.screen.say(format!("error: timed out waiting for {what}"));
            Ok(Code::Timeout)
        }
    }
}

/// Follows one Job until it is as wanted. `before` is the Job as it was when it was changed.
async fn until(target: &Target, before: &Job, suspend: bool) {
    let selection = Selection {
        namespace: before.metadata.namespace.clone(),
        field_selector: Some(format!("metadata.name={}", facts::name(before))),
        label_selector: None,
    };
    let mut observations = client::observe(target.client.clone(), Arc::new(SystemClock), JOBS, selection);
    let ended = |job: &Job| facts::succeeded(job) + facts::failed(job);
    while let Some(observation) = observations.next().await {
        let object = match observation {
            Observation::Restarted { objects, .. } => objects.into_iter().next(),
            Observation::Applied(object) => Some(object),
            Observation::Deleted(_) => None,
            Observation::Reached(_) => continue,
        };
        // A Job that is gone has nothing left to wait for.
        let Some(job) = object.and_then(|object| object.decode::<Job>().ok()) else { return };
        if facts::outcome(&job).is_some() || if suspend { is_at_rest(&job) } else { is_at_work(&job, ended(before)) } {
            return;
        }
    }
}

/// The controller has suspended it, and its last pod has ended.
fn is_at_rest(job: &Job) -> bool {
    let terminating = job.status.as_ref().and_then(|status| status.terminating).unwrap_or(0);
    facts::condition(job, "Suspended").is_some() && facts::active(job) == 0 && terminating == 0
}

/// A pod runs, or has run since.
fn is_at_work(job: &Job, ended_before: i32) -> bool {
    let ready = job.status.as_ref().and_then(|status| status.ready).unwrap_or(0);
    facts::condition(job, "Suspended").is_none()
        && (ready > 0 || facts::succeeded(job) + facts::failed(job) > ended_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(value: serde_json::Value) -> Job {
        serde_json::from_value(value).expect("a Job")
    }

    #[test]
    fn a_job_is_at_rest_once_its_last_pod_has_gone() {
        let suspended = |active: i32, terminating: i32| {
            let conditions = json!([{"type": "Suspended", "status": "True"}]);
            job(json!({"status": {"active": active, "terminating": terminating, "conditions": conditions}}))
        };
        assert!(!is_at_rest(&suspended(1, 0)) && !is_at_rest(&suspended(0, 1)) && is_at_rest(&suspended(0, 0)));
        assert!(!is_at_rest(&job(json!({"status": {}}))));
    }

    #[test]
    fn pods_that_ended_before_are_no_sign_of_work() {
        let resumed = job(json!({"status": {"failed": 2}}));
        assert!(!is_at_work(&resumed, 2) && is_at_work(&resumed, 1));
    }

    #[test]
    fn a_resumed_job_is_told_its_new_deadline() {
        let text =
            fresh_start(&job(json!({"spec": {"activeDeadlineSeconds": 90, "template": {}}, "status": {"failed": 1}})));
        assert_eq!(
            text,
            "startTime and activeDeadlineSeconds begin anew: it has 90s from now, and the pods that have ended stay counted"
        );
        assert_eq!(fresh_start(&job(json!({"spec": {"template": {}}}))), "startTime begins anew");
    }
}
