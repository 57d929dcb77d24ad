//! Whole screens.

use super::*;
use serde_json::json;

fn pod(name: &str, second: u32, code: i32) -> Value {
    let (start, end) = (format!("2026-01-01T12:01:{second:02}Z"), format!("2026-01-01T12:01:{:02}Z", second + 2));
    let terminated = json!({"exitCode": code, "reason": "Error", "startedAt": start, "finishedAt": end});
    json!({
        "metadata": {"name": name, "uid": name, "creationTimestamp": start},
        "status": {"phase": "Failed", "startTime": start, "containerStatuses": [{"name": "app", "image": "", "imageID": "",
            "ready": false, "restartCount": 0, "state": {"terminated": terminated}}]},
    })
}

fn story() -> Story {
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "migrate", "namespace": "default", "uid": "j"},
        "spec": {"backoffLimit": 1, "activeDeadlineSeconds": 300, "ttlSecondsAfterFinished": 600, "completions": 1, "parallelism": 1,
            "template": {"spec": {"containers": [{"name": "app", "image": "app:1"}]}}},
        "status": {"failed": 2, "startTime": "2026-01-01T12:01:03Z", "conditions": [{
            "type": "Failed", "status": "True", "lastTransitionTime": "2026-01-01T12:01:36Z",
            "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]},
    });
    let event = json!({
        "metadata": {}, "involvedObject": {"kind": "Job", "name": "migrate"}, "type": "Normal", "reason": "SuccessfulCreate",
        "message": "Created pod: migrate-9hq4d", "lastTimestamp": "2026-01-01T12:01:03Z",
    });
    let text = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\nspec:\n  backoffLimit: 1\n".to_owned();
    Story {
        job,
        pods: vec![pod("migrate-9hq4d", 3, 3), pod("migrate-c2mzt", 15, 3)],
        events: vec![event],
        records: None,
        manifest: Some(explain::Manifest { file: "job.yaml".to_owned(), text }),
        logs: Vec::new(),
        now: "2026-01-01T12:02:03Z".parse().expect("a time"),
    }
}

fn described(story: &Story, fidelity: Option<&[Field]>) -> String {
    let description = Description { story, target: "local", fidelity, zone: &TimeZone::UTC };
    let text = description.text(Screen { ascii: true, ..Screen::default() });
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn the_screen_tells_verdict_limits_conditions_attempts_fidelity_and_events_in_order() {
    let place = crate::lint::Place { file: "job.yaml".to_owned(), line: 0 };
    let field = "spec.backoffLimit".to_owned();
    let fidelity = [Field { place, field, fate: crate::lint::Fate::NotEnforced, text: "no effect".to_owned() }];
    let expected = "\
Name: migrate   Namespace: default   Target: local   Source: job.yaml
Labels: <none>
Status: Failed (BackoffLimitExceeded)   Started 12:01:03   Failed 12:01:36   Duration 33s
Pods:   0 active - 0 succeeded - 2 failed   Completions 0/1   Parallelism 1   Mode NonIndexed
Limits: backoffLimit 1 (2 used x) (job.yaml:6)   activeDeadline 300s (33s used)   TTL 600s -> deletes 12:11:36
Conditions:
  Failed   True   12:01:36   BackoffLimitExceeded   Job has reached the specified backoff limit
Pod failure policy: <none>   Success policy: <none>
Attempts:
  #   POD             START      RUN   EXIT   REASON   BACKOFF   COUNTED        MESSAGE
  1   migrate-9hq4d   12:01:03   2s    3      Error    -         yes 1/1
  2   migrate-c2mzt   12:01:15   2s    3      Error    10s       yes -> limit
Fidelity:
  not enforced: spec.backoffLimit (job.yaml:6) - no effect
Events:
  TYPE     REASON             AGE   OBJECT        MESSAGE
  Normal   SuccessfulCreate   60s   job/migrate   Created pod: migrate-9hq4d
";
    assert_eq!(described(&story(), Some(&fidelity)), expected);
}

#[test]
fn what_a_failure_counts_for_follows_the_policy() {
    let mut story = story();
    story.job["spec"]["podFailurePolicy"] = json!({"rules": [
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}},
        {"action": "FailJob", "onPodConditions": [{"type": "ConfigIssue"}]},
    ]});
    story.pods.push(pod("migrate-x7k2p", 40, 1));
    let text = described(&story, Some(&[]));
    for line in [
        "Pod failure policy:\n  0  Ignore when a container exits In 3\n  1  FailJob when the pod has ConfigIssue=True\nSuccess policy: <none>\n",
        "  1   migrate-9hq4d   12:01:03   2s    3      Error    -         no (Ignore)\n",
        "  3   migrate-x7k2p   12:01:40   2s    1      Error    23s       yes 1/1\n",
        "Fidelity: every field is honoured\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn as_a_value_it_holds_the_attempts_and_the_job() {
    let story = story();
    let description = Description { story: &story, target: "local", fidelity: None, zone: &TimeZone::UTC };
    let value = description.value();
    assert_eq!((&value["status"], &value["reason"]), (&json!("Failed"), &json!("BackoffLimitExceeded")));
    assert_eq!(value["attempts"][1]["backoffSeconds"], 10);
    assert_eq!(value["job"]["metadata"]["name"], "migrate");
}
