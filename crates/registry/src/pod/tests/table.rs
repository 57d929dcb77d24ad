//! Rows of `kubectl get pods`.

use serde_json::{Value, json};

use crate::fixtures::{created, pod, with};
use crate::pod::PodStrategy;
use crate::strategy::{Row, Strategy};

fn row(patch: Value) -> Row {
    let mut pod = created(&PodStrategy, pod());
    pod["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    let now = "2024-01-01T00:01:40Z".parse().expect("a time");
    let row = PodStrategy.row(&with(pod, &patch), now);
    assert_eq!(row.cells.len(), PodStrategy.columns().len());
    row
}

/// Ready, status and restarts.
#[track_caller]
fn check(patch: Value, ready: &str, status: &str, restarts: &str) {
    let cells = row(patch.clone()).cells;
    assert_eq!(cells[1..4], [json!(ready), json!(status), json!(restarts)], "{patch}");
}

fn main(more: Value) -> Value {
    let status = with(json!({"name": "main", "restartCount": 0}), &more);
    json!({"status": {"phase": "Running", "containerStatuses": [status]}})
}

fn init(containers: Value, statuses: Value) -> Value {
    json!({"spec": {"initContainers": containers}, "status": {"initContainerStatuses": statuses}})
}

#[test]
fn columns_are_those_of_upstream() {
    let names: Vec<&str> = PodStrategy.columns().iter().map(|column| column.name).collect();
    assert_eq!(
        names,
        ["Name", "Ready", "Status", "Restarts", "Age", "IP", "Node", "Nominated Node", "Readiness Gates"]
    );
    assert!(PodStrategy.columns()[5..].iter().all(|column| column.priority == 1));
}

#[test]
fn a_new_pod_is_pending() {
    let none = json!("<none>");
    assert_eq!(
        row(json!({})).cells,
        [
            json!("one"),
            json!("0/1"),
            json!("Pending"),
            json!("0"),
            json!("100s"),
            none.clone(),
            none.clone(),
            none.clone(),
            none
        ]
    );
}

#[test]
fn status_is_that_of_the_containers() {
    check(main(json!({"ready": true, "state": {"running": {}}})), "1/1", "Running", "0");
    check(main(json!({"state": {"waiting": {"reason": "ContainerCreating"}}})), "0/1", "ContainerCreating", "0");
    check(main(json!({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}})), "0/1", "Completed", "0");
    check(main(json!({"state": {"terminated": {"exitCode": 1, "reason": "Error"}}})), "0/1", "Error", "0");
    check(main(json!({"state": {"terminated": {"exitCode": 3}}})), "0/1", "ExitCode:3", "0");
    check(main(json!({"state": {"terminated": {"exitCode": 137, "signal": 9}}})), "0/1", "Signal:9", "0");
    check(json!({"status": {"phase": "Failed", "reason": "DeadlineExceeded"}}), "0/1", "DeadlineExceeded", "0");
}

#[test]
fn restarts_tell_when_the_last_one_was() {
    let crashed = json!({
        "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2024-01-01T00:01:35Z"}},
    });
    check(main(crashed), "0/1", "CrashLoopBackOff", "3 (5s ago)");
}

#[test]
fn initializing_pods_show_how_far_they_are() {
    let two = json!([{"name": "a"}, {"name": "b"}]);
    let done = json!({"name": "a", "state": {"terminated": {"exitCode": 0}}});
    let waiting = json!({"name": "b", "state": {"waiting": {"reason": "PodInitializing"}}});
    check(init(two.clone(), json!([done, waiting])), "0/1", "Init:1/2", "0");
    let crashing = json!({"name": "a", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}}});
    check(init(two.clone(), json!([crashing])), "0/1", "Init:CrashLoopBackOff", "2");
    let failed = json!({"name": "a", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}});
    check(init(two.clone(), json!([failed])), "0/1", "Init:Error", "0");
    let failed = json!({"name": "a", "state": {"terminated": {"exitCode": 2}}});
    check(init(two, json!([failed])), "0/1", "Init:ExitCode:2", "0");
}

#[test]
fn sidecars_count_among_the_containers() {
    let sidecar = json!([{"name": "s", "restartPolicy": "Always"}]);
    let started = json!([{"name": "s", "started": true, "ready": true, "restartCount": 1, "state": {"running": {}}}]);
    let patch = with(init(sidecar, started), &main(json!({"ready": true, "state": {"running": {}}})));
    check(patch, "2/2", "Running", "1");
}

#[test]
fn half_completed_pods_are_running_or_not_ready() {
    let statuses = json!([
        {"name": "a", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}},
        {"name": "b", "ready": true, "state": {"running": {}}},
    ]);
    let patch = json!({"status": {"phase": "Running", "containerStatuses": statuses}});
    check(patch.clone(), "1/1", "NotReady", "0");
    let ready = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}});
    check(with(patch, &ready), "1/1", "Running", "0");
}

#[test]
fn deletion_shows_until_the_pod_has_ended() {
    let deleting = json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}});
    check(deleting.clone(), "0/1", "Terminating", "0");
    check(with(deleting.clone(), &json!({"status": {"phase": "Failed"}})), "0/1", "Failed", "0");
    check(with(deleting, &json!({"status": {"reason": "NodeLost"}})), "0/1", "Unknown", "0");
}

#[test]
fn ended_pods_carry_the_condition_that_kubectl_filters_by() {
    let row = row(json!({"status": {"phase": "Succeeded"}}));
    assert_eq!(
        row.conditions,
        [json!({
            "type": "Completed", "status": "True", "reason": "Succeeded",
            "message": "The pod has completed successfully.",
        })]
    );
}

#[test]
fn wide_cells_show_address_node_and_gates() {
    let patch = json!({
        "spec": {"nodeName": "n", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
        "status": {"podIPs": [{"ip": "10.0.0.1"}], "conditions": [{"type": "a", "status": "True"}]},
    });
    assert_eq!(row(patch).cells[5..], [json!("10.0.0.1"), json!("n"), json!("<none>"), json!("1/2")]);
}
