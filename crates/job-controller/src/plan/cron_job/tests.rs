//! Upstream's rules for CronJobs, one test each, and laws of the plan.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::*;

mod laws;
mod world;

fn at(text: &str) -> Timestamp {
    format!("2024-01-{text}Z").parse().expect("a time")
}

/// Hourly, made at 1 January, 00:30.
fn hourly() -> CronJob {
    CronJob {
        name: "c".to_owned(),
        namespace: "default".to_owned(),
        created: at("01T00:30:00"),
        deleting: false,
        schedule: "0 * * * *".to_owned(),
        time_zone: None,
        suspend: false,
        starting_deadline: None,
        concurrency: Concurrency::Allow,
        successful_limit: Some(3),
        failed_limit: Some(1),
        status: Status::default(),
        changed: None,
    }
}

fn job(name: &str, end: Option<End>) -> JobView {
    let (started, completion) = (Some(at("01T00:00:00")), (end == Some(End::Complete)).then(|| at("01T00:10:00")));
    let (uid, name, revision) = (Uid::from(name), name.to_owned(), "7".to_owned());
    JobView { uid, name, scheduled: None, revision, deleting: false, end, started, completion }
}

fn active(cron_job: &mut CronJob, job: &JobView) {
    cron_job.status.active.push(job.reference("default"));
}

fn planned(cron_job: &CronJob, jobs: &[JobView], now: &str) -> Plan {
    plan(cron_job, jobs, at(now), &TimeZone::UTC)
}

fn reasons(plan: &Plan) -> Vec<&'static str> {
    plan.events.iter().map(|event| event.reason).collect()
}

fn rules(plan: &Plan) -> Vec<String> {
    plan.notes.iter().map(|note| format!("{}: {}", note.rule, note.decision)).collect()
}

fn started(plan: &Plan) -> Option<String> {
    plan.start.as_ref().map(|start| start.shown.clone())
}

#[test]
fn a_job_is_started_at_its_time_and_named_after_the_minute() {
    let early = planned(&hourly(), &[], "01T00:59:59");
    assert_eq!((early.start, early.wake_at), (None, Some(at("01T01:00:00.1"))));
    let due = planned(&hourly(), &[], "01T01:00:00.1");
    let start = due.start.expect("a start");
    assert_eq!((start.name.as_str(), start.scheduled), ("c-28401180", at("01T01:00:00")));
    assert_eq!(start.shown, "2024-01-01T01:00:00Z");
    assert_eq!((due.status, due.wake_at), (None, Some(at("01T02:00:00.1"))));
}

#[test]
fn an_activation_is_started_once() {
    let mut cron_job = hourly();
    cron_job.status.last_schedule = Some(at("01T01:00:00"));
    let again = planned(&cron_job, &[], "01T01:00:30");
    assert_eq!((again.start, again.wake_at), (None, Some(at("01T02:00:00.1"))));
    // The Job was started, but its status was not written.
    let forgotten = JobView { scheduled: Some(at("01T01:00:00")), ..job("c-28401180", None) };
    for policy in [Concurrency::Allow, Concurrency::Forbid] {
        let lost =
            planned(&CronJob { concurrency: policy, ..hourly() }, std::slice::from_ref(&forgotten), "01T01:00:30");
        assert_eq!(reasons(&lost), Vec::<&str>::new(), "{policy:?}");
        let status = lost.status.expect("a status");
        assert_eq!((lost.start, status.active.len(), status.last_schedule), (None, 1, Some(at("01T01:00:00"))));
    }
    let next = planned(&CronJob { concurrency: Concurrency::Forbid, ..hourly() }, &[forgotten], "01T02:00:30");
    assert_eq!(
        (started(&next), next.status.map(|status| status.active.len())),
        (None, Some(1)),
        "it runs, written or not"
    );
}

#[test]
fn only_the_newest_of_missed_activations_is_started() {
    let few = planned(&hourly(), &[], "01T05:30:00");
    assert_eq!((started(&few).as_deref(), reasons(&few)), (Some("2024-01-01T05:00:00Z"), vec![]));
    let uneven = CronJob { schedule: "7,9 3-5 * * *".to_owned(), ..hourly() };
    assert_eq!(started(&planned(&uneven, &[], "01T03:11:00")).as_deref(), Some("2024-01-01T03:09:00Z"));
    assert_eq!(started(&planned(&uneven, &[], "02T12:00:00")).as_deref(), Some("2024-01-02T05:09:00Z"));
    let many = planned(&hourly(), &[], "09T05:30:00");
    assert_eq!((started(&many).as_deref(), reasons(&many)), (Some("2024-01-09T05:00:00Z"), vec!["TooManyMissedTimes"]));
}

#[test]
fn an_interval_keeps_its_phase_over_missed_activations() {
    let mut cron_job = hourly();
    cron_job.schedule = "@every 1h".to_owned();
    assert_eq!(started(&planned(&cron_job, &[], "01T05:40:00")).as_deref(), Some("2024-01-01T05:30:00Z"));
}

#[test]
fn what_is_later_than_its_deadline_is_missed() {
    let mut cron_job = hourly();
    cron_job.starting_deadline = Some(SignedDuration::from_secs(600));
    assert!(started(&planned(&cron_job, &[], "01T05:09:00")).is_some());
    let late = planned(&cron_job, &[], "01T05:20:00");
    assert_eq!((started(&late), late.wake_at), (None, Some(at("01T06:00:00.1"))));
    cron_job.starting_deadline = Some(SignedDuration::from_secs(0));
    let mut missed = cron_job.clone();
    missed.status.last_schedule = Some(at("01T04:00:00"));
    assert_eq!(started(&planned(&missed, &[], "01T05:00:00.1")), None);
}

#[test]
fn a_suspended_or_deleted_cron_job_starts_nothing_and_waits_for_nothing() {
    let suspended = planned(&CronJob { suspend: true, ..hourly() }, &[], "01T05:30:00");
    assert_eq!(rules(&suspended), ["suspend: no Job is started"]);
    assert_eq!(suspended, Plan { notes: suspended.notes.clone(), ..Plan::default() });
    let deleting = planned(&CronJob { deleting: true, ..hourly() }, &[], "01T05:30:00");
    assert_eq!(rules(&deleting), ["deleting: no Job is started"]);
    assert_eq!(deleting, Plan { notes: deleting.notes.clone(), ..Plan::default() });
}

#[test]
fn every_decision_has_a_record_and_says_what_it_waits_for() {
    let start = planned(&hourly(), &[], "01T01:00:01");
    assert_eq!(rules(&start), ["schedule: start Job c-28401180", "schedule: nothing more is due"]);
    let wait = start.notes.last().expect("a record");
    assert_eq!(
        (wait.field, wait.waits_for, wait.until),
        ("spec.schedule", Some("the next activation"), Some(at("01T02:00:00")))
    );
    let running = job("c-1", None);
    let mut forbid = CronJob { concurrency: Concurrency::Forbid, ..hourly() };
    active(&mut forbid, &running);
    let held = planned(&forbid, std::slice::from_ref(&running), "01T01:00:01");
    assert_eq!(rules(&held)[0], "concurrency: Forbid: start no Job");
    assert_eq!(
        (held.notes[0].field, held.notes[0].waits_for),
        ("spec.concurrencyPolicy", Some("the active Job to end"))
    );
    let zone = planned(&CronJob { time_zone: Some("Mars/Olympus".to_owned()), ..hourly() }, &[], "01T01:00:01");
    assert_eq!(rules(&zone), ["time-zone: unknown: no Job is started"]);
}

#[test]
fn forbid_waits_for_what_runs_and_replace_ends_it() {
    let running = job("c-1", None);
    let mut forbid = CronJob { concurrency: Concurrency::Forbid, ..hourly() };
    active(&mut forbid, &running);
    let held = planned(&forbid, std::slice::from_ref(&running), "01T01:00:01");
    assert_eq!((started(&held), reasons(&held)), (None, vec!["JobAlreadyActive"]));
    let ended = planned(&forbid, &[job("c-1", Some(End::Complete))], "01T01:20:00");
    assert_eq!(started(&ended).as_deref(), Some("2024-01-01T01:00:00Z"), "it starts as soon as the other ends");
    let replace = CronJob { concurrency: Concurrency::Replace, ..forbid };
    let replaced = planned(&replace, &[running], "01T01:00:01");
    assert_eq!(replaced.replaces, [(Uid::from("c-1"), "c-1".to_owned())]);
    assert!(replaced.start.is_some() && replaced.status.expect("a status").active.is_empty());
}

#[test]
fn ended_jobs_leave_the_status_and_are_reported() {
    let mut cron_job = hourly();
    let (complete, failed) = (job("a", Some(End::Complete)), job("b", Some(End::Failed)));
    active(&mut cron_job, &complete);
    active(&mut cron_job, &failed);
    active(&mut cron_job, &job("gone", None));
    let plan = planned(&cron_job, &[complete, failed, job("mine", None)], "01T00:40:00");
    let messages: Vec<&str> = plan.events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "Saw completed job: a, condition: Complete",
            "Saw completed job: b, condition: Failed",
            "Saw a job that the controller did not create or forgot: mine",
            "Active job went missing: gone",
        ]
    );
    let status = plan.status.expect("a status");
    assert_eq!((status.active.len(), status.last_successful), (0, Some(at("01T00:10:00"))));
}

#[test]
fn finished_jobs_beyond_the_limits_go_oldest_first() {
    let mut jobs: Vec<JobView> = ["a", "b", "c", "d", "e"].iter().map(|name| job(name, Some(End::Complete))).collect();
    jobs[0].started = Some(at("01T00:20:00"));
    jobs[1].started = None;
    jobs.push(job("f", Some(End::Failed)));
    jobs.push(job("running", None));
    let fresh = planned(&hourly(), &jobs, "01T00:40:00");
    assert!(fresh.deletes.is_empty() && fresh.status.is_some(), "first it is written that they succeeded");
    let names = |cron_job: &CronJob| -> Vec<String> {
        let mut cron_job = cron_job.clone();
        cron_job.status.last_successful = Some(at("01T00:10:00"));
        planned(&cron_job, &jobs, "01T00:40:00").deletes.into_iter().map(|(_, name)| name).collect()
    };
    assert_eq!(names(&hourly()), ["c", "d"]);
    assert_eq!(
        names(&CronJob { successful_limit: Some(0), failed_limit: Some(0), ..hourly() }),
        ["c", "d", "e", "a", "b", "f"]
    );
    assert_eq!(names(&CronJob { successful_limit: None, failed_limit: None, ..hourly() }), Vec::<String>::new());
}

#[test]
fn schedules_that_mean_nothing_are_reported_and_never_spin() {
    for (schedule, reason) in [("59 23 31 2 *", "InvalidSchedule"), ("nonsense", "UnparseableSchedule")] {
        let plan = planned(&CronJob { schedule: schedule.to_owned(), ..hourly() }, &[], "01T05:00:00");
        assert_eq!((reasons(&plan), plan.start, plan.wake_at), (vec![reason], None, None), "{schedule}");
    }
    let nowhere = CronJob { time_zone: Some("Nowhere".to_owned()), ..hourly() };
    let plan = planned(&nowhere, &[], "01T05:00:00");
    assert_eq!(plan.events[0].message, "invalid timeZone: \"Nowhere\": unknown time zone Nowhere");
}

#[test]
fn a_time_zone_decides_when_and_how_it_is_shown() {
    let schedule = "0 3 * * *".to_owned();
    let berlin = CronJob { time_zone: Some("Europe/Berlin".to_owned()), schedule: schedule.clone(), ..hourly() };
    assert_eq!(started(&planned(&berlin, &[], "01T02:00:01")).as_deref(), Some("2024-01-01T03:00:00+01:00"));
    let local = TimeZone::get("Europe/Berlin").expect("a zone");
    let unnamed = plan(&CronJob { schedule, ..hourly() }, &[], at("01T02:00:01"), &local);
    assert_eq!(started(&unnamed).as_deref(), Some("2024-01-01T02:00:00Z"));
    let inside = CronJob { schedule: "TZ=Asia/Tokyo 0 12 * * *".to_owned(), ..hourly() };
    let plan = planned(&inside, &[], "01T03:00:01");
    assert_eq!(
        (reasons(&plan), started(&plan).as_deref()),
        (vec!["UnsupportedSchedule"], Some("2024-01-01T03:00:00Z"))
    );
}

proptest! {
    /// Performs plans over some hours, woken by their own `wake_at` and at other times: every activation is started
    /// once, in order, and none between a look and its `wake_at`.
    #[test]
    fn each_activation_is_started_exactly_once(looks in proptest::collection::vec(1_i64..7_200, 1..40)) {
        let mut cron_job = CronJob { schedule: "*/20 * * * *".to_owned(), ..hourly() };
        let mut now = cron_job.created;
        let mut starts = Vec::new();
        for pause in looks {
            let until = now.saturating_add(SignedDuration::from_secs(pause)).unwrap();
            loop {
                let plan = plan(&cron_job, &[], now, &TimeZone::UTC);
                if let Some(status) = plan.status {
                    cron_job.status = status;
                }
                if let Some(start) = plan.start {
                    starts.push(start.scheduled);
                    cron_job.status.last_schedule = Some(start.scheduled);
                }
                prop_assert!(plan.wake_at.is_some_and(|wake_at| wake_at > now));
                match plan.wake_at {
                    Some(wake_at) if wake_at <= until => now = wake_at,
                    _ => break,
                }
            }
            now = until;
        }
        let expected: Vec<Timestamp> = (0..)
            .map(|count| at("01T00:40:00").saturating_add(SignedDuration::from_mins(20 * count)).unwrap())
            .take(starts.len())
            .collect();
        prop_assert_eq!(starts, expected);
    }

    #[test]
    fn a_plan_made_again_on_what_it_led_to_starts_nothing(minutes in 0_i64..10_000, schedule in "[0-5]?[0-9] \\* \\* \\* \\*") {
        let mut cron_job = CronJob { schedule, ..hourly() };
        let now = cron_job.created.saturating_add(SignedDuration::from_mins(minutes)).unwrap();
        let first = plan(&cron_job, &[], now, &TimeZone::UTC);
        if let Some(start) = &first.start {
            cron_job.status.last_schedule = Some(start.scheduled);
        }
        let second = plan(&cron_job, &[], now, &TimeZone::UTC);
        prop_assert_eq!(second.start, None);
        prop_assert_eq!(second.wake_at, first.wake_at);
    }
}

#[test]
fn activations_before_the_schedule_was_changed_are_not_made_up() {
    let mut cron_job = CronJob { changed: Some(at("01T05:30:00")), ..hourly() };
    let quiet = planned(&cron_job, &[], "01T05:30:01");
    assert_eq!((quiet.start, quiet.wake_at), (None, Some(at("01T06:00:00.1"))));
    let due = planned(&cron_job, &[], "01T06:00:01");
    assert_eq!(started(&due), Some("2024-01-01T06:00:00Z".to_owned()));
    cron_job.changed = None;
    assert_eq!(started(&planned(&cron_job, &[], "01T05:30:01")), Some("2024-01-01T05:00:00Z".to_owned()));
}
