//! Restart policies and rules of containers, as tables.

use super::*;
use crate::plan::{RestartAction, RestartRule};

fn rule(action: RestartAction, negated: bool, codes: &[i32]) -> RestartRule {
    RestartRule { action, negated, codes: codes.to_vec() }
}

/// A pod whose container at an index has a policy and a rule.
fn ruled(policy: RestartPolicy, names: &[&str], index: usize, own: RestartPolicy, rules: &[RestartRule]) -> PodFacts {
    let mut facts = pod(policy, names);
    facts.containers[index].restart_policy = Some(own);
    facts.containers[index].restart_rules = rules.to_vec();
    facts
}

use RestartAction::{Restart, RestartAllContainers};

#[test]
fn policy_of_a_container_goes_before_the_pods() {
    let script = [("", "start a#0 start b#0 Pending"), ("a+ b+ a=0", "start a#1 Running"), ("a+ b=1", "Running")];
    check(ruled(Never, &["a", "b"], 0, Always, &[]), &script);
    let script = [("", "start a#0 Pending"), ("a+ a=1", "Failed")];
    check(ruled(Always, &["a"], 0, Never, &[]), &script);
    let script = [("", "start a#0 Pending"), ("a+ a=1", "start a#1 Running"), ("a+ a=0", "Succeeded")];
    check(ruled(Always, &["a"], 0, OnFailure, &[]), &script);
}

#[test]
fn rule_goes_before_the_policy_of_its_container_and_waits_as_any_restart() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ a=42", "start a#1 Running"),
        ("a+ a=42", "BackOff wake 10 Running"),
        ("@10", "start a#2 Running"),
        ("a+ a=1", "Failed"),
    ];
    check(ruled(Never, &["a"], 0, Never, &[rule(Restart, false, &[42])]), &script);
    let script = [("", "start a#0 Pending"), ("a+ a=1", "start a#1 Running"), ("a+ a=3", "Failed")];
    check(ruled(Never, &["a"], 0, Never, &[rule(Restart, true, &[0, 3])]), &script);
}

#[test]
fn init_container_can_have_rules_too() {
    let script = [("", "start i#0 Pending"), ("i+ i=42", "start i#1 Pending"), ("i+ i=0", "start a#0 Pending")];
    check(ruled(Never, &["i:i", "a"], 0, Never, &[rule(Restart, false, &[42])]), &script);
    check(ruled(Always, &["i:i", "a"], 0, Never, &[]), &[("", "start i#0 Pending"), ("i+ i=1", "Failed")]);
}

#[test]
fn pod_goes_on_while_one_of_its_containers_restarts() {
    let script = [
        ("", "start a#0 start b#0 Pending"),
        ("a+ b+ b=1 a=42", "start a#1 Running"),
        ("a+ a=42", "BackOff wake 10 Running"),
        ("@10", "start a#2 Running"),
        ("a+ a=0", "Failed"),
    ];
    check(ruled(Never, &["a", "b"], 0, Never, &[rule(Restart, false, &[42])]), &script);
}

#[test]
fn rule_can_restart_the_whole_pod_from_its_first_init_container() {
    let facts = ruled(Never, &["i:i", "s:s", "a", "b"], 2, Never, &[rule(RestartAllContainers, false, &[42])]);
    let script = [
        ("", "start i#0 Pending"),
        ("i+ i=0", "start s#0 Pending"),
        ("s+", "start a#0 start b#0 Pending"),
        ("a+ b+", "Running"),
        ("a=42", "kill s 15 kill b 15 Killing Killing wake 2 Running"),
        ("b=143", "wake 2 Running"),
        ("@2", "kill s 9 Running"),
        ("s=137", "start i#1 Pending"),
    ];
    let mut story = check(facts, &script[..5]);
    assert_eq!(story.condition("AllContainersRestarting")["status"], "True");
    for (words, expected) in &script[5..] {
        words.split_whitespace().for_each(|word| story.tell(word));
        assert_eq!(story.step(), *expected, "{words:?}");
    }
    assert_eq!(story.condition("AllContainersRestarting")["status"], "False");
    let b = story.status()["containerStatuses"][1].clone();
    assert_eq!(b["lastState"]["terminated"]["reason"], "RestartingAllContainers");
    assert_eq!((&b["restartCount"], &b["lastState"]["terminated"]["exitCode"]), (&1.into(), &137.into()));
    // Neither the second time nor any later one waits.
    for (words, expected) in [("i+ i=0", "start s#1 Pending"), ("s+", "start a#1 start b#1 Running")] {
        words.split_whitespace().for_each(|word| story.tell(word));
        assert_eq!(story.step(), expected, "{words:?}");
    }
}

#[test]
fn rules_without_a_policy_have_no_effect() {
    let mut facts = pod(Never, &["a"]);
    facts.containers[0].restart_rules = vec![rule(Restart, false, &[42])];
    check(facts, &[("", "start a#0 Pending"), ("a+ a=42", "Failed")]);
}

#[test]
fn ephemeral_container_runs_once_at_any_time_and_counts_for_nothing() {
    let mut facts = pod(Always, &["i:i", "a", "e"]);
    facts.containers[2].ephemeral = true;
    let script = [
        ("", "start e#0 start i#0 Pending"),
        ("e+ i+", "Pending"),
        ("e=1 i=0", "start a#0 Pending"),
        ("a+", "Running"),
        ("a=1", "start a#1 Running"),
    ];
    let mut story = check(facts.clone(), &script);
    assert_eq!(story.status()["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"], 1);
    // One that still runs when the work is done is ended.
    facts.restart_policy = Never;
    let script = [
        ("", "start e#0 start i#0 Pending"),
        ("e+ i+ i=0", "start a#0 Pending"),
        ("a+ a=0", "kill e 15 Killing wake 30 Running"),
        ("e=143", "Succeeded"),
    ];
    check(facts, &script);
}

#[test]
fn image_that_changes_has_its_container_run_again() {
    let mut story = check(pod(Never, &["a", "b"]), &[("", "start a#0 start b#0 Pending"), ("a+ b+", "Running")]);
    let old = story.pod.clone();
    story.pod.containers[1].image = "other".to_owned();
    story.memory.observe_spec(&old, &story.pod);
    assert_eq!(story.step(), "kill b 15 Killing wake 30 Running");
    assert_eq!(story.messages, ["Container b definition changed, will be restarted"]);
    story.tell("b=0");
    assert_eq!(story.step(), "start b#1 Running");
}
