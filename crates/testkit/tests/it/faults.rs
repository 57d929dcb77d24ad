//! Faults at a component's door.

use api::{Status, Verb};
use serde_json::json;
use testkit::{Component, JOBS, PODS, Refusal, Run, Simulation, condition, job, minutes, seconds};

#[test]
fn watch_events_that_come_late_make_no_pod_too_many() {
    let mut sim = Simulation::builder(1).script(|_| Run::exits(0, seconds(30))).start();
    sim.faults().hold_watches(Component::Jobs, &PODS);
    sim.create(&JOBS, job("late", json!({"completions": 3, "parallelism": 3})));
    sim.advance(seconds(20));
    assert_eq!(sim.pods("late").len(), 3);
    sim.faults().release_watches(Component::Jobs);
    let done = sim.finished("late", minutes(2));
    assert_eq!((done["status"]["succeeded"].as_i64(), sim.pods("late").len()), (Some(3), 3));
}

#[test]
fn a_controller_that_dies_after_any_of_its_writes_finishes_the_job_when_it_is_back() {
    let spec = json!({"completions": 2, "parallelism": 2, "completionMode": "Indexed"});
    for writes in 0..12 {
        let mut sim = Simulation::builder(writes).script(|_| Run::exits(0, seconds(5))).start();
        sim.faults().cut_after(Component::Jobs, writes);
        sim.create(&JOBS, job("crashes", spec.clone()));
        sim.advance(seconds(60));
        sim.crash(Component::Jobs);
        let done = sim.finished("crashes", minutes(5));
        assert_eq!(done["status"]["succeeded"], 2, "after {writes} writes");
        assert!(condition(&done, "Complete").is_some());
        assert_eq!(sim.pods("crashes").len(), 2, "after {writes} writes");
    }
}

#[test]
fn refused_and_lost_requests_are_made_up_for() {
    for status in [Some(Status::internal("a bad day")), None] {
        let mut sim = Simulation::builder(3).script(|_| Run::exits(0, seconds(5))).start();
        let component = Component::Jobs;
        sim.faults().refuse(Refusal { component, verb: Verb::Create, resource: PODS, times: 2, status });
        sim.create(&JOBS, job("refused", json!({"completions": 2, "parallelism": 2})));
        let done = sim.finished("refused", minutes(10));
        assert_eq!((done["status"]["succeeded"].as_i64(), sim.pods("refused").len()), (Some(2), 2));
    }
}

#[test]
fn a_simulation_whose_component_is_cut_off_still_ends() {
    let mut sim = Simulation::builder(4).script(|_| Run::never_ends()).start();
    sim.create(&JOBS, job("runs", json!({})));
    sim.advance(seconds(5));
    sim.faults().cut_after(Component::Kubelet, 0);
    sim.faults().cut_after(Component::Jobs, 0);
    sim.faults().hold_watches(Component::System, &PODS);
    drop(sim);
}
