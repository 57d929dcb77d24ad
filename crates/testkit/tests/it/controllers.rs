//! The controllers beside the Job controller, in virtual time: CronJobs whose Jobs cannot be deleted, schedules that
//! change, seconds that are raised in the last moment, ReplicationControllers, pods of a node that is gone.

use api::{Gvr, Options, Status, Verb};
use serde_json::{Value, json};
use testkit::{
    CRON_JOBS, Component, JOBS, NAMESPACES, NODES, PODS, Refusal, Run, Simulation, condition, cron_job, job, minutes,
    seconds,
};

const CONTROLLERS: Gvr = Gvr::known("", "v1", "replicationcontrollers");

fn quick() -> Simulation {
    Simulation::builder(11).script(|_| Run::exits(0, seconds(5))).start()
}

fn endless() -> Simulation {
    Simulation::builder(12).script(|_| Run::never_ends()).start()
}

fn refuse_deletes(sim: &Simulation, times: u64) {
    let status = Some(Status::internal("a bad day"));
    sim.faults().refuse(Refusal { component: Component::CronJobs, verb: Verb::Delete, resource: JOBS, times, status });
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().filter_map(|object| object["metadata"]["name"].as_str()).collect()
}

fn is_active(pod: &Value) -> bool {
    !matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
        && pod["metadata"]["deletionTimestamp"].is_null()
}

#[test]
fn a_job_that_cannot_be_deleted_does_not_hold_up_the_status() {
    let mut sim = quick();
    refuse_deletes(&sim, 4);
    sim.create(&CRON_JOBS, cron_job("often", "* * * * *", json!({"successfulJobsHistoryLimit": 0})));
    sim.advance(seconds(70));
    let status = sim.get(&CRON_JOBS, "often")["status"].clone();
    assert!(status["lastSuccessfulTime"].is_string() && status["active"].is_null(), "{status}");
    assert!(sim.events("often").iter().any(|event| event.starts_with("Warning FailedDelete Deleted job: ")));
    sim.advance(minutes(5));
    assert!(sim.list(&JOBS, "").len() <= 1, "in the end they go");
    assert!(sim.events("often").iter().any(|event| event.starts_with("Normal SuccessfulDelete Deleted job often-")));
}

#[test]
fn nothing_is_started_beside_a_job_that_could_not_be_replaced() {
    let mut sim = endless();
    sim.create(&CRON_JOBS, cron_job("one", "* * * * *", json!({"concurrencyPolicy": "Replace"})));
    sim.run_until(minutes(2), "a Job", |view| view.list(&JOBS, Some("default"), "").len() == 1);
    let first = names(&sim.list(&JOBS, ""))[0].to_owned();
    refuse_deletes(&sim, 2);
    sim.run_until(minutes(2), "a refused delete", |view| {
        let events = view.list(&testkit::EVENTS, Some("default"), "");
        events.iter().any(|event| event.to_value()["reason"] == "FailedDelete")
    });
    assert_eq!(names(&sim.list(&JOBS, "")), [first.as_str()]);
    assert_eq!(sim.get(&CRON_JOBS, "one")["status"]["active"][0]["name"], first.as_str());
    sim.advance(seconds(50));
    let jobs = sim.list(&JOBS, "");
    assert!(jobs.len() == 1 && !names(&jobs).contains(&first.as_str()), "then it is replaced: {:?}", names(&jobs));
}

#[test]
fn a_schedule_that_is_changed_starts_nothing_for_the_time_before() {
    let mut sim = quick();
    sim.create(&CRON_JOBS, cron_job("new", "0 0 29 2 *", json!({})));
    sim.advance(minutes(35));
    sim.patch(&CRON_JOBS, "new", json!({"spec": {"schedule": "*/10 * * * *"}}));
    sim.settle();
    assert!(sim.list(&JOBS, "").is_empty());
    sim.advance(minutes(11));
    assert!(!sim.list(&JOBS, "").is_empty());
}

#[test]
fn a_namespace_that_ends_is_no_failure_of_its_cron_job() {
    let mut sim = quick();
    sim.create(&NAMESPACES, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team"}}));
    let mut often = cron_job("often", "* * * * *", json!({}));
    often["metadata"]["namespace"] = "team".into();
    often["metadata"]["finalizers"] = json!(["test.io/hold"]);
    sim.create(&CRON_JOBS, often);
    sim.faults().hold_watches(Component::CronJobs, &CRON_JOBS);
    sim.block_on(sim.client().delete(&NAMESPACES, None, "team", &Default::default())).expect("deleted");
    // It would start a Job each minute, and does not know that it is on its way out.
    sim.advance(minutes(3));
    let events = sim.block_on(sim.client().list(&testkit::EVENTS, Some("team"), Options::default())).expect("listed");
    assert!(events.items.iter().all(|event| event.to_value()["reason"] != "FailedCreate"));
    let namespace = sim.cluster().view().get(&NAMESPACES, None, "team").expect("the CronJob is held");
    let remaining = condition(&namespace, "NamespaceFinalizersRemaining").expect("a condition");
    assert_eq!(
        remaining["message"],
        "Some content in the namespace has finalizers remaining: test.io/hold in 1 resource instances"
    );
}

#[test]
fn seconds_that_are_raised_in_the_last_moment_count() {
    let mut sim = quick();
    sim.create(&JOBS, job("kept", json!({"ttlSecondsAfterFinished": 20})));
    sim.finished("kept", minutes(1));
    sim.faults().hold_watches(Component::Expiry, &JOBS);
    sim.advance(seconds(19));
    sim.patch(&JOBS, "kept", json!({"spec": {"ttlSecondsAfterFinished": 100}}));
    sim.advance(seconds(40));
    assert_eq!(sim.get(&JOBS, "kept")["spec"]["ttlSecondsAfterFinished"], 100, "it is read once more before it goes");
    sim.advance(seconds(60));
    assert!(sim.get(&JOBS, "kept").is_null());
}

#[test]
fn a_job_of_the_same_name_keeps_its_own_time() {
    let mut sim = quick();
    sim.create(&JOBS, job("same", json!({"ttlSecondsAfterFinished": 20})));
    sim.finished("same", minutes(1));
    sim.faults().hold_watches(Component::Expiry, &JOBS);
    sim.delete(&JOBS, "same", "Background");
    sim.settle();
    sim.create(&JOBS, job("same", json!({})));
    sim.advance(minutes(2));
    assert!(condition(&sim.get(&JOBS, "same"), "Complete").is_some());
}

fn controller(replicas: u32) -> Value {
    let container = json!({"name": "main", "image": "scripted"});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}});
    json!({
        "apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": replicas, "minReadySeconds": 30, "template": template},
    })
}

#[test]
fn a_controller_that_sees_late_makes_no_pod_too_many() {
    let mut sim = endless();
    sim.faults().hold_watches(Component::System, &PODS);
    sim.create(&CONTROLLERS, controller(3));
    sim.advance(minutes(1));
    sim.patch(&CONTROLLERS, "web", json!({"spec": {"replicas": 5}}));
    sim.advance(minutes(1));
    assert_eq!(sim.list(&PODS, "app=web").len(), 3, "it waits for the sight of its own pods");
    sim.faults().release_watches(Component::System);
    sim.until(&CONTROLLERS, "web", minutes(1), |it| it["status"]["readyReplicas"] == 5);
    sim.patch(&CONTROLLERS, "web", json!({"spec": {"replicas": 1}}));
    sim.until(&CONTROLLERS, "web", minutes(2), |it| it["status"]["replicas"] == 1);
    assert_eq!(sim.list(&PODS, "app=web").iter().filter(|pod| is_active(pod)).count(), 1);
}

#[test]
fn pods_are_available_when_they_were_ready_long_enough() {
    let mut sim = endless();
    sim.create(&CONTROLLERS, controller(2));
    let ready = sim.until(&CONTROLLERS, "web", minutes(1), |it| it["status"]["readyReplicas"] == 2);
    assert_eq!(ready["status"]["availableReplicas"], Value::Null);
    let since = sim.now();
    sim.until(&CONTROLLERS, "web", minutes(1), |it| it["status"]["availableReplicas"] == 2);
    let waited = sim.now().duration_since(since);
    assert!(waited >= seconds(29) && waited <= seconds(31), "{waited}");
}

#[test]
fn pods_that_end_are_replaced_whichever_way_they_end() {
    let mut sim = Simulation::builder(13).script(|_| Run::never_ends()).start();
    sim.create(&CONTROLLERS, controller(2));
    sim.until(&CONTROLLERS, "web", minutes(1), |it| it["status"]["readyReplicas"] == 2);
    for phase in ["Failed", "Succeeded"] {
        let pods = sim.list(&PODS, "app=web");
        let one = pods.iter().find(|pod| is_active(pod)).expect("one runs")["metadata"]["name"].clone();
        let one = one.as_str().expect("a name");
        let patch = (api::PatchType::Merge, json!({"status": {"phase": phase}}));
        sim.block_on(sim.client().patch(&PODS, Some("default"), one, Some("status"), patch)).expect("patched");
        sim.advance(seconds(5));
        sim.until(&CONTROLLERS, "web", minutes(1), |it| it["status"]["readyReplicas"] == 2);
    }
    assert_eq!(sim.list(&PODS, "app=web").iter().filter(|pod| is_active(pod)).count(), 2);
}

#[test]
fn a_pod_whose_node_is_gone_was_disrupted() {
    let mut sim = endless();
    let ignore = json!({"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]});
    sim.create(&JOBS, job("far", json!({"backoffLimit": 0, "podFailurePolicy": ignore})));
    sim.until(&JOBS, "far", minutes(1), |job| job["status"]["ready"] == 1);
    let first = names(&sim.pods("far"))[0].to_owned();
    sim.block_on(sim.client().delete(&NODES, None, "local", &Default::default())).expect("deleted");
    sim.advance(seconds(30));
    assert_eq!(names(&sim.pods("far")), [first.as_str()], "the node may come back");
    sim.advance(seconds(60));
    let pods = sim.pods("far");
    assert!(!names(&pods).contains(&first.as_str()) && pods.len() == 1, "{:?}", names(&pods));
    let job = sim.get(&JOBS, "far");
    assert_eq!(
        (&job["status"]["failed"], condition(&job, "Failed")),
        (&Value::Null, None),
        "it was not the pod's fault"
    );
}
