//! Probes as tables: what is asked when, and what comes of the answers.

use super::*;
use crate::plan::{Outlook, ProbeFacts};

fn probe(kind: ProbeKind) -> ProbeFacts {
    ProbeFacts {
        kind,
        initial_delay_seconds: 0,
        period_seconds: 10,
        success_threshold: 1,
        failure_threshold: 2,
        grace_seconds: None,
    }
}

/// A pod whose container `a` has these probes.
fn probed(policy: RestartPolicy, names: &[&str], kinds: &[ProbeKind]) -> PodFacts {
    let mut facts = pod(policy, names);
    facts.containers[0].probes = kinds.iter().copied().map(probe).collect();
    facts
}

use ProbeKind::{Liveness, Readiness, Startup};

#[test]
fn pod_is_ready_once_its_probe_says_so_and_no_longer_than_that() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Readiness Running"),
        // Not ready is a reason for time to pass; ready is none, until an answer is another.
        ("a.Readiness=bad", "Unhealthy wake 10 Running"),
        ("@10", "probe a.Readiness Running"),
        ("a.Readiness=ok", "look 20 Running"),
        ("@20", "probe a.Readiness Running"),
        ("a.Readiness=bad", "Unhealthy wake 30 Running"),
    ];
    let mut story = check(probed(Never, &["a"], &[Readiness]), &script);
    assert_eq!(story.condition("Ready")["status"], "True", "one failure of two");
    story.tell("@30");
    story.step();
    story.tell("a.Readiness=bad");
    story.step();
    assert_eq!(story.condition("Ready")["message"], "containers with unready status: [a]");
    assert_eq!(story.condition("ContainersReady")["status"], "False");
    let container = story.status()["containerStatuses"][0].clone();
    assert_eq!((&container["ready"], &container["started"]), (&false.into(), &true.into()));
    assert_eq!(story.messages, ["Readiness probe failed: no"; 3]);
}

#[test]
fn failed_liveness_kills_and_restarts_in_upstreams_words() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Liveness Running"),
        ("a.Liveness=ok", "look 10 Running"),
        ("@10", "probe a.Liveness Running"),
        ("a.Liveness=bad", "Unhealthy wake 20 Running"),
        ("@20", "probe a.Liveness Running"),
        ("a.Liveness=bad", "kill a 15 Unhealthy Killing wake 50 Running"),
        ("@50", "kill a 9 Running"),
        ("a=137", "start a#1 Running"),
        ("a+", "probe a.Liveness Running"),
    ];
    let story = check(probed(Always, &["a"], &[Liveness]), &script);
    assert_eq!(story.messages[2], "Container a failed liveness probe, will be restarted");
}

#[test]
fn container_killed_for_its_probe_runs_again_even_if_it_ends_well() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Liveness Running"),
        ("a.Liveness=bad @10", "probe a.Liveness Unhealthy Running"),
        ("a.Liveness=bad", "kill a 15 Unhealthy Killing wake 40 Running"),
        ("a=0", "start a#1 Running"),
    ];
    check(probed(OnFailure, &["a"], &[Liveness]), &script);
    let mut never = script;
    never[4] = ("a=0", "Succeeded");
    let story = check(probed(Never, &["a"], &[Liveness]), &never);
    assert_eq!(story.messages[2], "Container a failed liveness probe");
}

#[test]
fn probe_has_a_grace_period_of_its_own() {
    let mut facts = probed(Always, &["a"], &[Liveness]);
    (facts.containers[0].probes[0].grace_seconds, facts.containers[0].probes[0].failure_threshold) = (Some(3), 1);
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Liveness Running"),
        ("a.Liveness=bad", "kill a 15 Unhealthy Killing wake 3 Running"),
        // The pod's deletion gives no more time than the probe has left.
        ("del=60", "wake 3 Running"),
        ("@3", "kill a 9 Running"),
    ];
    check(facts, &script);
}

#[test]
fn other_probes_wait_for_the_startup_probe() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Startup Running"),
        ("a.Startup=bad", "Unhealthy wake 10 Running"),
        ("@10", "probe a.Startup Running"),
        ("a.Startup=ok", "probe a.Liveness probe a.Readiness Running"),
        ("a.Liveness=ok a.Readiness=ok", "look 20 Running"),
    ];
    let mut story = check(probed(Never, &["a"], &[Startup, Liveness, Readiness]), &script);
    assert_eq!(story.status()["containerStatuses"][0]["started"], true);
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Startup Running"),
        ("a.Startup=bad @10", "probe a.Startup Unhealthy Running"),
        ("a.Startup=bad", "kill a 15 Unhealthy Killing wake 40 Running"),
    ];
    let mut story = check(probed(Always, &["a"], &[Startup, Readiness]), &script);
    assert_eq!(story.messages[2], "Container a failed startup probe, will be restarted");
    assert_eq!(story.status()["containerStatuses"][0]["started"], false);
}

#[test]
fn sidecar_holds_the_next_container_until_it_has_started() {
    let script = [
        ("", "start s#0 Pending"),
        ("s+", "probe s.Startup Pending"),
        ("s.Startup=bad @10", "probe s.Startup Unhealthy Pending"),
        ("s.Startup=ok", "start i#0 Pending"),
        ("i+ i=0", "start a#0 Pending"),
        ("a+", "Running"),
        // It holds nothing up when it starts again.
        ("s=1", "start s#1 Running"),
        ("s+ a=1", "start a#1 probe s.Startup Running"),
    ];
    let mut story = check(probed(Always, &["s:s", "i:i", "a"], &[Startup]), &script);
    assert_eq!(story.condition("Initialized")["status"], "True");
    let script = [
        ("", "start s#0 Pending"),
        ("s+", "probe s.Startup Pending"),
        ("s.Startup=bad @10", "probe s.Startup Unhealthy Pending"),
        ("s.Startup=bad", "kill s 15 Unhealthy Killing wake 40 Pending"),
        ("s=143", "start s#1 Pending"),
    ];
    let mut story = check(probed(Never, &["s:s", "a"], &[Startup]), &script);
    assert_eq!(story.messages[2], "Init container s failed startup probe");
    assert_eq!(story.condition("Initialized")["message"], "containers with incomplete status: [s]");
}

#[test]
fn thresholds_count_answers_in_a_row_and_errors_count_for_nothing() {
    let mut facts = probed(Never, &["a"], &[Readiness]);
    facts.containers[0].probes[0].success_threshold = 2;
    facts.containers[0].probes[0].initial_delay_seconds = 5;
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "wake 5 Running"),
        ("@5", "probe a.Readiness Running"),
        ("a.Readiness=ok @15", "probe a.Readiness Running"),
        ("a.Readiness=error @25", "probe a.Readiness Unhealthy Running"),
    ];
    let mut story = check(facts, &script);
    assert_eq!(story.messages, ["Readiness probe errored and resulted in unknown state: cannot"]);
    assert_eq!(story.condition("Ready")["status"], "False");
    story.tell("a.Readiness=ok");
    story.step();
    assert_eq!(story.condition("Ready")["status"], "True");
}

#[test]
fn probe_that_takes_longer_than_its_period_is_asked_again_at_once_and_once() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Readiness Running"),
        ("@35", "Running"),
        ("a.Readiness=ok", "probe a.Readiness Running"),
        ("a.Readiness=ok", "look 45 Running"),
    ];
    check(probed(Never, &["a"], &[Readiness]), &script);
}

#[test]
fn pod_that_is_being_deleted_is_asked_for_its_readiness_alone() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Liveness probe a.Readiness Running"),
        ("a.Liveness=ok a.Readiness=ok del=30", "kill a 15 Killing wake 30 look 10 Running"),
        ("@10", "probe a.Readiness wake 30 Running"),
    ];
    check(probed(Never, &["a"], &[Liveness, Readiness]), &script);
}

#[test]
fn what_is_known_to_stay_well_is_not_asked_in_vain() {
    let mut story =
        check(probed(Never, &["a"], &[Liveness]), &[("", "start a#0 Pending"), ("a+", "probe a.Liveness Running")]);
    let known = |until| Probed { answer: Answer::Success, outlook: Outlook::Until(until) };
    let pod = story.pod.clone();
    story.memory.probed(&pod, 0, Liveness, known(Some(at(95))), at(0));
    // The first tick at which the answer is another draws time on.
    assert_eq!(story.step(), "wake 100 Running");
    story.tell("@100");
    assert_eq!(story.step(), "probe a.Liveness Running");
    story.memory.probed(&pod, 0, Liveness, known(None), at(100));
    let plan = plan(&pod, &mut story.memory, at(100));
    assert_eq!((plan.wake_at, plan.look_at), (None, Some(Timestamp::MAX)));
}

#[test]
fn readiness_gates_need_their_conditions() {
    let mut facts = pod(Never, &["a"]);
    facts.readiness_gates = vec!["x/y".to_owned()];
    let mut story = check(facts, &[("", "start a#0 Pending"), ("a+", "Running")]);
    let pod = story.pod.clone();
    let text = |story: &mut Story| story.condition("Ready")["message"].clone();
    assert_eq!(text(&mut story), "corresponding condition of pod readiness gate \"x/y\" does not exist.");
    let gate = |status: &str| json!({"conditions": [{"type": "x/y", "status": status}]});
    assert!(story.memory.observe_gates(&pod, &gate("False")));
    assert_eq!(text(&mut story), "the status of pod readiness gate \"x/y\" is not \"True\", but False");
    assert_eq!(story.condition("Ready")["reason"], "ReadinessGatesNotReady");
    assert_eq!(story.condition("ContainersReady")["status"], "True");
    assert!(story.memory.observe_gates(&pod, &gate("True")) && !story.memory.observe_gates(&pod, &gate("True")));
    assert_eq!(story.condition("Ready")["status"], "True");
}
