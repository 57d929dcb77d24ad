//! Explanations as text.

use serde_json::{Value, json};

use super::*;
use crate::samples::{at, condition, manifest, pod, record, seconds, story};

const PLAIN: Style = Style { ascii: true, colour: false, width: 100 };
const INFERRED: &str = "Inferred from the object, its pods and events: this server keeps no decision records.";

fn lines(story: &Story) -> Vec<String> {
    why(story, &PLAIN).lines().map(str::to_owned).collect()
}

#[test]
fn a_job_that_backs_off_says_until_when_and_by_which_line() {
    let spec = json!({"completions": 8, "parallelism": 1, "completionMode": "Indexed", "backoffLimitPerIndex": 3});
    let status = json!({"startTime": at(0), "active": 0, "completedIndexes": "0,2", "failed": 2, "succeeded": 2});
    let mut story = story(spec, status, 45);
    story.manifest = manifest(&["backoffLimitPerIndex: 3", "parallelism: 1"]);
    story.pods = vec![
        pod("a", Some(0), 0, Some((2, 0))),
        pod("b", Some(1), 0, Some((1, 1))),
        pod("c", Some(2), 2, Some((4, 0))),
        pod("d", Some(1), 11, Some((31, 1))),
    ];
    let expected = [
        "job is Running and healthy, but no pod has started for 34s because:",
        "  1. idx1 has failed twice in a row (exit 1). The back-off after failure 2 is 20s -> next attempt at 12:00:51 (in 6s); backoffLimitPerIndex=3 (job.yaml:6).",
        "  2. idx3..idx7 wait for a slot: parallelism=1 (job.yaml:7).",
        INFERRED,
    ];
    assert_eq!(lines(&story), expected);
}

#[test]
fn records_give_the_time_the_rules_and_the_decisions() {
    let status = json!({"startTime": at(0), "failed": 1});
    let mut story = story(json!({"completions": 1, "parallelism": 1, "backoffLimit": 6}), status, 3);
    story.pods = vec![pod("a", None, 0, Some((2, 3)))];
    story.records = Some(vec![
        record(0, "scale-up", "spec.parallelism", "create 1 pod", None),
        record(2, "backoff", "spec.backoffLimit", "create no pods", Some(13)),
    ]);
    let expected = [
        "job is Running and healthy, but no pod has started for 3s because:",
        "  1. 1 attempt has failed since the last success (exit 3). The back-off after failure 1 is 10s -> next attempt at 12:00:13 (in 10s); backoffLimit=6.",
        "Rules used: backoff",
        "Decisions:",
        "  12:00:00  scale-up     create 1 pod  [spec.parallelism]",
        "  12:00:02  backoff      create no pods, waits for its time, until 12:00:13  [spec.backoffLimit]",
    ];
    assert_eq!(lines(&story), expected);
}

#[test]
fn depth_hides_older_decisions() {
    let mut story = story(json!({}), json!({}), 3);
    story.records = Some((0..5).map(|second| record(second, "scale", "spec", "wait", None)).collect());
    let telling = Telling { style: PLAIN, zone: &TimeZone::UTC, depth: 2 };
    let text = explanation(&story, &telling).text(&story, &telling);
    assert!(text.contains("Decisions (the newest 2; 3 older):\n  12:00:03 "), "{text}");
    let telling = Telling { depth: 0, ..telling };
    assert!(!explanation(&story, &telling).text(&story, &telling).contains("Decisions"));
}

#[test]
fn a_failed_job_names_its_limit_and_how_its_attempts_ended() {
    let status =
        json!({"startTime": at(0), "failed": 2, "conditions": [condition("Failed", "BackoffLimitExceeded", 33)]});
    let mut story = story(json!({"backoffLimit": 1, "ttlSecondsAfterFinished": 600}), status, 60);
    story.manifest = manifest(&["backoffLimit: 1", "ttlSecondsAfterFinished: 600"]);
    story.pods = vec![pod("a", None, 0, Some((2, 3))), pod("b", None, 12, Some((33, 3)))];
    let expected = [
        "job Failed after 33s: BackoffLimitExceeded, because:",
        "  1. 2 pods failed; backoffLimit is 1 (job.yaml:6), so the 2nd failure ended the Job.",
        "  2. Every attempt ended alike: container \"app\", exit 3.",
        "  3. It is deleted at 12:10:33 (in 9m33s): ttlSecondsAfterFinished=600 (job.yaml:7).",
        INFERRED,
    ];
    assert_eq!(lines(&story), expected);
}

#[test]
fn the_rule_of_a_failure_policy_is_named_with_its_line() {
    let mut failed = condition("Failed", "PodFailurePolicy", 3);
    failed["message"] =
        "Container app for pod default/a failed with exit code 42 matching FailJob rule at index 0".into();
    let status = json!({"startTime": at(0), "failed": 1, "conditions": [failed]});
    let mut story = story(json!({}), status, 60);
    story.manifest = manifest(&[
        "podFailurePolicy:",
        "  rules:",
        "  - action: FailJob",
        "    onExitCodes: {operator: In, values: [42]}",
    ]);
    let explanation = explanation(&story, &Telling { style: PLAIN, zone: &TimeZone::UTC, depth: 0 });
    let reason = &explanation.reasons[0];
    assert_eq!(reason.field.as_deref(), Some("spec.podFailurePolicy.rules[0]"));
    assert_eq!(reason.place.as_deref(), Some("job.yaml:8"));
    assert!(reason.text.ends_with("FailJob rule at index 0 (podFailurePolicy at job.yaml:8)"), "{}", reason.text);
}

#[test]
fn each_standstill_has_its_words() {
    let says = |spec: Value, status: Value, head: &str, reason: &str| {
        let lines = lines(&story(spec, status, 20));
        assert_eq!((lines[0].as_str(), lines[1].as_str()), (head, reason));
    };
    says(
        json!({"suspend": true}),
        json!({"conditions": [condition("Suspended", "JobSuspended", 10)]}),
        "job is Suspended since 12:00:10 (10s ago), because:",
        "  1. suspend=true: no pod may run.",
    );
    says(json!({"parallelism": 0}), json!({}), "job stands still, because:", "  1. parallelism=0: no pod may run.");
    says(
        json!({"managedBy": "example.com/mine"}),
        json!({}),
        "job is left alone by the Job controller, because:",
        "  1. managedBy=example.com/mine leaves it to that controller.",
    );
    says(
        json!({}),
        json!({"conditions": [condition("FailureTarget", "DeadlineExceeded", 10)]}),
        "job is failing, because:",
        "  1. DeadlineExceeded: as it says",
    );
    says(
        json!({"completions": 2, "parallelism": 2, "activeDeadlineSeconds": 30}),
        json!({"startTime": at(0), "active": 2}),
        "job is Running, 0/2 done: its controller has its next step before it.",
        "  1. If it has not ended by 12:00:30 (in 10s), it fails: activeDeadlineSeconds=30.",
    );
}

#[test]
fn a_job_that_completed_or_just_runs_is_told_so() {
    let status = json!({"startTime": at(0), "completionTime": at(33), "succeeded": 1, "failed": 2,
        "conditions": [condition("Complete", "CompletionsReached", 33)]});
    let done = lines(&story(json!({"completions": 1}), status, 40));
    assert_eq!(done[0], "job is Complete after 33s: 1/1 succeeded, 2 failed on the way.");
    assert_eq!(done[1], "  1. As many pods succeeded as completions=1 asks for.");
    let mut running = story(json!({"completions": 1, "parallelism": 1}), json!({"active": 1}), 40);
    running.pods = vec![pod("a", None, 0, None)];
    assert_eq!(lines(&running)[0], "job is Running and healthy: 1 pod runs, 0/1 done, and nothing holds it up.");
}

#[test]
fn a_job_that_is_gone_waits_for_nothing() {
    let mut story = story(json!({"completions": 1, "parallelism": 1}), json!({}), 5);
    story.job[crate::GONE] = true.into();
    assert_eq!(lines(&story)[0], "job was deleted before it finished.");
}

#[test]
fn a_refusal_of_the_server_is_told() {
    let mut story = story(json!({"completions": 1, "parallelism": 1}), json!({}), 5);
    story.events = vec![
        json!({"reason": "FailedCreate", "message": "Error creating: exceeded quota", "involvedObject": {"kind": "Job"}}),
    ];
    assert_eq!(lines(&story)[1], "  1. The server refuses to create its pods: Error creating: exceeded quota");
}

fn cron_job(spec: Value, status: Value, now: i64) -> Story {
    let mut story = story(json!({}), json!({}), now);
    let metadata = json!({"name": "nightly", "namespace": "default", "creationTimestamp": at(0)});
    story.job = json!({"kind": "CronJob", "metadata": metadata, "spec": spec, "status": status});
    story.job["spec"]["jobTemplate"] = json!({"spec": {"template": {}}});
    story
}

#[test]
fn a_cron_job_says_when_it_fires_next_and_why_it_did_not() {
    let spec = json!({"schedule": "0 * * * *", "concurrencyPolicy": "Forbid"});
    let status = json!({"lastScheduleTime": at(3_600), "active": [{"name": "nightly-1"}]});
    let mut story = cron_job(spec, status, 7_260);
    story.events = vec![json!({"reason": "JobAlreadyActive", "message": "Not starting", "lastTimestamp": at(7_200),
        "involvedObject": {"kind": "CronJob"}})];
    let expected = [
        "nightly fires next at 15:00:00 (in 59m).",
        "  1. schedule=\"0 * * * *\", if its controller's time zone is UTC.",
        "  2. It last fired at 13:00:00 (61m ago).",
        "  3. Job nightly-1 is active: an activation starts no Job while it runs, since concurrencyPolicy=Forbid.",
        "  4. 14:00:00 (60s ago): JobAlreadyActive: Not starting",
        INFERRED,
    ];
    assert_eq!(lines(&story), expected);
}

#[test]
fn a_cron_job_that_cannot_fire_says_why() {
    let head = |spec: Value| lines(&cron_job(spec, json!({}), 60))[..2].join("\n");
    let suspended = head(json!({"schedule": "0 * * * *", "suspend": true}));
    assert_eq!(suspended, "nightly does not fire, because:\n  1. suspend=true: no activation starts a Job.");
    let never = head(json!({"schedule": "0 0 30 2 *"}));
    assert!(never.ends_with("schedule=\"0 0 30 2 *\" has no activation within five years."), "{never}");
    let zone = head(json!({"schedule": "0 * * * *", "timeZone": "Nowhere/Land"}));
    assert!(zone.contains("1. timeZone=\"Nowhere/Land\": "), "{zone}");
}

#[test]
fn back_offs_are_told_with_the_attempts() {
    let mut story = story(json!({"completions": 1}), json!({}), 60);
    story.pods =
        vec![pod("a", None, 0, Some((2, 3))), pod("b", None, 12, Some((14, 3))), pod("c", None, 34, Some((40, 0)))];
    let backoffs: Vec<_> = crate::attempts(&story).iter().map(|attempt| attempt.backoff).collect();
    assert_eq!(backoffs, [None, Some(seconds(10)), Some(seconds(20))]);
}
