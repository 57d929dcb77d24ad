//! Hooks and grace periods as tables.

use super::*;

/// A pod whose container `a` has hooks.
fn hooked(policy: RestartPolicy, names: &[&str], post_start: bool, pre_stop: bool) -> PodFacts {
    let mut facts = pod(policy, names);
    (facts.containers[0].post_start, facts.containers[0].pre_stop) = (post_start, pre_stop);
    facts
}

#[test]
fn pre_stop_runs_before_term_and_in_the_same_grace_period() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=30", "hook a.PreStop Killing wake 30 Running"),
        ("@12", "wake 30 Running"),
        ("a.PreStop=ok", "kill a 15 wake 30 Running"),
        ("@30", "kill a 9 Running"),
        ("a=137", "Failed delete"),
    ];
    check(hooked(Never, &["a"], false, true), &script);
}

#[test]
fn pre_stop_that_uses_up_the_grace_period_leaves_two_seconds() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=5", "hook a.PreStop Killing wake 5 Running"),
        ("@5", "kill a 15 wake 7 Running"),
        ("@7", "kill a 9 Running"),
    ];
    check(hooked(Never, &["a"], false, true), &script);
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=5", "hook a.PreStop Killing wake 5 Running"),
        ("@4 a.PreStop=ok", "kill a 15 wake 6 Running"),
    ];
    check(hooked(Never, &["a"], false, true), &script);
}

#[test]
fn failed_pre_stop_is_told_and_holds_nothing_up() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=30", "hook a.PreStop Killing wake 30 Running"),
        ("a.PreStop=bad", "kill a 15 FailedPreStopHook wake 30 Running"),
    ];
    let story = check(hooked(Never, &["a"], false, true), &script);
    assert_eq!(story.messages, ["Stopping container a", "PreStopHook failed"]);
}

#[test]
fn shorter_grace_and_force_cut_a_hook_short() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+ del=30", "hook a.PreStop Killing wake 30 Running"),
        ("@2 del=4", "wake 6 Running"),
        ("@3 del=0", "kill a 9 Running"),
    ];
    check(hooked(Never, &["a"], false, true), &script);
    check(hooked(Never, &["a"], false, true), &[("", "start a#0 Pending"), ("a+ del=0", "kill a 9 Killing Running")]);
}

#[test]
fn liveness_kill_runs_pre_stop_too() {
    let mut facts = hooked(Always, &["a"], false, true);
    facts.containers[0].probes = vec![ProbeFacts {
        kind: ProbeKind::Liveness,
        initial_delay_seconds: 0,
        period_seconds: 10,
        success_threshold: 1,
        failure_threshold: 1,
        grace_seconds: None,
    }];
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "probe a.Liveness Running"),
        ("a.Liveness=bad", "hook a.PreStop Unhealthy Killing wake 30 Running"),
        ("a.PreStop=ok", "kill a 15 wake 30 Running"),
        ("a=0", "start a#1 Running"),
    ];
    check(facts, &script);
}

#[test]
fn container_is_not_running_until_its_post_start_hook_has_run() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "hook a.PostStart Pending"),
        // Those that come after it wait as well.
        ("a.PostStart=ok", "start b#0 Pending"),
        ("b+", "Running"),
    ];
    let mut story = check(hooked(Never, &["a", "b"], true, false), &script[..2]);
    assert_eq!(story.status()["containerStatuses"][0]["state"]["waiting"]["reason"], "ContainerCreating");
    check(hooked(Never, &["a", "b"], true, false), &script);
}

#[test]
fn failed_post_start_kills_in_upstreams_words() {
    let script = [
        ("", "start a#0 Pending"),
        ("a+", "hook a.PostStart Pending"),
        ("a.PostStart=bad", "kill a 15 FailedPostStartHook Killing wake 30 Running"),
        ("a=143", "start a#1 Running"),
        ("a+", "hook a.PostStart Running"),
        ("a.PostStart=bad", "kill a 15 FailedPostStartHook Killing wake 30 Running"),
        ("a=143", "BackOff wake 10 Running"),
    ];
    let story = check(hooked(Always, &["a"], true, false), &script);
    assert_eq!(story.messages[..2], ["PostStartHook failed", "FailedPostStartHook"]);
}

#[test]
fn stop_signal_takes_the_place_of_term() {
    let mut facts = pod(Never, &["a"]);
    facts.containers[0].stop_signal = Some(10);
    check(facts, &[("", "start a#0 Pending"), ("a+ del=30", "kill a 10 Killing wake 30 Running")]);
}

#[test]
fn sidecars_end_in_reverse_order_once_the_others_are_gone() {
    let started = [
        ("", "start s#0 Pending"),
        ("s+", "start t#0 Pending"),
        ("t+", "start a#0 Pending"),
        ("a+ del=30", "kill a 15 Killing Killing Killing wake 30 Running"),
        ("a=0", "kill t 15 wake 30 Running"),
        ("t=0", "kill s 15 wake 30 Running"),
        ("s=0", "Succeeded delete"),
    ];
    check(pod(Never, &["s:s", "s:t", "a"]), &started);
    // Whoever never got a turn is told to end when the grace period is over, and has two seconds.
    let mut late = started[..4].to_vec();
    late.extend([("@30", "kill s 15 kill t 15 kill a 9 wake 32 Running"), ("@32", "kill s 9 kill t 9 Running")]);
    check(pod(Never, &["s:s", "s:t", "a"]), &late);
}
