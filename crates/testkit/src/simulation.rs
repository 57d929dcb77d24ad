//! One cluster in virtual time and the thread that runs it.

use std::future::Future;
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::DeleteOptions;
use api::{Gvr, ObjectKey, Options, PatchType};
use client::Client;
use cluster::scripted::{Act, AnnotationScript, Attempt, Script};
use cluster::{Cluster, Component, View};
use jiff::{SignedDuration, Timestamp};
use job_controller::Decision;
use serde_json::Value;

use crate::event_log::EventLog;
use crate::faults::Faults;
use crate::objects::condition;
use crate::rig::{Rig, RigPods, uid};
use crate::time::start_time;

/// What a simulation is made of.
pub struct Builder {
    seed: u64,
    start: Timestamp,
    script: Arc<dyn Script>,
    event_log: bool,
    over_http: bool,
}

impl Builder {
    /// Sets what decides how pods behave. Without it, their annotations do ([`AnnotationScript`]).
    #[must_use]
    pub fn script<A: Into<Act>>(mut self, script: impl Fn(&Attempt) -> A + Send + Sync + 'static) -> Self {
        self.script = Arc::new(move |attempt: &Attempt| script(attempt).into());
        self
    }

    /// Sets when it begins.
    #[must_use]
    pub fn start_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// Lets all components and the test speak HTTP to the API, over streams in memory, instead of calling it.
    #[must_use]
    pub fn over_http(mut self) -> Self {
        self.over_http = true;
        self
    }

    /// Keeps no event log: it holds every version of every object.
    #[must_use]
    pub fn without_event_log(mut self) -> Self {
        self.event_log = false;
        self
    }

    /// Starts it. All controllers have seen their first lists, and nothing is left to do.
    ///
    /// # Panics
    /// When the cluster does not start.
    pub fn start(self) -> Simulation {
        let pods = RigPods::Scripted(self.script, Some(self.start));
        let rig = Rig::open(self.seed, pods, self.over_http).unwrap_or_else(|error| panic!("no cluster: {error}"));
        let log = Arc::new(EventLog::default());
        if self.event_log {
            let log = log.clone();
            rig.cluster().follow_commits(move |commit| log.write(commit));
        }
        rig.settle();
        let client = if self.over_http {
            // Its connections belong to the cluster's runtime.
            let client = rig.block_on(async { rig.cluster().http_client() });
            client.expect("it waits for nothing").expect("a client")
        } else {
            rig.client()
        };
        Simulation { rig, client, start: self.start, log }
    }
}

/// A cluster in virtual time. Every call runs the cluster until the call is answered; time moves only in
/// [`advance`](Self::advance), [`run_until`](Self::run_until) and what is built on them.
pub struct Simulation {
    rig: Rig,
    client: Client,
    start: Timestamp,
    log: Arc<EventLog>,
}

impl Simulation {
    /// A simulation whose pods behave as their annotations say. The seed is [`Simulation::builder`]'s.
    pub fn new(seed: u64) -> Self {
        Self::builder(seed).start()
    }

    /// A simulation to be set up. The seed decides UIDs and the suffixes of names.
    pub fn builder(seed: u64) -> Builder {
        Builder { seed, start: start_time(), script: Arc::new(AnnotationScript), event_log: true, over_http: false }
    }

    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        self.rig.cluster()
    }

    /// A client of the cluster, for [`Simulation::block_on`].
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// The faults at the components' doors.
    pub fn faults(&self) -> &Faults {
        self.rig.faults()
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.rig.now()
    }

    /// How much time has passed since the start.
    pub fn elapsed(&self) -> SignedDuration {
        self.now().duration_since(self.start)
    }

    /// Every commit so far: `REVISION TIME VERB RESOURCE KEY OBJECT`, a line each.
    pub fn event_log(&self) -> String {
        self.log.text()
    }

    /// Runs the cluster until a future has ended.
    ///
    /// # Panics
    /// When everything waits and nothing moves the time: the future would never end.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.rig.block_on(future).expect("something moves the time, or the simulation would wait for ever")
    }

    /// Runs the cluster until nothing is left to do at this moment.
    pub fn settle(&mut self) {
        self.rig.settle();
    }

    /// The time that something unfinished draws time to; nothing when a server that moves by itself would stand still.
    pub fn drawn_to(&self) -> Option<Timestamp> {
        self.rig.drawn_to()
    }

    /// Lets time pass, through every timer on the way.
    pub fn advance(&mut self, duration: SignedDuration) {
        self.advance_to(self.now().saturating_add(duration).expect("seconds keep their unit"));
    }

    /// Lets time pass until it is `time`, through every timer on the way.
    pub fn advance_to(&mut self, time: Timestamp) {
        self.block_on(self.cluster().advance_to(time)).expect("virtual time moves");
    }

    /// Lets time pass until the state is as wanted.
    ///
    /// # Panics
    /// When it is not within that time.
    #[track_caller]
    pub fn run_until(&mut self, within: SignedDuration, what: &str, holds: impl FnMut(&View<'_>) -> bool) {
        let deadline = self.now().saturating_add(within).expect("seconds keep their unit");
        let held = self.block_on(self.cluster().run_until(deadline, holds));
        assert!(held, "not within {within:#}: {what}");
    }

    /// Lets time pass until an object in the namespace `default` is as wanted, and answers with it.
    ///
    /// # Panics
    /// When it is not within that time.
    #[track_caller]
    pub fn until(
        &mut self,
        resource: &Gvr,
        name: &str,
        within: SignedDuration,
        mut holds: impl FnMut(&Value) -> bool,
    ) -> Value {
        let mut found = Value::Null;
        self.run_until(within, &format!("{} {name} as wanted", resource.plural), |view| {
            found = view.get(resource, Some("default"), name).unwrap_or_default();
            !found.is_null() && holds(&found)
        });
        found
    }

    /// Lets time pass until a Job in the namespace `default` is `Complete` or `Failed`, and answers with it.
    ///
    /// # Panics
    /// When it is neither within that time.
    #[track_caller]
    pub fn finished(&mut self, name: &str, within: SignedDuration) -> Value {
        let finished = |job: &Value| condition(job, "Complete").or(condition(job, "Failed")).is_some();
        self.until(&api::resource::JOBS, name, within, finished)
    }

    /// Creates an object in the namespace it names, or in `default`, or in none when its kind has none.
    ///
    /// # Panics
    /// When the API refuses it.
    #[track_caller]
    pub fn create(&mut self, resource: &Gvr, object: Value) -> Value {
        self.try_create(resource, object).expect("created")
    }

    /// Creates an object.
    ///
    /// # Errors
    /// What the API refuses.
    pub fn try_create(&mut self, resource: &Gvr, object: Value) -> Result<Value, client::Error> {
        let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
        let created = self.block_on(self.client().create(resource, namespace.as_deref(), object))?;
        Ok(created.to_value())
    }

    /// An object in the namespace `default`; `Null` when there is none.
    pub fn get(&self, resource: &Gvr, name: &str) -> Value {
        self.cluster().view().get(resource, Some("default"), name).unwrap_or_default()
    }

    /// The objects in the namespace `default` with these labels, in the order of their names.
    pub fn list(&self, resource: &Gvr, label_selector: &str) -> Vec<Value> {
        let list = self.cluster().view().list(resource, Some("default"), label_selector);
        list.iter().map(|object| object.to_value()).collect()
    }

    /// The pods of a Job, the oldest first.
    pub fn pods(&self, job: &str) -> Vec<Value> {
        let mut pods = self.list(&api::resource::PODS, &format!("batch.kubernetes.io/job-name={job}"));
        let created = |pod: &Value| pod["metadata"]["creationTimestamp"].as_str().unwrap_or_default().to_owned();
        pods.sort_by_key(created);
        pods
    }

    /// Merges a patch into an object in the namespace `default`.
    ///
    /// # Panics
    /// When the API refuses it.
    #[track_caller]
    pub fn patch(&mut self, resource: &Gvr, name: &str, patch: Value) -> Value {
        self.try_patch(resource, name, patch).expect("patched")
    }

    /// The same, for a patch that may be refused.
    ///
    /// # Errors
    /// When the API refuses it.
    pub fn try_patch(&mut self, resource: &Gvr, name: &str, patch: Value) -> Result<Value, client::Error> {
        let patch = (PatchType::Merge, patch);
        let patched = self.block_on(self.client().patch(resource, Some("default"), name, None, patch));
        Ok(patched?.to_value())
    }

    /// Rewrites an object of the namespace `default` in the store, past admission and validation: as an earlier, laxer
    /// server may have let it in.
    ///
    /// # Panics
    /// When there is no such object.
    pub fn rewrite_stored(&mut self, resource: &Gvr, name: &str, edit: impl FnOnce(&mut Value)) {
        let key = ObjectKey::namespaced("default", name);
        assert!(self.cluster().rewrite_stored(resource, &key, edit), "there is no {name} to rewrite");
    }

    /// Deletes an object in the namespace `default`, with a propagation policy such as `Background`.
    ///
    /// # Panics
    /// When the API refuses it.
    #[track_caller]
    pub fn delete(&mut self, resource: &Gvr, name: &str, propagation: &str) {
        let options = DeleteOptions { propagation_policy: Some(propagation.to_owned()), ..DeleteOptions::default() };
        let deleted = self.block_on(self.client().delete(resource, Some("default"), name, &options));
        deleted.expect("deleted");
    }

    /// The Events about an object in the namespace `default`: `TYPE REASON MESSAGE`, the oldest first.
    pub fn events(&self, name: &str) -> Vec<String> {
        let options = Options { field_selector: Some(format!("involvedObject.name={name}")), ..Options::default() };
        let list = self.block_on(self.client().list(&api::resource::EVENTS, Some("default"), options)).expect("listed");
        let mut events: Vec<_> = list.items.iter().map(|event| (event.meta().revision, event.to_value())).collect();
        events.sort_by_key(|(revision, _)| *revision);
        let word = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let line = |event: &Value| ["type", "reason", "message"].map(|field| word(event, field)).join(" ");
        events.iter().map(|(_, event)| line(event)).collect()
    }

    /// Why a Job is as it is: the controller's decision records.
    pub fn decisions(&self, job: &Value) -> Vec<Decision> {
        self.cluster().decisions(&uid(job))
    }

    /// Ends a controller at once and starts it anew, with all that it remembered lost, and its door restored.
    ///
    /// # Panics
    /// When it does not start.
    pub fn crash(&mut self, component: Component) {
        self.stop(component);
        self.resume(component);
    }

    /// Ends a controller at once.
    pub fn stop(&mut self, component: Component) {
        self.rig.stop(component);
    }

    /// Starts a controller that was stopped, with its door restored.
    ///
    /// # Panics
    /// When it does not start.
    pub fn resume(&mut self, component: Component) {
        self.rig.resume(component).expect("it starts");
    }
}
