//! CronJobs: each activation once, only the most recent one of those missed, and what runs at one time.

use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{CRON_JOBS, Component, JOBS, Run, Simulation, condition, cron_job, minutes, seconds};

use crate::harness::{both, both_from, name, reasons};

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The activations for which Jobs are there.
fn scheduled(sim: &Simulation) -> Vec<String> {
    let annotation = |job: &Value| {
        let annotations = &job["metadata"]["annotations"];
        annotations["batch.kubernetes.io/cronjob-scheduled-timestamp"].as_str().unwrap_or_default().to_owned()
    };
    let mut all: Vec<String> = sim.list(&JOBS, "").iter().map(annotation).collect();
    all.sort();
    all
}

/// Keeps all Jobs, so that they can be counted.
fn kept(more: Value) -> Value {
    let mut spec = json!({"successfulJobsHistoryLimit": 10_000, "failedJobsHistoryLimit": 10_000});
    for (key, value) in more.as_object().expect("fields") {
        spec[key] = value.clone();
    }
    spec
}

/// kubernetes/kubernetes#63371.
#[test]
fn an_edited_schedule_starts_nothing_for_the_time_before() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&CRON_JOBS, cron_job("rare", "0 0 1 6 *", kept(json!({}))));
            sim.advance(minutes(60 * 24 * 10 + 7));
            assert!(scheduled(sim).is_empty());
            sim.patch(&CRON_JOBS, "rare", json!({"spec": {"schedule": "0 * * * *"}}));
            sim.advance(minutes(52));
            assert_eq!(scheduled(sim), Vec::<String>::new());
            sim.advance(minutes(2));
            assert_eq!(scheduled(sim), ["2026-01-11T01:00:00Z"]);
        },
    );
}

/// kubernetes/kubernetes#36311, #83642, kubernetes/website#51861.
#[test]
fn after_a_long_sleep_the_most_recent_activation_runs_alone_and_a_warning_says_so() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&CRON_JOBS, cron_job("sleeps", "*/5 * * * *", kept(json!({}))));
            sim.advance(minutes(6));
            sim.stop(Component::CronJobs);
            sim.advance(minutes(60 * 12));
            sim.resume(Component::CronJobs);
            sim.advance(seconds(30));
            assert_eq!(scheduled(sim), ["2026-01-01T00:05:00Z", "2026-01-01T12:05:00Z"]);
            assert!(reasons(sim, "sleeps").contains(&"TooManyMissedTimes".to_owned()));
        },
    );
}

/// kubernetes/kubernetes#62772, #34447.
#[test]
fn a_start_that_was_not_written_is_not_repeated() {
    for writes in 0..3 {
        for policy in ["Allow", "Forbid", "Replace"] {
            both(
                |_| Run::exits(0, minutes(3)),
                |sim| {
                    sim.create(
                        &CRON_JOBS,
                        cron_job("once", "*/10 * * * *", kept(json!({"concurrencyPolicy": policy}))),
                    );
                    sim.advance(minutes(9));
                    sim.faults().cut_after(Component::CronJobs, writes);
                    sim.advance(minutes(2));
                    sim.crash(Component::CronJobs);
                    sim.advance(minutes(4));
                    assert_eq!(scheduled(sim), ["2026-01-01T00:10:00Z"], "{policy} after {writes} writes");
                    let cron_job = sim.get(&CRON_JOBS, "once");
                    assert_eq!(cron_job["status"]["lastScheduleTime"], "2026-01-01T00:10:00Z");
                    assert_eq!(
                        sim.list(&JOBS, "").iter().filter(|job| condition(job, "Complete").is_some()).count(),
                        1
                    );
                },
            );
        }
    }
}

/// The controller dies between the start and its status, and comes back after the next activation.
#[test]
fn forbid_knows_of_a_running_job_whose_start_was_not_written() {
    both(
        |_| Run::exits(0, minutes(25)),
        |sim| {
            sim.create(&CRON_JOBS, cron_job("alone", "*/10 * * * *", kept(json!({"concurrencyPolicy": "Forbid"}))));
            sim.advance(minutes(9));
            sim.faults().cut_after(Component::CronJobs, 1);
            sim.advance(minutes(12));
            sim.crash(Component::CronJobs);
            sim.advance(minutes(3));
            assert_eq!(scheduled(sim), ["2026-01-01T00:10:00Z"]);
        },
    );
}

/// kubernetes/kubernetes#108023.
#[test]
fn forbid_does_not_wait_for_a_job_that_is_gone() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&CRON_JOBS, cron_job("waits", "*/10 * * * *", kept(json!({"concurrencyPolicy": "Forbid"}))));
            sim.advance(minutes(11));
            sim.stop(Component::CronJobs);
            let job = name(&sim.list(&JOBS, "")[0]).to_owned();
            sim.delete(&JOBS, &job, "Background");
            sim.advance(minutes(10));
            sim.resume(Component::CronJobs);
            sim.settle();
            assert_eq!(scheduled(sim), ["2026-01-01T00:20:00Z"]);
            assert!(reasons(sim, "waits").contains(&"MissingJob".to_owned()));
        },
    );
}

#[test]
fn forbid_runs_one_at_a_time_and_replace_only_the_newest() {
    for (policy, expected) in [
        ("Forbid", vec!["2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z"]),
        ("Replace", vec!["2026-01-01T00:30:00Z"]),
        ("Allow", vec!["2026-01-01T00:10:00Z", "2026-01-01T00:20:00Z", "2026-01-01T00:30:00Z"]),
    ] {
        both(
            |_| Run::exits(0, minutes(15)),
            |sim| {
                sim.create(&CRON_JOBS, cron_job("turns", "*/10 * * * *", kept(json!({"concurrencyPolicy": policy}))));
                sim.advance(minutes(31));
                assert_eq!(scheduled(sim), expected, "{policy}");
                let active = sim.get(&CRON_JOBS, "turns")["status"]["active"].as_array().map_or(0, Vec::len);
                assert_eq!(active, if policy == "Allow" { 2 } else { 1 }, "{policy}");
            },
        );
    }
}

/// kubernetes/kubernetes#121594.
#[test]
fn clock_changes_skip_and_repeat_as_the_parser_says() {
    let cases = [
        // Berlin's clocks go from 2:00 to 3:00: 2:30 is not there.
        ("2026-03-28T12:00:00Z", "30 2 * * *", vec!["2026-03-30T02:30:00+02:00"]),
        // And from 3:00 back to 2:00: 2:30 is there twice.
        (
            "2026-10-24T12:00:00Z",
            "30 2 * * *",
            vec!["2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        ),
        ("2026-03-28T12:00:00Z", "0 12 * * *", vec!["2026-03-29T12:00:00+02:00"]),
    ];
    for (start, schedule, expected) in cases {
        both_from(
            time(start),
            |_| Run::exits(0, seconds(5)),
            |sim| {
                sim.create(&CRON_JOBS, cron_job("berlin", schedule, kept(json!({"timeZone": "Europe/Berlin"}))));
                sim.advance(minutes(60 * 40));
                assert_eq!(scheduled(sim), expected, "{schedule} from {start}");
            },
        );
    }
}

#[test]
fn an_impossible_schedule_never_fires_and_never_spins() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            for (number, schedule) in ["0 0 30 2 *", "59 23 31 2 *"].into_iter().enumerate() {
                sim.create(&CRON_JOBS, cron_job(&format!("never-{number}"), schedule, json!({})));
            }
            sim.settle();
            let writes = sim.faults().writes(Component::CronJobs);
            sim.advance(minutes(60 * 24 * 60));
            assert_eq!((scheduled(sim).len(), sim.faults().writes(Component::CronJobs)), (0, writes));
            let invalid = reasons(sim, "never-0");
            assert!(invalid.iter().all(|reason| reason == "InvalidSchedule") && invalid.len() < 3, "{invalid:?}");
        },
    );
}

/// kubernetes/kubernetes#41655: the API lets neither in, but an earlier one may have.
#[test]
fn a_stored_schedule_or_zone_that_means_nothing_is_told_starts_nothing_and_can_be_mended() {
    let broken = [
        ("schedule", "every monday", "UnparseableSchedule", "* * * * *"),
        ("timeZone", "Mars/Olympus", "UnknownTimeZone", "Etc/UTC"),
    ];
    for (field, nonsense, told, mended) in broken {
        both(
            |_| Run::exits(0, seconds(5)),
            |sim| {
                sim.create(&CRON_JOBS, cron_job("other", "* * * * *", kept(json!({}))));
                sim.create(&CRON_JOBS, cron_job("broken", "* * * * *", kept(json!({}))));
                sim.settle();
                let refused = sim.try_patch(&CRON_JOBS, "broken", json!({"spec": {field: nonsense}}));
                assert!(refused.is_err(), "the API takes {nonsense:?}");
                sim.rewrite_stored(&CRON_JOBS, "broken", |stored| stored["spec"][field] = json!(nonsense));
                sim.settle();
                let writes = sim.faults().writes(Component::CronJobs);
                // A little more, as upstream looks 100 ms late.
                sim.advance(seconds(10 * 60 + 1));
                assert_eq!(reasons(sim, "broken").first().map(String::as_str), Some(told));
                let by = |owner: &str| of_cron_job(sim, owner);
                assert_eq!((by("broken"), by("other")), (0, 10));
                let each = sim.faults().writes(Component::CronJobs) - writes;
                assert!(each <= 10 * 4, "{each} writes for the ten starts of another CronJob");
                sim.patch(&CRON_JOBS, "broken", json!({"spec": {field: mended}}));
                sim.advance(minutes(2));
                assert!((1..=3).contains(&of_cron_job(sim, "broken")), "{}", of_cron_job(sim, "broken"));
            },
        );
    }
}

/// How many Jobs a CronJob has.
fn of_cron_job(sim: &Simulation, owner: &str) -> usize {
    sim.list(&JOBS, "").iter().filter(|job| job["metadata"]["ownerReferences"][0]["name"] == owner).count()
}

#[test]
fn a_start_that_is_too_late_is_left_out() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&CRON_JOBS, cron_job("punctual", "*/10 * * * *", kept(json!({"startingDeadlineSeconds": 60}))));
            sim.advance(minutes(9));
            sim.stop(Component::CronJobs);
            sim.advance(minutes(5));
            sim.resume(Component::CronJobs);
            sim.advance(minutes(7));
            assert_eq!(scheduled(sim), ["2026-01-01T00:20:00Z"]);
        },
    );
}

#[test]
fn suspension_starts_nothing_and_resumption_starts_what_was_missed_last() {
    both(
        |_| Run::exits(0, seconds(5)),
        |sim| {
            sim.create(&CRON_JOBS, cron_job("paused", "*/10 * * * *", kept(json!({"suspend": true}))));
            sim.advance(minutes(35));
            assert!(scheduled(sim).is_empty());
            sim.patch(&CRON_JOBS, "paused", json!({"spec": {"suspend": false}}));
            sim.advance(minutes(1));
            assert_eq!(scheduled(sim), ["2026-01-01T00:30:00Z"]);
        },
    );
}

#[test]
fn history_limits_keep_the_newest_and_the_last_success_is_told() {
    both(
        |attempt| Run::exits(i32::from(attempt.now.as_second() / 600 % 2 == 1), seconds(5)),
        |sim| {
            let template = json!({"spec": {"backoffLimit": 0}});
            let spec = json!({"successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1, "jobTemplate": template});
            sim.create(&CRON_JOBS, cron_job("history", "*/10 * * * *", spec));
            sim.advance(minutes(101));
            let expected = ["2026-01-01T01:20:00Z", "2026-01-01T01:30:00Z", "2026-01-01T01:40:00Z"];
            assert_eq!(scheduled(sim), expected);
            assert_eq!(sim.get(&CRON_JOBS, "history")["status"]["lastSuccessfulTime"], "2026-01-01T01:40:05Z");
        },
    );
}
