//! Time goes from timer to timer, and every one of them is met.

use serde_json::{Value, json};
use testkit::{CRON_JOBS, JOBS, Run, Simulation, condition, cron_job, job, minutes, seconds};

fn created_at(pods: &[Value]) -> Vec<i64> {
    let time = |pod: &Value| pod["metadata"]["creationTimestamp"].as_str().expect("a time").to_owned();
    pods.iter().map(|pod| time(pod).parse::<jiff::Timestamp>().expect("a time").as_second()).collect()
}

#[test]
fn six_default_retries_come_ten_seconds_apart_and_then_twice_as_many() {
    let mut sim = Simulation::builder(1).script(|_| Run::exits(1, seconds(0))).start();
    sim.create(&JOBS, job("fails", json!({})));
    let failed = sim.finished("fails", minutes(11));
    assert_eq!(condition(&failed, "Failed").expect("failed")["reason"], "BackoffLimitExceeded");
    let created = created_at(&sim.pods("fails"));
    let gaps: Vec<i64> = created.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [10, 20, 40, 80, 160, 320]);
}

#[test]
fn a_cron_job_misses_no_tick_of_a_long_advance() {
    let mut sim = Simulation::new(2);
    sim.create(&CRON_JOBS, cron_job("hourly", "0 * * * *", json!({"successfulJobsHistoryLimit": 1000})));
    sim.advance(minutes(60 * 24 + 1));
    let jobs = sim.list(&JOBS, "");
    assert_eq!(jobs.len(), 24);
    assert!(jobs.iter().all(|job| condition(job, "Complete").is_some()));
    assert_eq!(sim.elapsed(), minutes(60 * 24 + 1));
}

#[test]
fn time_stands_still_until_it_is_moved() {
    let mut sim = Simulation::new(3);
    sim.create(&JOBS, job("waits", json!({})));
    sim.settle();
    assert_eq!(sim.elapsed(), seconds(0));
    sim.advance(seconds(1));
    assert_eq!(sim.elapsed(), seconds(1));
    let done = sim.finished("waits", seconds(2));
    assert!(condition(&done, "Complete").is_some());
}
