//! The laws: whatever happens to the pods, and however late it is observed, there is never a pod too many, and in the
//! end there are as many as are wanted.

use std::collections::VecDeque;
use std::sync::Arc;

use api::{Object, Revision, Uid};
use client::Observation;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cache::{Cache, Sight};
use super::plan;

const CONTROLLER: &str = "rc";

/// What happens to the world.
#[derive(Clone, Debug)]
enum Step {
    /// The user wants so many pods.
    Scale(u8),
    /// A pod starts to run and be ready, ends, is deleted by a user, goes for good, or loses its labels.
    Run(usize),
    End(usize),
    Delete(usize),
    Remove(usize),
    Relabel(usize),
    /// A pod that nobody controls comes with the right labels.
    Stray,
    /// So many changes of each kind are observed.
    Observe(usize, usize),
    /// The list is read again.
    Relist,
    /// The controller looks; after so many writes it is cut off.
    Sync(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..6u8).prop_map(Step::Scale),
        2 => (0..12usize).prop_map(Step::Run),
        2 => (0..12usize).prop_map(Step::End),
        1 => (0..12usize).prop_map(Step::Delete),
        2 => (0..12usize).prop_map(Step::Remove),
        1 => (0..12usize).prop_map(Step::Relabel),
        1 => Just(Step::Stray),
        6 => (0..8usize, 0..3usize).prop_map(|(pods, controllers)| Step::Observe(pods, controllers)),
        1 => Just(Step::Relist),
        8 => (0..9usize).prop_map(Step::Sync),
    ];
    prop::collection::vec(step, 0..60)
}

/// The truth, what was not yet observed of it, and the controller's view.
struct World {
    revision: u64,
    made: usize,
    controller: Value,
    pods: Vec<Value>,
    unseen_pods: VecDeque<Observation>,
    unseen_controllers: VecDeque<Observation>,
    cache: Cache,
}

fn object(value: &Value) -> Arc<Object> {
    Arc::new(Object::from_value(value).expect("an object"))
}

fn is_active(pod: &Value) -> bool {
    let over = pod["status"]["phase"] == "Failed";
    !over && pod["metadata"]["deletionTimestamp"].is_null()
}

fn is_owned(pod: &Value) -> bool {
    pod["metadata"]["ownerReferences"].as_array().is_some_and(|owners| !owners.is_empty())
}

impl World {
    fn new() -> Self {
        let controller = json!({
            "apiVersion": "v1", "kind": "ReplicationController",
            "metadata": { "name": "web", "namespace": "default", "uid": CONTROLLER, "resourceVersion": "1" },
            "spec": { "replicas": 2, "selector": { "app": "web" } },
        });
        let mut cache = Cache::default();
        let (objects, revision) = (vec![object(&controller)], Revision(1));
        cache.observe_controller(Observation::Restarted { objects, revision });
        cache.observe_pod(Observation::Restarted { objects: Vec::new(), revision });
        Self {
            revision: 1,
            made: 0,
            controller,
            pods: Vec::new(),
            unseen_pods: VecDeque::new(),
            unseen_controllers: VecDeque::new(),
            cache,
        }
    }

    fn next(&mut self) -> Revision {
        self.revision += 1;
        Revision(self.revision)
    }

    fn make_pod(&mut self, owned: bool) -> Revision {
        let revision = self.next();
        self.made += 1;
        let owner = json!([{ "apiVersion": "v1", "kind": "ReplicationController", "name": "web", "uid": CONTROLLER, "controller": true }]);
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("p{}", self.made), "namespace": "default", "uid": format!("p{}", self.made),
                "labels": { "app": "web" }, "ownerReferences": if owned { owner } else { json!([]) },
                "resourceVersion": revision.to_string(),
            },
        });
        self.unseen_pods.push_back(Observation::Applied(object(&pod)));
        self.pods.push(pod);
        revision
    }

    fn change(&mut self, index: usize, change: impl Fn(&mut Value)) -> Option<Revision> {
        let index = self.pods.len().checked_sub(1).map(|last| index.min(last))?;
        let revision = self.next();
        change(&mut self.pods[index]);
        self.pods[index]["metadata"]["resourceVersion"] = revision.to_string().into();
        self.unseen_pods.push_back(Observation::Applied(object(&self.pods[index])));
        Some(revision)
    }

    /// A pod goes; its last revision is that of its end.
    fn remove(&mut self, index: usize) {
        if let Some(index) = self.pods.len().checked_sub(1).map(|last| index.min(last)) {
            let revision = self.next();
            let mut pod = self.pods.remove(index);
            pod["metadata"]["resourceVersion"] = revision.to_string().into();
            self.unseen_pods.push_back(Observation::Deleted(object(&pod)));
        }
    }

    fn observe(&mut self, pods: usize, controllers: usize) {
        for _ in 0..pods {
            let Some(observation) = self.unseen_pods.pop_front() else { break };
            self.cache.observe_pod(observation);
        }
        for _ in 0..controllers {
            let Some(observation) = self.unseen_controllers.pop_front() else { break };
            self.cache.observe_controller(observation);
        }
    }

    fn relist(&mut self) {
        self.unseen_pods.clear();
        let (objects, revision) = (self.pods.iter().map(object).collect(), Revision(self.revision));
        self.cache.observe_pod(Observation::Restarted { objects, revision });
    }

    fn owned_and_active(&self) -> usize {
        self.pods.iter().filter(|pod| is_owned(pod) && is_active(pod)).count()
    }

    /// What a flight does, cut off after so many writes. Returns whether it wrote anything.
    fn sync(&mut self, mut writes: usize) -> bool {
        let uid = Uid::from(CONTROLLER);
        let Some(Sight { input, pods, .. }) = self.cache.sight(&uid) else { return false };
        let plan = plan::plan(&input, &pods, Timestamp::UNIX_EPOCH);
        let before = self.revision;
        let mut may_write = || {
            let may = writes > 0;
            writes = writes.saturating_sub(1);
            may
        };
        let index = |world: &Self, name: &str| world.pods.iter().position(|pod| pod["metadata"]["name"] == *name);
        let owner = json!([{ "apiVersion": "v1", "kind": "ReplicationController", "name": "web", "uid": CONTROLLER, "controller": true }]);
        for (pods, owners) in [(&plan.adoptions, owner), (&plan.releases, json!([]))] {
            for pod in pods.iter().filter(|_| may_write()) {
                let Some(index) = index(self, &pod.name) else { continue };
                let revision = self.change(index, |pod| pod["metadata"]["ownerReferences"] = owners.clone());
                self.cache.wrote_pod(&uid, revision.expect("it is there"));
            }
        }
        for _ in (0..plan.creates).filter(|_| may_write()) {
            let revision = self.make_pod(true);
            self.cache.wrote_pod(&uid, revision);
        }
        if plan.creates > 0 {
            assert!(self.owned_and_active() <= input.replicas, "a pod too many");
        }
        let mut deleted = 0;
        for pod in plan.deletes.iter().filter(|_| may_write()) {
            self.cache.doom(&pod.uid);
            if let Some(index) = index(self, &pod.name) {
                // The pod goes at once, and the answer tells no revision.
                deleted += usize::from(is_active(&self.pods[index]));
                self.remove(index);
            }
        }
        let seen = pods.iter().filter(|pod| pod.owned && pod.is_active()).count();
        assert!(deleted <= seen.saturating_sub(input.replicas), "a pod was deleted for another");
        self.revision > before
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Scale(replicas) => {
                let revision = self.next();
                self.controller["spec"]["replicas"] = replicas.into();
                self.controller["metadata"]["resourceVersion"] = revision.to_string().into();
                self.unseen_controllers.push_back(Observation::Applied(object(&self.controller)));
            }
            Step::Run(index) => {
                let ready =
                    json!([{ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" }]);
                self.change(index, |pod| {
                    if pod["status"]["phase"] != "Failed" {
                        pod["status"] = json!({ "phase": "Running", "conditions": ready });
                    }
                });
            }
            Step::End(index) => drop(self.change(index, |pod| pod["status"] = json!({ "phase": "Failed" }))),
            Step::Delete(index) => {
                self.change(index, |pod| pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into());
            }
            Step::Remove(index) => self.remove(index),
            Step::Relabel(index) => drop(self.change(index, |pod| pod["metadata"]["labels"]["app"] = "other".into())),
            Step::Stray => drop(self.make_pod(false)),
            Step::Observe(pods, controllers) => self.observe(pods, controllers),
            Step::Relist => self.relist(),
            Step::Sync(writes) => drop(self.sync(writes)),
        }
    }

    /// Lets everything be observed and done.
    fn settle(&mut self) {
        for _ in 0..50 {
            self.observe(usize::MAX, usize::MAX);
            if !self.sync(usize::MAX) && self.unseen_pods.is_empty() {
                return;
            }
        }
        panic!("it does not come to rest");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn there_is_never_a_pod_too_many_and_in_the_end_as_many_as_are_wanted(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
        }
        world.settle();
        let wanted = world.controller["spec"]["replicas"].as_u64().expect("a number");
        prop_assert_eq!(world.owned_and_active() as u64, wanted);
        let strays = world.pods.iter().filter(|pod| !is_owned(pod) && is_active(pod));
        prop_assert!(strays.into_iter().all(|pod| pod["metadata"]["labels"]["app"] == "other"), "the rest was adopted");
    }
}
