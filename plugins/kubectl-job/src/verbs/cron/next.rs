//! `cron next`: the times to come.

use api::k8s::api::batch::v1::CronJob;
use api::resource::CRON_JOBS;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::cli::cron::CronNextArgs;
use crate::exit::{Code, Failure};
use crate::screen::escape;
use crate::verbs::kind::{self, Kind};
use crate::verbs::{Setting, run, select};
use crate::view::cron::{Times, meaning};
use crate::view::table::lay_out;
use crate::{manifest, output, target};

/// Runs the verb.
///
/// # Errors
/// CronJobs that do not exist or whose schedule cannot be read; unknown time zones.
pub(crate) async fn run(setting: &Setting, args: CronNextArgs) -> anyhow::Result<Code> {
    let zone = args.tz.as_deref().map(zone).transpose()?;
    let cron_jobs = match &args.name {
        Some(name) => vec![of_server(setting, name).await?],
        None => of_files(&args.files)?,
    };
    let now = crate::time::now();
    let mut lists = Vec::new();
    for (position, cron_job) in cron_jobs.iter().enumerate() {
        let name = cron_job.metadata.name.as_deref().unwrap_or_default();
        let wrong = |text: String| Failure::new(Code::Failure, format!("error: cronjob.batch/{name}: {text}"));
        let times = Times::of(cron_job).map_err(wrong)?;
        let found = times.next(cron_job, now, args.count.into());
        let shown_in = zone.clone().unwrap_or_else(|| times.zone.clone());
        if args.output.is_some() {
            lists.push(as_json(cron_job, &times, &found));
            continue;
        }
        if position > 0 {
            output::put("\n")?;
        }
        tell(setting, cron_job, &times, &found, &shown_in, now)?;
    }
    if args.output.is_some() {
        let value = if lists.len() == 1 { lists.swap_remove(0) } else { Value::Array(lists) };
        output::put(&format!("{}\n", output::go_json(&value)))?;
    }
    Ok(Code::Success)
}

fn zone(name: &str) -> Result<TimeZone, Failure> {
    if name == "Local" {
        return Ok(TimeZone::system());
    }
    cron::load_zone(name)
        .map_err(|error| Failure::usage(format!("error: --tz: {error}: write it like Europe/Berlin, UTC or Local")))
}

async fn of_server(setting: &Setting, name: &str) -> anyhow::Result<CronJob> {
    let (kind, name) = kind::one(name, Kind::CronJob)?;
    if kind == Kind::Job {
        return Err(Failure::usage(format!("error: job/{name} is a Job: only CronJobs have a schedule")).into());
    }
    let target = target::open(&setting.connection, setting.screen).await?;
    Ok(select::one(&target, &CRON_JOBS, &name).await??.decode()?)
}

fn of_files(files: &[String]) -> anyhow::Result<Vec<CronJob>> {
    let mut found = Vec::new();
    for file in files {
        for document in manifest::parse(if file == "-" { "STDIN" } else { file }, &run::read(file)?)? {
            if document.value["kind"] == "CronJob" {
                let decoded = serde_json::from_value(document.value);
                found.push(decoded.map_err(|error| Failure::usage(format!("error: {file}: {error}")))?);
            }
        }
    }
    if found.is_empty() {
        return Err(Failure::usage(format!("error: no CronJob in {}", files.join(", "))).into());
    }
    Ok(found)
}

fn tell(
    setting: &Setting,
    cron_job: &CronJob,
    times: &Times,
    found: &[Timestamp],
    zone: &TimeZone,
    now: Timestamp,
) -> anyhow::Result<()> {
    let name = cron_job.metadata.name.as_deref().unwrap_or_default();
    let schedule = &cron_job.spec.schedule;
    let head = format!("{}: {} ({})", escape(name), escape(schedule), escape(&times.zone_name));
    setting.screen.note(head);
    if found.is_empty() {
        setting.screen.say("it never runs: no day within five years meets the schedule");
        return Ok(());
    }
    let mut rows = vec![["NEXT", "IN", "UTC"].map(str::to_owned)];
    for time in found {
        let local = time.to_zoned(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %Z").to_string();
        let wait = api::time::human_duration(time.duration_since(now));
        rows.push([local, wait, time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()]);
    }
    output::put(&format!("{}\n", lay_out(rows.iter().map(<[String; 3]>::as_slice))))?;
    for sentence in meaning(cron_job) {
        setting.screen.note(sentence);
    }
    Ok(())
}

fn as_json(cron_job: &CronJob, times: &Times, found: &[Timestamp]) -> Value {
    json!({
        "name": cron_job.metadata.name,
        "namespace": cron_job.metadata.namespace,
        "schedule": cron_job.spec.schedule,
        "timeZone": times.zone_name,
        "suspend": crate::view::cron::is_suspended(cron_job),
        "next": found.iter().map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()).collect::<Vec<_>>(),
        "notes": meaning(cron_job),
    })
}
