//! The largest Job that may name its failed indexes: 100,000 of them, as many pods at a time as upstream allows.
//!
//! `indexed` plays the same Job with 1,000 over both transports. This one runs in process only, without the event log,
//! which would hold every version of every pod; what its syncs take is measured by `cargo xtask bench`.

use serde_json::json;
use testkit::{Component, JOBS, Run, Simulation, condition, job, minutes, seconds};

use crate::harness::{count, reason};

const COMPLETIONS: i64 = 100_000;
/// `maxParallelismForIndexedJob` of upstream's validation.
const PARALLELISM: i64 = 10_000;
/// Of both lists together, upstream's own bound on what fits into an object (etcd takes 1.5 MiB).
const LISTS_MAX: usize = 600 * 1024;

/// kubernetes/kubernetes#118085, #118420.
#[test]
fn every_other_of_a_hundred_thousand_indexes_fails_and_both_lists_are_exact() {
    let odd_fails = |index: u32| Run::exits(i32::from(index % 2 == 1), seconds(1));
    let builder = Simulation::builder(1).without_event_log();
    let mut sim = builder.script(move |attempt| odd_fails(attempt.index().expect("of an Indexed Job"))).start();
    let spec = json!({
        "completionMode": "Indexed", "completions": COMPLETIONS, "parallelism": PARALLELISM, "backoffLimitPerIndex": 0,
    });
    sim.create(&JOBS, job("many", spec));
    let mut most = 0;
    let failed = sim.until(&JOBS, "many", minutes(60), |job| {
        most = most.max(count(job, "active"));
        condition(job, "Failed").is_some()
    });
    assert_eq!(most, PARALLELISM);
    assert_eq!(reason(&failed, "Failed").as_deref(), Some("FailedIndexes"));
    assert_eq!((count(&failed, "succeeded"), count(&failed, "failed")), (COMPLETIONS / 2, COMPLETIONS / 2));
    let list = |from| (from..COMPLETIONS).step_by(2).map(|index| index.to_string()).collect::<Vec<_>>().join(",");
    let (completed, broken) = (list(0), list(1));
    assert!(completed.len() + broken.len() <= LISTS_MAX, "{} bytes", completed.len() + broken.len());
    assert_eq!(failed["status"]["completedIndexes"], completed);
    assert_eq!(failed["status"]["failedIndexes"], broken);
    let each = sim.faults().writes(Component::Jobs) as f64 / COMPLETIONS as f64;
    assert!(each < 2.1, "{each} writes for each pod: one creates it, one lets it go, the rest are the Job's status");
}
