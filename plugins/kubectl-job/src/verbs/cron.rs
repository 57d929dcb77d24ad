//! `cron`: CronJobs, when they run next, and running one now.

mod next;

use super::kind::{self, Kind};
use super::{Setting, get, run};
use crate::cli::cron::{CronListArgs, CronTriggerArgs, CronVerb};
use crate::cli::run::{JobFlags, PlaceFlags, RunArgs};
use crate::cli::verbs::GetArgs;
use crate::exit::{Code, Failure};

/// Runs `cron ...`.
///
/// # Errors
/// Wrong flags, refusals of the server.
pub(crate) async fn run(setting: &Setting, verb: CronVerb) -> anyhow::Result<Code> {
    match verb {
        CronVerb::List(args) => get::run(setting, list(args)).await,
        CronVerb::Next(args) => next::run(setting, args).await,
        CronVerb::Trigger(args) => run::run(setting, trigger(*args)?).await,
    }
}

/// `cron list` is `get cronjobs`.
fn list(args: CronListArgs) -> GetArgs {
    GetArgs {
        names: vec!["cronjobs".to_owned()],
        all_namespaces: args.all_namespaces,
        selector: args.selector,
        field_selector: None,
        status: None,
        watch: false,
        output: args.output,
        no_headers: args.no_headers,
        sort_by: None,
        show_labels: false,
        show_managed_fields: false,
        ignore_not_found: false,
    }
}

/// `cron trigger X` is `run --from cronjob/X`.
fn trigger(args: CronTriggerArgs) -> Result<RunArgs, Failure> {
    let (kind, name) = kind::one(&args.cron_job, Kind::CronJob)?;
    if kind != Kind::CronJob {
        let text = format!("error: job/{name} is no CronJob; run a copy of it: kubectl job run --from job/{name}");
        return Err(Failure::usage(text));
    }
    Ok(RunArgs {
        name: args.name,
        files: Vec::new(),
        kustomize: None,
        from: Some(format!("cronjob/{name}")),
        command: args.command,
        job: JobFlags { image: args.image, env: args.env, ..JobFlags::default() },
        how: args.how,
        place: PlaceFlags::default(),
    })
}
