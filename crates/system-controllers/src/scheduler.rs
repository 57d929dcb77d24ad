//! The scheduler: binds pods that have no node. The shell; what goes where is decided in [`plan`].
//!
//! Invariant: the scheduler never writes a pod but through `binding` and its `PodScheduled` condition. Pods are known
//! by UID; a pod that was bound leaves the observed selection and with it the scheduler's memory.

pub mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;

use api::resource::{NODES, PODS};
use api::{Body, Object, PatchType, Request, Uid, Verb, conditions};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::budget;
use controller::{Controller, Outcome, Queue, Recorder, Runner, RunnerHandle, Severity};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

use plan::{Claims, Decision, NodeView, Nodes, PodView};

/// How many pods are bound at one time.
const WORKERS: usize = 16;
/// Index of the sources.
const POD_SOURCE: usize = 0;

struct Scheduler {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    claims: Claims,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Pods without a node.
    pending: BTreeMap<Uid, Arc<Object>>,
    /// Replaced when a node changes, shared by the reconciles in flight.
    nodes: Arc<Nodes>,
}

/// Starts the scheduler; `recorder` speaks for `default-scheduler`.
pub fn start(client: Client, clock: SharedClock, recorder: Recorder, claims: Claims) -> RunnerHandle {
    let unbound = Selection { field_selector: Some("spec.nodeName=".to_owned()), ..Selection::default() };
    let pods = observe(client.clone(), clock.clone(), PODS, unbound);
    let nodes = observe(client.clone(), clock.clone(), NODES, Selection::default());
    let recorder = recorder.limited(budget::UPSTREAM);
    let scheduler = Scheduler { client, clock: clock.clone(), recorder, claims, state: Mutex::default() };
    Runner::new(Arc::new(scheduler), clock).workers(WORKERS).source(pods).source(nodes).start()
}

impl Controller for Scheduler {
    type Key = Uid;
    type Error = Error;

    fn name(&self) -> &'static str {
        "scheduler"
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<Uid>) {
        let mut state = self.state.lock();
        if source == POD_SOURCE {
            state.observe_pod(observation, queue);
        } else if state.observe_node(observation) {
            for uid in state.pending.keys() {
                queue.add(uid.clone());
            }
        }
    }

    fn keys(&self) -> Vec<Uid> {
        self.state.lock().pending.keys().cloned().collect()
    }

    async fn reconcile(&self, uid: Uid) -> Result<Outcome, Error> {
        let (pod, nodes) = {
            let state = self.state.lock();
            let Some(pod) = state.pending.get(&uid) else { return Ok(Outcome::done()) };
            (pod.clone(), state.nodes.clone())
        };
        if pod.meta().is_deleting() {
            return Ok(Outcome::done());
        }
        let view: PodView = pod.view().map_err(Error::Decode)?;
        match plan::plan(&view, &nodes, self.claims) {
            Decision::Ignore => {}
            Decision::Bind(node) => self.bind(&pod, &node).await?,
            Decision::Gated => {
                let message = "Scheduling is blocked due to non-empty scheduling gates";
                self.refuse(&pod, &view, "SchedulingGated", message).await?;
            }
            Decision::Unschedulable(message) => {
                self.refuse(&pod, &view, "Unschedulable", &message).await?;
                self.recorder.event(pod.meta(), Severity::Warning, "FailedScheduling", message);
            }
        }
        Ok(Outcome::done())
    }
}

impl Scheduler {
    async fn bind(&self, pod: &Object, node: &str) -> Result<(), Error> {
        let meta = pod.meta();
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let binding = json!({
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": { "name": meta.name, "namespace": namespace, "uid": meta.uid.as_str() },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node },
        });
        let request = Request::new(Verb::Create, PODS, Some(namespace), Some(&meta.name)).subresource("binding");
        match self.client.call(request.body(Body::Object(binding))).await {
            Ok(_) => {
                let message = format!("Successfully assigned {namespace}/{} to {node}", meta.name);
                self.recorder.event(meta, Severity::Normal, "Scheduled", message);
                Ok(())
            }
            // Bound, replaced or removed meanwhile: the observation of that comes or has come.
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes why the pod has no node, if the pod does not say so already.
    async fn refuse(&self, pod: &Object, view: &PodView, reason: &str, message: &str) -> Result<(), Error> {
        if !plan::condition_differs(view, reason, message) {
            return Ok(());
        }
        let meta = pod.meta();
        let condition = json!({
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": null,
            "lastTransitionTime": api::time::rfc3339(self.clock.now()),
        });
        let patch = json!({ "metadata": { "uid": meta.uid.as_str() }, "status": { "conditions": [condition] } });
        let patch = (PatchType::StrategicMerge, patch);
        match self.client.patch(&PODS, meta.namespace.as_deref(), &meta.name, Some("status"), patch).await {
            Err(error) if error.is_not_found() || error.is_conflict() => Ok(()),
            other => other.map(drop),
        }
    }
}

impl State {
    fn observe_pod(&mut self, observation: Observation, queue: &mut Queue<Uid>) {
        match observation {
            Observation::Restarted { objects, .. } => {
                self.pending.clear();
                for pod in objects {
                    self.wait(pod, queue);
                }
            }
            Observation::Applied(pod) => self.wait(pod, queue),
            Observation::Deleted(pod) => {
                self.pending.remove(&pod.meta().uid);
            }
            Observation::Reached(_) => {}
        }
    }

    fn wait(&mut self, pod: Arc<Object>, queue: &mut Queue<Uid>) {
        let uid = pod.meta().uid.clone();
        queue.add(uid.clone());
        self.pending.insert(uid, pod);
    }

    /// Returns whether pods may be scheduled differently now. A heartbeat changes nothing.
    fn observe_node(&mut self, observation: Observation) -> bool {
        let mut nodes = Nodes::clone(&self.nodes);
        match observation {
            Observation::Restarted { objects, .. } => {
                nodes = objects.iter().map(|node| (node.meta().name.clone(), node_view(node))).collect();
            }
            Observation::Applied(node) => {
                nodes.insert(node.meta().name.clone(), node_view(&node));
            }
            Observation::Deleted(node) => {
                nodes.remove(&node.meta().name);
            }
            Observation::Reached(_) => return false,
        }
        let changed = nodes != *self.nodes;
        if changed {
            self.nodes = Arc::new(nodes);
        }
        changed
    }
}

/// A node that is not ready counts as tainted, as upstream's node lifecycle controller taints it.
fn node_view(node: &Object) -> NodeView {
    let value = node.to_value();
    let taints = value.pointer("/spec/taints").cloned().unwrap_or(Value::Null);
    let mut taints: Vec<api::k8s::api::core::v1::Taint> = serde_json::from_value(taints).unwrap_or_default();
    if !conditions::is_true(&value, "Ready") {
        taints.push(api::k8s::api::core::v1::Taint {
            key: "node.kubernetes.io/not-ready".to_owned(),
            effect: "NoSchedule".to_owned(),
            ..Default::default()
        });
    }
    let unschedulable = value.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    NodeView { labels: (*node.meta().labels).clone(), unschedulable, taints }
}
