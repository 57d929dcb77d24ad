//! Every controller that decides about an object says so.

use serde_json::{Value, json};
use testkit::{CRON_JOBS, JOBS, Run, Simulation, cron_job, job, minutes, seconds};

fn rules(sim: &Simulation, object: &Value) -> Vec<String> {
    let line = |rule: &str, decision: &str| format!("{rule}: {decision}");
    sim.decisions(object).iter().map(|decision| line(decision.note.rule, &decision.note.decision)).collect()
}

#[test]
fn a_job_whose_time_runs_says_until_when() {
    let mut sim = Simulation::new(1);
    sim.create(&JOBS, job("short", json!({"ttlSecondsAfterFinished": 60})));
    let done = sim.finished("short", minutes(1));
    let records = sim.decisions(&done);
    let keeps = records.iter().find(|decision| decision.note.rule == "ttl").expect("a record");
    assert_eq!((keeps.note.field, keeps.note.decision.as_str()), ("spec.ttlSecondsAfterFinished", "keep the Job"));
    let until = keeps.note.until.expect("a time");
    assert_eq!(until.duration_since(sim.now()).as_secs(), 60);
    sim.advance(minutes(2));
    assert!(sim.list(&JOBS, "").is_empty(), "it went");
    assert_eq!(rules(&sim, &done).last().map(String::as_str), Some("ttl: delete the Job"), "and its records say why");
}

#[test]
fn a_cron_job_says_what_it_started_what_it_held_back_and_when_it_looks_again() {
    let mut sim = Simulation::builder(1).script(|_| Run::exits(0, minutes(90))).start();
    let created = sim.create(&CRON_JOBS, cron_job("hourly", "0 * * * *", json!({"concurrencyPolicy": "Forbid"})));
    sim.advance(minutes(121) + seconds(1));
    let rules = rules(&sim, &created);
    assert!(rules.iter().any(|rule| rule.starts_with("schedule: start Job hourly-")), "{rules:?}");
    assert!(rules.contains(&"concurrency: Forbid: start no Job".to_owned()), "{rules:?}");
    let last = sim.decisions(&created).pop().expect("a record");
    assert!(last.note.until.is_some_and(|until| until > sim.now()), "{last:?}");
}
