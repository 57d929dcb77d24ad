//! Clusters are apart from each other and leave nothing: no task, no thread, no file descriptor, no file, no process.
//!
//! One test in a program of its own, since it counts what the whole process has.

mod count;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use count::Count;
use futures::future::join_all;
use futures::{FutureExt, StreamExt};
use serde_json::json;
use testkit::k8s::api::batch::v1::Job;
use testkit::kube::Api;
use testkit::kube::api::WatchParams;
use testkit::{Cluster, JOBS, PODS, Run, Simulation, job, minutes, seconds};

const CLUSTERS: usize = 100;
/// Of these, so many run real processes.
const WITH_PROCESSES: usize = 6;

#[test]
fn a_hundred_clusters_at_once_are_apart_and_leave_nothing() {
    // Its own idle threads must not be taken for leaks: tokio keeps those of the blocking pool for ten seconds.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .thread_keep_alive(std::time::Duration::from_millis(1))
        .enable_all()
        .build()
        .expect("a runtime");
    // The first of each kind makes what a process has once: tokio's pipe for signals, for one.
    runtime.block_on(async {
        one(0, &Apart::default()).await;
        one(CLUSTERS - 1, &Apart::default()).await;
    });
    simulate(0);
    let tasks = runtime.metrics().num_alive_tasks();
    let before = Count::now();

    let apart = Arc::new(Apart::new(CLUSTERS));
    let ends = runtime.block_on(async {
        let test = |number| {
            let apart = apart.clone();
            tokio::spawn(async move { one(number, &apart).await })
        };
        join_all((0..CLUSTERS).map(test)).await
    });
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
    before.is_restored("after 100 clusters");
    // The workers of the test's clients end once they see that nobody holds their clients any more.
    let left = || runtime.metrics().num_alive_tasks().saturating_sub(tasks);
    assert!(count::eventually(|| left() == 0), "{} tasks are left after 100 clusters", left());

    runtime.block_on(failing_test());
    before.is_restored("after tests that failed");

    std::thread::scope(|scope| {
        for seed in 0..100 {
            scope.spawn(move || simulate(seed));
        }
    });
    before.is_restored("after 100 simulations");
}

/// Lets all clusters be there at one time.
#[derive(Default)]
struct Apart(Option<tokio::sync::Barrier>);

impl Apart {
    fn new(count: usize) -> Self {
        Self(Some(tokio::sync::Barrier::new(count)))
    }

    async fn wait(&self) {
        if let Some(barrier) = &self.0 {
            barrier.wait().await;
        }
    }
}

/// One test of many: the same names in each, and an end of its own.
async fn one(number: usize, apart: &Apart) {
    let code = i32::try_from(number % 3).expect("small");
    let spec = json!({"backoffLimit": 1, "template": {"spec": {"containers": [
        {"name": "main", "image": "busybox", "command": ["sh", "-c", format!("echo number {number}; exit {code}")]}
    ]}}});
    let manifest = job("same", spec).to_string();
    let with_processes = number >= CLUSTERS - WITH_PROCESSES;
    let builder = if with_processes {
        Cluster::builder().processes().supervisor(env!("CARGO_BIN_EXE_testkit-supervisor"))
    } else {
        Cluster::builder().script(move |_| Run::exits(code, seconds(1)).prints(format!("number {number}")))
    };
    let cluster = builder.seed(number as u64).start().await;
    apart.wait().await;
    // A watch that is open when the cluster goes.
    let jobs: Api<Job> = Api::default_namespaced(cluster.client());
    let mut watch = jobs.watch(&WatchParams::default(), "0").await.expect("a watch").boxed();
    cluster.apply(&manifest).await.expect("applied");
    let outcome = cluster.finished("same").await;
    let first = watch.next().await.expect("an event");
    assert!(first.is_ok(), "{first:?}");
    match code {
        0 => _ = outcome.assert_complete(),
        code => _ = outcome.assert_failed("BackoffLimitExceeded").assert_exit_codes([code; 2]),
    }
    let lines: Vec<String> = outcome.logs().lines().map(str::to_owned).collect();
    assert!(lines.iter().all(|line| *line == format!("number {number}")), "{lines:?}");
    assert_eq!(cluster.look(|now| (now.list(&JOBS, None).len(), now.list(&PODS, None).len())).await, (1, lines.len()));
    // A Job that goes on when its cluster ends, and a socket that is open.
    cluster.apply(&job("endless", endless()).to_string()).await.expect("applied");
    cluster.settle().await;
    if number.is_multiple_of(5) {
        assert!(cluster.kubeconfig_file().await.exists());
    }
    apart.wait().await;
    if number.is_multiple_of(2) { drop(cluster) } else { cluster.close().await }
}

fn endless() -> serde_json::Value {
    json!({"template": {"spec": {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "1000"]}]}}})
}

/// A test that fails while its cluster is busy.
async fn failing_test() {
    let failing = async {
        let cluster = Cluster::builder().script(|_| Run::never_ends()).start().await;
        cluster.apply(&job("endless", endless()).to_string()).await.expect("applied");
        cluster.kubeconfig_file().await;
        cluster.job("endless").finished_within(minutes(1)).await
    };
    assert!(AssertUnwindSafe(failing).catch_unwind().await.is_err());
    let around = || Cluster::builder().run(async |_| assert!(std::env::args().count() == 0, "it fails"));
    assert!(tokio::task::spawn_blocking(around).await.is_err());
}

/// A simulation that ends while a Job runs.
fn simulate(seed: u64) {
    let code = i32::try_from(seed % 3).expect("small");
    let mut sim = Simulation::builder(seed).script(move |run| match run.label("job-name") {
        Some("same") => Run::exits(code, seconds(1)),
        _ => Run::never_ends(),
    });
    if seed.is_multiple_of(2) {
        sim = sim.over_http();
    }
    let mut sim = sim.start();
    sim.create(&JOBS, job("endless", json!({})));
    sim.create(&JOBS, job("same", json!({"backoffLimit": 0})));
    let done = sim.finished("same", minutes(5));
    assert_eq!(testkit::condition(&done, "Complete").is_some(), code == 0);
    assert_eq!(sim.list(&JOBS, "").len(), 2);
}
