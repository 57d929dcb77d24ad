//! What people see of CronJobs: kubectl's table (`printCronJob`), the times to come, and what may keep a run away.

use api::k8s::api::batch::v1::CronJob;
use api::k8s::api::core::v1::Container;
use cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::facts;
use super::table::{Columns, map_text};

/// A deadline below this may be over before the controller looks: upstream's looks every ten seconds.
const SHORTEST_DEADLINE_SECONDS: i64 = 10;

/// The headings of a table of CronJobs.
pub(crate) fn headings(columns: Columns) -> Vec<String> {
    let mut headings = Vec::new();
    if columns.namespace {
        headings.push("NAMESPACE");
    }
    headings.extend(["NAME", "SCHEDULE", "TIMEZONE", "SUSPEND", "ACTIVE", "LAST SCHEDULE", "AGE"]);
    if columns.wide {
        headings.extend(["CONTAINERS", "IMAGES", "SELECTOR"]);
    }
    if columns.labels {
        headings.push("LABELS");
    }
    headings.into_iter().map(str::to_owned).collect()
}

/// One row of a table of CronJobs.
pub(crate) fn row(cron_job: &CronJob, columns: Columns, now: Timestamp) -> Vec<String> {
    let (meta, spec, status) = (&cron_job.metadata, &cron_job.spec, cron_job.status.as_ref());
    let none = || "<none>".to_owned();
    let mut cells = Vec::new();
    if columns.namespace {
        cells.push(meta.namespace.clone().unwrap_or_default());
    }
    let last = status.and_then(|status| status.last_schedule_time.as_ref()).map(|time| &time.0);
    let active = status.and_then(|status| status.active.as_ref()).map_or(0, Vec::len);
    cells.extend([
        meta.name.clone().unwrap_or_default(),
        spec.schedule.clone(),
        spec.time_zone.clone().unwrap_or_else(none),
        if is_suspended(cron_job) { "True" } else { "False" }.to_owned(),
        active.to_string(),
        last.map_or_else(none, |time| api::time::human_duration(now.duration_since(*time))),
        facts::age(meta.creation_timestamp.as_ref().map(|time| &time.0), now),
    ]);
    if columns.wide {
        cells.extend(wide_cells(cron_job));
    }
    if columns.labels {
        cells.push(map_text(meta.labels.as_ref()));
    }
    cells
}

fn wide_cells(cron_job: &CronJob) -> [String; 3] {
    let job = cron_job.spec.job_template.spec.as_ref();
    let pod = job.and_then(|job| job.template.spec.as_ref());
    let containers = pod.map(|pod| pod.containers.as_slice()).unwrap_or_default();
    let join = |of: fn(&Container) -> &str| containers.iter().map(of).collect::<Vec<_>>().join(",");
    let selector = job.and_then(|job| job.selector.as_ref()).and_then(|selector| selector.match_labels.as_ref());
    [
        join(|container| &container.name),
        join(|container| container.image.as_deref().unwrap_or_default()),
        map_text(selector),
    ]
}

/// Whether no Job is started.
pub(crate) fn is_suspended(cron_job: &CronJob) -> bool {
    cron_job.spec.suspend == Some(true)
}

/// When a CronJob runs.
#[derive(Debug)]
pub(crate) struct Times {
    schedule: Schedule,
    /// The zone that the schedule is read in.
    pub(crate) zone: TimeZone,
    /// Its name.
    pub(crate) zone_name: String,
}

impl Times {
    /// Reads schedule and zone. A CronJob that names no zone is read in UTC, as by a controller that runs in UTC.
    ///
    /// # Errors
    /// In the words of the API server.
    pub(crate) fn of(cron_job: &CronJob) -> Result<Self, String> {
        let spec = &cron_job.spec;
        let schedule = Schedule::parse(&spec.schedule).map_err(|error| format!("spec.schedule: {error}"))?;
        let own = spec.schedule.strip_prefix("TZ=").or_else(|| spec.schedule.strip_prefix("CRON_TZ="));
        let own = own.and_then(|rest| rest.split_whitespace().next());
        let name = spec.time_zone.as_deref().or(own).unwrap_or("UTC");
        let zone = cron::load_zone(name).map_err(|error| format!("spec.timeZone: {error}"))?;
        Ok(Self { schedule, zone, zone_name: name.to_owned() })
    }

    /// The next `count` times after `now`. Those of `@every` are counted from the last run, or from creation.
    pub(crate) fn next(&self, cron_job: &CronJob, now: Timestamp, count: usize) -> Vec<Timestamp> {
        let last = cron_job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
        let from = last.or(cron_job.metadata.creation_timestamp.as_ref()).map_or(now, |time| time.0);
        let mut at = if is_every(cron_job) { self.phase(from, now) } else { now };
        let mut times = Vec::with_capacity(count);
        while times.len() < count {
            let Some(next) = self.schedule.next(at, &self.zone) else { break };
            at = next;
            if next > now {
                times.push(next);
            }
        }
        times
    }

    /// The last time at or before `now` that is a whole number of intervals after `from`.
    fn phase(&self, from: Timestamp, now: Timestamp) -> Timestamp {
        let Some(first) = self.schedule.next(from, &self.zone) else { return now };
        let interval = first.duration_since(from).as_secs().max(1);
        let whole = now.duration_since(from).as_secs() / interval * interval;
        from.checked_add(SignedDuration::from_secs(whole.max(0))).unwrap_or(now)
    }
}

fn is_every(cron_job: &CronJob) -> bool {
    cron_job.spec.schedule.contains("@every")
}

/// What the fields of a CronJob mean for the runs to come, a sentence each.
pub(crate) fn meaning(cron_job: &CronJob) -> Vec<String> {
    let spec = &cron_job.spec;
    let mut sentences = Vec::new();
    if is_suspended(cron_job) {
        sentences.push("suspend: true: none of these runs takes place until it is resumed".to_owned());
    }
    let active = cron_job.status.as_ref().and_then(|status| status.active.as_ref()).map_or(0, Vec::len);
    let now_runs = match active {
        0 => String::new(),
        1 => " (one runs now)".to_owned(),
        many => format!(" ({many} run now)"),
    };
    sentences.push(match spec.concurrency_policy.as_deref().unwrap_or("Allow") {
        "Forbid" => {
            format!("concurrencyPolicy: Forbid: a run is skipped while the Job before it has not finished{now_runs}")
        }
        "Replace" => {
            format!("concurrencyPolicy: Replace: a run deletes the Job before it, if that has not finished{now_runs}")
        }
        _ => format!(
            "concurrencyPolicy: Allow: runs overlap when a Job takes longer than the time between two{now_runs}"
        ),
    });
    sentences.push(match spec.starting_deadline_seconds {
        Some(seconds) if seconds < SHORTEST_DEADLINE_SECONDS => format!(
            "startingDeadlineSeconds: {seconds}: shorter than the 10 s at which a cluster's controller looks, so a run may never start"
        ),
        Some(seconds) => {
            format!("startingDeadlineSeconds: {seconds}: a run that cannot start within {seconds} s of its time is missed")
        }
        None => "no startingDeadlineSeconds: the last run that was missed is made up for, however late".to_owned(),
    });
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::table::lay_out;
    use serde_json::{Value, json};

    const NOW: &str = "2026-03-28T12:00:30Z";

    fn cron_job(spec: Value) -> CronJob {
        let mut whole = json!({"schedule": "0 2 * * *", "jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "i"}]}}}}});
        whole.as_object_mut().expect("an object").extend(spec.as_object().expect("an object").clone());
        let meta = json!({"name": "nightly", "namespace": "d", "creationTimestamp": "2026-03-28T11:00:00Z"});
        serde_json::from_value(json!({"metadata": meta, "spec": whole})).expect("a CronJob")
    }

    fn next(spec: Value, count: usize) -> Vec<String> {
        let cron_job = cron_job(spec);
        let times = Times::of(&cron_job).expect("it is right");
        times.next(&cron_job, NOW.parse().expect("a time"), count).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_table_is_kubectls() {
        let columns = Columns { wide: true, ..Columns::default() };
        let now = NOW.parse().expect("a time");
        let text = lay_out([headings(columns).as_slice(), row(&cron_job(json!({})), columns, now).as_slice()]);
        let cells: Vec<&str> =
            text.lines().nth(1).expect("a row").split("   ").filter(|cell| !cell.is_empty()).collect();
        let trimmed: Vec<&str> = cells.iter().map(|cell| cell.trim()).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(trimmed, ["nightly", "0 2 * * *", "<none>", "False", "0", "<none>", "60m", "c", "i", "<none>"]);
    }

    #[test]
    fn times_are_in_the_cron_jobs_zone_also_when_clocks_change() {
        let berlin = next(json!({"timeZone": "Europe/Berlin", "schedule": "30 1 * * *"}), 2);
        assert_eq!(berlin, ["2026-03-29T00:30:00Z", "2026-03-29T23:30:00Z"]);
        assert_eq!(next(json!({}), 1), ["2026-03-29T02:00:00Z"]);
    }

    #[test]
    fn intervals_keep_their_phase() {
        assert_eq!(next(json!({"schedule": "@every 25m"}), 2), ["2026-03-28T12:15:00Z", "2026-03-28T12:40:00Z"]);
    }

    #[test]
    fn a_schedule_that_no_day_meets_has_no_times() {
        assert!(next(json!({"schedule": "0 0 30 2 *"}), 3).is_empty());
        assert!(Times::of(&cron_job(json!({"timeZone": "Nowhere"}))).expect_err("wrong").starts_with("spec.timeZone:"));
    }

    #[test]
    fn every_field_that_can_keep_a_run_away_is_explained() {
        let spec = json!({"suspend": true, "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 5});
        let text = meaning(&cron_job(spec)).join("\n");
        for part in ["suspend: true: none", "Forbid: a run is skipped", "startingDeadlineSeconds: 5: shorter"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(meaning(&cron_job(json!({}))).join("\n").contains("Allow: runs overlap"));
    }
}
