//! A scenario ends alike whether components call the API or speak HTTP to it.

use serde_json::{Value, json};
use testkit::{Builder, JOBS, Run, Simulation, job, minutes, seconds};

/// What came of a Job whose indexes fail in different ways; without names, which are drawn in another order.
fn outcome(builder: Builder) -> Value {
    let script = |attempt: &testkit::Attempt| {
        let fails = attempt.index() == Some(1) || (attempt.index() == Some(2) && attempt.number == 0);
        Run::exits(i32::from(fails), seconds(3)).prints("line")
    };
    let mut sim = builder.script(script).start();
    let spec = json!({
        "completionMode": "Indexed", "completions": 5, "parallelism": 2, "backoffLimitPerIndex": 1,
    });
    sim.create(&JOBS, job("same", spec));
    let mut done = sim.finished("same", minutes(30));
    let times: Vec<Value> = sim.pods("same").iter().map(|pod| pod["metadata"]["creationTimestamp"].clone()).collect();
    let refused = sim.try_create(&JOBS, job("Bad", json!({}))).expect_err("refused").to_string();
    let mut events = sim.events("same");
    for line in &mut events {
        // The suffix of a pod's name.
        line.truncate(line.rfind("same-").unwrap_or(line.len()));
    }
    json!({"status": done["status"].take(), "elapsed": sim.elapsed().as_secs(), "pods": times, "refused": refused, "events": events})
}

#[test]
fn scenarios_end_alike_over_both_transports() {
    let (called, spoken) = (outcome(Simulation::builder(1)), outcome(Simulation::builder(1).over_http()));
    assert_eq!(called, spoken);
    assert_eq!(
        (&called["status"]["failedIndexes"], &called["status"]["completedIndexes"]),
        (&json!("1"), &json!("0,2-4"))
    );
}
