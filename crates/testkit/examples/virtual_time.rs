//! Measures what virtual time costs: a year of an hourly CronJob. Prints `NAME SECONDS EVENTS` for `cargo xtask bench`.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

use std::time::Instant;

use serde_json::json;
use testkit::{CRON_JOBS, JOBS, Run, Simulation, cron_job, minutes, seconds};

/// As the product allocates.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let days: i64 = std::env::args().nth(1).and_then(|days| days.parse().ok()).unwrap_or(365);
    let mut sim = Simulation::builder(1).script(|_| Run::exits(0, seconds(30))).without_event_log().start();
    let limits = json!({"successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1});
    sim.create(&CRON_JOBS, cron_job("hourly", "0 * * * *", limits));
    let begin = Instant::now();
    sim.advance(minutes(days * 24 * 60));
    let took = begin.elapsed().as_secs_f64();
    let jobs = sim.list(&JOBS, "").len();
    assert_eq!(jobs, 3, "history limits keep three Jobs");
    println!(
        "cron-job {took:.3} {}",
        sim.get(&CRON_JOBS, "hourly")["metadata"]["resourceVersion"].as_str().unwrap_or("")
    );
}
