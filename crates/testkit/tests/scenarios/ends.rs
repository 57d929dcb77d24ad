//! How a Job ends: deadlines, two-step conditions, and what becomes of its pods.

use serde_json::json;
use testkit::{Component, JOBS, PODS, Run, condition, job, minutes, seconds};

use crate::harness::{acted, acting, both, count, in_phase, reason, reasons, starts};

/// kubernetes/kubernetes#62134.
#[test]
fn a_deadline_that_passes_while_the_controller_is_away_holds_when_it_is_back() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&JOBS, job("late", json!({"activeDeadlineSeconds": 60})));
            sim.advance(seconds(30));
            sim.stop(Component::Jobs);
            sim.advance(seconds(100));
            assert_eq!(in_phase(sim, "late", "Running"), 1);
            sim.resume(Component::Jobs);
            let failed = sim.finished("late", seconds(0));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("DeadlineExceeded"));
            assert_eq!(count(&failed, "failed"), 1);
        },
    );
}

/// Two syncs at the deadline: kubernetes/kubernetes#107226.
#[test]
fn a_sync_at_the_very_deadline_ends_the_job_once() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&JOBS, job("races", json!({"activeDeadlineSeconds": 60})));
            sim.advance(seconds(59));
            assert_eq!(in_phase(sim, "races", "Running"), 1);
            sim.advance(seconds(1));
            sim.patch(&JOBS, "races", json!({"metadata": {"annotations": {"a": "b"}}}));
            let failed = sim.finished("races", seconds(1));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("DeadlineExceeded"));
            assert_eq!(reasons(sim, "races").iter().filter(|reason| *reason == "DeadlineExceeded").count(), 1);
            assert_eq!(starts(sim, "races").len(), 1);
        },
    );
}

#[test]
fn the_deadline_wins_over_a_pending_back_off() {
    both(
        |_| Run::exits(1, seconds(0)),
        |sim| {
            sim.create(&JOBS, job("short", json!({"activeDeadlineSeconds": 50})));
            let failed = sim.finished("short", minutes(2));
            assert_eq!((sim.elapsed(), reason(&failed, "Failed").as_deref()), (seconds(50), Some("DeadlineExceeded")));
            assert_eq!((starts(sim, "short"), count(&failed, "failed")), (vec![0, 10, 30], 3));
            let message = "Job was active longer than specified deadline";
            assert_eq!(condition(&failed, "Failed").expect("failed")["message"], message);
        },
    );
}

#[test]
fn a_deadline_can_be_raised_and_lowered_while_the_job_runs() {
    both(
        |_| Run::never_ends(),
        |sim| {
            sim.create(&JOBS, job("moves", json!({"activeDeadlineSeconds": 60})));
            sim.advance(seconds(50));
            sim.patch(&JOBS, "moves", json!({"spec": {"activeDeadlineSeconds": 600}}));
            sim.advance(seconds(300));
            assert_eq!(in_phase(sim, "moves", "Running"), 1);
            sim.patch(&JOBS, "moves", json!({"spec": {"activeDeadlineSeconds": 400}}));
            sim.finished("moves", seconds(50));
            assert_eq!(sim.elapsed(), seconds(400));
        },
    );
}

/// kubernetes/kubernetes#123775, #125089, #125185.
#[test]
fn a_failed_job_says_so_only_when_its_pods_are_gone() {
    both(acted, |sim| {
        let spec = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimit": 0});
        let pods = [("run", "forever"), ("term", "20s:0")];
        sim.create(&JOBS, acting("slow", spec, &pods));
        sim.advance(seconds(5));
        let pod = crate::harness::name(&sim.pods("slow")[0]).to_owned();
        sim.delete(&PODS, &pod, "Background");
        sim.advance(seconds(5));
        let target = sim.get(&JOBS, "slow");
        assert_eq!(reason(&target, "FailureTarget").as_deref(), Some("BackoffLimitExceeded"));
        assert!(condition(&target, "Failed").is_none(), "pods are still on their way out");
        assert_eq!((count(&target, "active"), count(&target, "terminating")), (0, 3));
        let failed = sim.finished("slow", minutes(1));
        assert_eq!((count(&failed, "terminating"), count(&failed, "ready")), (0, 0));
        assert!(sim.elapsed() >= seconds(25));
    });
}

/// kubernetes/kubernetes#123775.
#[test]
fn a_job_whose_success_policy_is_met_is_complete_only_when_its_pods_are_gone() {
    both(
        |attempt| if attempt.index() == Some(0) { Run::exits(0, seconds(10)) } else { Run::never_ends() },
        |sim| {
            let policy = json!({"rules": [{"succeededIndexes": "0"}]});
            let spec =
                json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "successPolicy": policy});
            sim.create(&JOBS, job("led", spec));
            let done = sim.finished("led", minutes(2));
            assert_eq!(reason(&done, "Complete").as_deref(), Some("SuccessPolicy"));
            let counts =
                (count(&done, "succeeded"), count(&done, "failed"), done["status"]["completedIndexes"].as_str());
            assert_eq!(counts, (1, 0, Some("0")), "pods that lingered did not fail");
        },
    );
}

#[test]
fn ready_and_terminating_pods_show_in_the_status() {
    both(acted, |sim| {
        let spec = json!({"completions": 3, "parallelism": 3, "podReplacementPolicy": "Failed"});
        sim.create(&JOBS, acting("shown", spec, &[("run", "2m"), ("term", "20s")]));
        sim.advance(seconds(5));
        let job = sim.get(&JOBS, "shown");
        assert_eq!((count(&job, "active"), count(&job, "ready"), count(&job, "terminating")), (3, 3, 0));
        let pod = crate::harness::name(&sim.pods("shown")[0]).to_owned();
        sim.delete(&PODS, &pod, "Background");
        sim.advance(seconds(5));
        let job = sim.get(&JOBS, "shown");
        assert_eq!((count(&job, "active"), count(&job, "ready"), count(&job, "terminating")), (2, 2, 1));
        sim.finished("shown", minutes(10));
    });
}

#[test]
fn finished_pods_stay_and_running_ones_are_ended_with_their_job() {
    both(
        |attempt| match attempt.index() {
            Some(0) => Run::exits(0, seconds(5)),
            Some(1) => Run::exits(1, seconds(10)),
            _ => Run::never_ends(),
        },
        |sim| {
            let spec = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed", "backoffLimit": 0});
            sim.create(&JOBS, job("ends", spec));
            let failed = sim.finished("ends", minutes(2));
            assert_eq!(reason(&failed, "Failed").as_deref(), Some("BackoffLimitExceeded"));
            sim.advance(minutes(60));
            let phases = (in_phase(sim, "ends", "Succeeded"), in_phase(sim, "ends", "Failed"));
            assert_eq!((phases, sim.pods("ends").len()), ((1, 1), 2), "the one that ran was deleted");
            assert_eq!((count(&failed, "succeeded"), count(&failed, "failed")), (1, 2));
        },
    );
}
