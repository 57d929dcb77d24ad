//! Clusters of different kinds at one time, in one process.

use serde_json::json;
use testkit::{ClockMode, Cluster, Run, job, seconds};

#[tokio::test]
async fn same_names_and_different_ends() {
    let good = Cluster::builder().script(|_| Run::exits(0, seconds(1))).start().await;
    let bad = Cluster::builder().script(|_| Run::exits(1, seconds(1))).start().await;
    let manifest = job("pi", json!({"backoffLimit": 0})).to_string();
    for cluster in [&good, &bad] {
        cluster.apply(&manifest).await.expect("applied");
    }
    let (good, bad) = tokio::join!(good.finished("pi"), bad.finished("pi"));
    good.assert_complete();
    bad.assert_failed("BackoffLimitExceeded");
}

#[test]
#[should_panic(expected = "processes take real time")]
fn processes_do_not_go_with_virtual_time() {
    Cluster::builder().processes().clock(ClockMode::Virtual).run(async |_| ());
}

#[test]
#[should_panic(expected = "the supervisor of pods is no program: /nowhere")]
fn a_supervisor_that_is_not_there_is_told_of() {
    Cluster::builder().processes().supervisor("/nowhere").run(async |_| ());
}
