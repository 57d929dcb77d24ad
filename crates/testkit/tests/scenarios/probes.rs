//! Probes in virtual time: what they draw time to, and what they do not.

use serde_json::{Value, json};
use testkit::{Attempt, Health, PODS, Probes, Run, condition, minutes, seconds};

use crate::harness::both;

/// A pod whose only container has these probes.
fn pod(name: &str, probes: &Value) -> Value {
    let mut container = json!({"name": "main", "image": "i"});
    for (kind, probe) in probes.as_object().into_iter().flatten() {
        container[kind] = probe.clone();
        container[kind]["exec"] = json!({"command": ["true"]});
    }
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"}, "spec": {"containers": [container]}})
}

fn restarts(pod: &Value) -> &Value {
    &pod["status"]["containerStatuses"][0]["restartCount"]
}

fn ready_since(pod: &Value) -> Option<&str> {
    let ready = condition(pod, "Ready").filter(|ready| ready["status"] == "True")?;
    ready["lastTransitionTime"].as_str()
}

#[test]
fn pod_becomes_ready_at_the_first_look_after_it_can_serve() {
    let probes = Probes { readiness: Health::passes_after(seconds(25)), ..Probes::default() };
    both(
        move |_: &Attempt| Run::never_ends().probes(probes.clone()),
        |sim| {
            sim.create(&PODS, pod("web", &json!({"readinessProbe": {"periodSeconds": 10}})));
            sim.advance(seconds(1));
            assert_eq!(ready_since(&sim.get(&PODS, "web")), None);
            let begin = sim.elapsed();
            sim.run_until(minutes(10), "the pod is ready", |view| {
                view.list(&PODS, Some("default"), "").iter().any(|pod| ready_since(&pod.to_value()).is_some())
            });
            let waited = sim.elapsed() - begin;
            assert!(waited > seconds(28) && waited <= seconds(30), "{waited}");
        },
    );
}

#[test]
fn container_that_falls_ill_runs_again() {
    both(
        |attempt: &Attempt| {
            let ill = if attempt.run == 0 { Health::fails_after(seconds(60)) } else { Health::default() };
            Run::never_ends().probes(Probes { liveness: ill, ..Probes::default() })
        },
        |sim| {
            sim.create(&PODS, pod("ill", &json!({"livenessProbe": {"periodSeconds": 5, "failureThreshold": 3}})));
            sim.advance(seconds(69));
            assert_eq!(*restarts(&sim.get(&PODS, "ill")), 0);
            sim.advance(seconds(3));
            assert_eq!(*restarts(&sim.get(&PODS, "ill")), 1);
            assert_eq!(sim.get(&PODS, "ill")["status"]["containerStatuses"][0]["ready"], true);
        },
    );
}

/// One that stays well is not asked for ever: a year costs no more than a minute.
#[test]
fn healthy_pods_cost_nothing_over_a_year() {
    both(
        |_: &Attempt| Run::never_ends(),
        |sim| {
            sim.create(&PODS, pod("well", &json!({"livenessProbe": {}, "readinessProbe": {}, "startupProbe": {}})));
            sim.advance(minutes(365 * 24 * 60));
            let pod = sim.get(&PODS, "well");
            assert_eq!(*restarts(&pod), 0);
            assert!(ready_since(&pod).is_some());
        },
    );
}

/// A pod that will never be ready is no reason for time to pass either, once that is known.
#[test]
fn unready_pods_draw_no_time_on_for_ever() {
    let probes = Probes { readiness: Health::fails(), ..Probes::default() };
    both(
        move |_: &Attempt| Run::never_ends().probes(probes.clone()),
        |sim| {
            sim.create(&PODS, pod("never", &json!({"readinessProbe": {"periodSeconds": 10, "failureThreshold": 3}})));
            // Somewhere between two looks.
            sim.advance(minutes(5) + seconds(3));
            // The look for its readiness is there when time passes it, and draws nothing on.
            assert_eq!(sim.drawn_to(), None);
            let told = sim.events("never").iter().filter(|event| event.contains("Unhealthy")).count();
            assert!(told >= 1);
        },
    );
}

/// A postStart hook that sleeps holds the pod's start up, and a preStop hook its end.
#[test]
fn hooks_that_sleep_take_their_time() {
    both(
        |_: &Attempt| Run::never_ends(),
        |sim| {
            let mut pod = pod("slow", &json!({}));
            let nap = |seconds: i64| json!({"sleep": {"seconds": seconds}});
            pod["spec"]["containers"][0]["lifecycle"] = json!({"postStart": nap(20), "preStop": nap(12)});
            sim.create(&PODS, pod);
            sim.advance(seconds(19));
            assert_eq!(sim.get(&PODS, "slow")["status"]["phase"], "Pending");
            sim.advance(seconds(2));
            assert_eq!(sim.get(&PODS, "slow")["status"]["phase"], "Running");
            sim.delete(&PODS, "slow", "Background");
            sim.advance(seconds(11));
            assert!(!sim.get(&PODS, "slow").is_null());
            sim.advance(seconds(2));
            assert!(sim.get(&PODS, "slow").is_null());
        },
    );
}
