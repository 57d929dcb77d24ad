//! The same seed gives the same history, byte for byte.

use serde_json::json;
use testkit::{Act, Attempt, Builder, CRON_JOBS, JOBS, PODS, Run, Simulation, cron_job, job, minutes, seconds};

/// Fails some, succeeds most, takes its time by index.
fn script(attempt: &Attempt) -> Act {
    let index = attempt.index().unwrap_or_default();
    let fails = attempt.label("fails").is_some() && attempt.number.is_multiple_of(3);
    Run::exits(i32::from(fails), seconds(i64::from(index % 4) * 2 + 1)).prints("done").into()
}

/// Jobs of several shapes, a CronJob, changes and deletes.
fn history(builder: Builder) -> String {
    let mut sim = builder.script(script).start();
    let fails = json!({"metadata": {"labels": {"fails": "yes"}}});
    sim.create(&JOBS, job("parallel", json!({"completions": 20, "parallelism": 7, "template": fails})));
    let indexed = json!({"completionMode": "Indexed", "completions": 12, "parallelism": 5, "template": fails});
    sim.create(&JOBS, job("indexed", indexed.clone()));
    let mut per_index = indexed;
    per_index["backoffLimitPerIndex"] = json!(0);
    sim.create(&JOBS, job("per-index", per_index));
    sim.create(&JOBS, job("queue", json!({"parallelism": 4, "ttlSecondsAfterFinished": 30})));
    sim.create(&JOBS, job("gone", json!({"completions": 9, "parallelism": 9})));
    sim.create(&CRON_JOBS, cron_job("minutely", "* * * * *", json!({"successfulJobsHistoryLimit": 1})));
    sim.advance(seconds(3));
    sim.delete(&JOBS, "gone", "Foreground");
    sim.patch(&JOBS, "parallel", json!({"spec": {"suspend": true}}));
    sim.advance(seconds(5));
    sim.patch(&JOBS, "parallel", json!({"spec": {"suspend": false}}));
    sim.finished("parallel", minutes(20));
    sim.advance(minutes(5));
    assert!(sim.list(&PODS, "").len() > 10);
    sim.event_log()
}

fn assert_same(first: &str, second: &str) {
    if first != second {
        let differing = first.lines().zip(second.lines()).find(|(a, b)| a != b);
        let (a, b) = differing.unwrap_or(("one history", "is longer than the other"));
        panic!("histories differ:\n{a}\n{b}");
    }
    assert!(first.lines().count() > 300, "{} lines", first.lines().count());
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let first = history(Simulation::builder(7));
    assert_same(&first, &history(Simulation::builder(7)));
    assert_ne!(first, history(Simulation::builder(8)), "another seed draws other names");
}

#[test]
fn the_same_seed_gives_the_same_history_over_http() {
    assert_same(&history(Simulation::builder(7).over_http()), &history(Simulation::builder(7).over_http()));
}
