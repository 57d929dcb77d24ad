//! Rows of `kubectl get jobs`.

use serde_json::{Value, json};

use crate::fixtures::{created, pi_job, with};
use crate::job::JobStrategy;
use crate::strategy::Strategy;

fn cells(patch: Value) -> Vec<Value> {
    let mut job = created(&JobStrategy, pi_job());
    job["metadata"]["creationTimestamp"] = json!("2024-01-01T00:00:00Z");
    let now = "2024-01-01T00:01:40Z".parse().expect("a time");
    let row = JobStrategy.row(&with(job, &patch), now);
    assert_eq!(row.cells.len(), JobStrategy.columns().len());
    row.cells
}

#[test]
fn columns_are_those_of_upstream() {
    let names: Vec<(&str, u8)> = JobStrategy.columns().iter().map(|column| (column.name, column.priority)).collect();
    assert_eq!(
        names,
        [
            ("Name", 0),
            ("Status", 0),
            ("Completions", 0),
            ("Duration", 0),
            ("Age", 0),
            ("Containers", 1),
            ("Images", 1),
            ("Selector", 1)
        ]
    );
    assert_eq!(JobStrategy.columns()[0].format, "name");
}

#[test]
fn running_job_shows_its_duration_so_far() {
    let row = cells(json!({"status": {"startTime": "2024-01-01T00:00:10Z", "succeeded": 0}}));
    assert_eq!(
        row,
        [
            json!("pi"),
            json!("Running"),
            json!("0/1"),
            json!("90s"),
            json!("100s"),
            json!("pi"),
            json!("perl:5.34.0"),
            json!("batch.kubernetes.io/controller-uid=uid-1")
        ]
    );
}

#[test]
fn completions_show_the_kind_of_job() {
    assert_eq!(cells(json!({"spec": {"completions": 3}, "status": {"succeeded": 1}}))[2], "1/3");
    assert_eq!(cells(json!({"spec": {"completions": null, "parallelism": 2}}))[2], "0/1 of 2");
    assert_eq!(cells(json!({"spec": {"completions": null}}))[2], "0/1");
}

#[test]
fn status_is_the_first_that_holds() {
    let condition = |kind: &str| json!({"status": {"conditions": [{"type": kind, "status": "True"}]}});
    for kind in ["Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet"] {
        assert_eq!(cells(condition(kind))[1], *kind);
    }
    let deleting = json!({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}});
    assert_eq!(cells(with(condition("Suspended"), &deleting))[1], "Terminating");
    assert_eq!(cells(with(condition("Complete"), &deleting))[1], "Complete");
}

#[test]
fn finished_and_unstarted_jobs_show_fixed_durations() {
    let times = json!({"status": {"startTime": "2024-01-01T00:00:00Z", "completionTime": "2024-01-01T00:00:05Z"}});
    assert_eq!(cells(times)[3], "5s");
    assert_eq!(cells(json!({}))[3], "");
}
