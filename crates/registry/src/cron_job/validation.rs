//! Validation of CronJobs (`pkg/apis/batch/validation/validation.go`). The schedule's own rules are `cron`'s.

use api::field::{FieldErrors, Path};
use cron::Schedule;
use serde_json::Value;

use crate::errors::require_not_negative;
use crate::fields::{flag, get, int, text};
use crate::job;

/// The controller appends eleven characters to make a Job's name of 63.
const MAX_NAME_BYTES: usize = 52;
const CONCURRENCY_POLICIES: &[&str] = &["Allow", "Forbid", "Replace"];
const MAX_ZONE_PART_BYTES: usize = 14;

pub(super) fn create(cron_job: &Value) -> FieldErrors {
    let mut errors = validate_spec(cron_job, None);
    let name = get(cron_job, "metadata").map_or("", |metadata| text(metadata, "name"));
    if name.len() > MAX_NAME_BYTES {
        let detail = format!("must be no more than {MAX_NAME_BYTES} characters");
        errors.push(Path::new("metadata").child("name").invalid(name, detail));
    }
    errors
}

pub(super) fn update(new: &Value, old: &Value) -> FieldErrors {
    validate_spec(new, Some(old.get("spec").unwrap_or(&Value::Null)))
}

fn validate_spec(cron_job: &Value, old: Option<&Value>) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    let spec = cron_job.get("spec").unwrap_or(&Value::Null);
    validate_schedule(&mut errors, &path.child("schedule"), spec, old);
    require_not_negative(&mut errors, &path.child("startingDeadlineSeconds"), int(spec, "startingDeadlineSeconds"));
    if old.is_none_or(|old| get(old, "timeZone") != get(spec, "timeZone"))
        && let Some(zone) = get(spec, "timeZone").and_then(Value::as_str)
    {
        validate_time_zone(&mut errors, &path.child("timeZone"), zone);
    }
    match text(spec, "concurrencyPolicy") {
        "" => errors.push(path.child("concurrencyPolicy").required("")),
        policy if !CONCURRENCY_POLICIES.contains(&policy) => {
            errors.push(path.child("concurrencyPolicy").not_supported(policy, CONCURRENCY_POLICIES));
        }
        _ => {}
    }
    validate_job_template(&mut errors, &path.child("jobTemplate").child("spec"), spec);
    for name in ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"] {
        require_not_negative(&mut errors, &path.child(name), int(spec, name));
    }
    errors
}

/// `validateScheduleFormat`. A schedule that names its zone stays allowed where it was before.
fn validate_schedule(errors: &mut FieldErrors, path: &Path, spec: &Value, old: Option<&Value>) {
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        errors.push(path.required(""));
        return;
    }
    if let Err(error) = Schedule::parse(schedule) {
        errors.push(path.invalid(schedule, error));
    }
    let had_zone = old.is_some_and(|old| text(old, "schedule").contains("TZ"));
    match (schedule.contains("TZ"), had_zone) {
        (true, true) if get(spec, "timeZone").is_some() => {
            errors.push(path.invalid(schedule, "cannot use both timeZone field and TZ or CRON_TZ in schedule"));
        }
        (true, false) => {
            errors.push(path.invalid(schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"));
        }
        _ => {}
    }
}

fn validate_time_zone(errors: &mut FieldErrors, path: &Path, zone: &str) {
    if zone.is_empty() {
        errors.push(path.invalid(zone, "timeZone must be nil or non-empty string"));
        return;
    }
    let is_part = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte);
        !matches!(part, "" | "." | "..")
            && !part.starts_with('-')
            && part.len() <= MAX_ZONE_PART_BYTES
            && part.bytes().all(known)
    };
    if !zone.split('/').all(is_part) {
        errors.push(path.invalid(zone, format!("unknown time zone {zone}")));
        return;
    }
    if zone.eq_ignore_ascii_case("Local") {
        let detail = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
        errors.push(path.invalid(zone, detail));
    }
    if let Err(error) = cron::load_zone(zone) {
        errors.push(path.invalid(zone, error));
    }
}

/// `ValidateJobTemplateSpec`: the controller has selectors generated.
fn validate_job_template(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let job = get(spec, "jobTemplate").and_then(|template| get(template, "spec")).unwrap_or(&Value::Null);
    job::validate_template_spec(errors, path, job);
    if let Some(selector) = get(job, "selector") {
        errors.push(path.child("selector").invalid(selector.clone(), "`selector` will be auto-generated"));
    }
    if flag(job, "manualSelector") {
        errors.push(path.child("manualSelector").not_supported("true", &["nil", "false"]));
    }
}
