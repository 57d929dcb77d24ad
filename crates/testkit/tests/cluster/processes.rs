//! Pods as real processes, with time that jumps over waits.

use serde_json::json;
use testkit::{Cluster, ClusterBuilder, seconds};

fn processes() -> ClusterBuilder {
    Cluster::builder().processes().supervisor(env!("CARGO_BIN_EXE_testkit-supervisor"))
}

fn job(name: &str, script: &str) -> String {
    let job = testkit::job(
        name,
        json!({"backoffLimit": 3, "template": {"spec": {"containers": [
            {"name": "main", "image": "busybox", "command": ["sh", "-c", script]}
        ]}}}),
    );
    job.to_string()
}

#[tokio::test]
async fn real_processes_run_and_back_offs_are_jumped_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let marks = folder.path().join("runs");
    let cluster = processes().start().await;
    // Fails twice.
    let script = format!("echo run >> {0}; echo attempt $(wc -l < {0}); test $(wc -l < {0}) -ge 3", marks.display());
    cluster.apply(&job("retries", &script)).await.expect("applied");
    let begin = std::time::Instant::now();
    let outcome = cluster.finished("retries").await;
    outcome.assert_complete().assert_exit_codes([1, 1, 0]).assert_logged("attempt 3");
    assert!(outcome.elapsed() >= seconds(30), "{:#}", outcome.elapsed());
    assert!(begin.elapsed().as_secs() < 25, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn programs_stand_for_images() {
    let cluster = processes().image("app:1.4", "/bin/echo").start().await;
    let spec =
        json!({"template": {"spec": {"containers": [{"name": "main", "image": "app:1.4", "args": ["mapped"]}]}}});
    cluster.apply(&testkit::job("mapped", spec).to_string()).await.expect("applied");
    cluster.finished("mapped").await.assert_complete().assert_logged("mapped");
}
