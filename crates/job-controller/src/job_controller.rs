//! The shell: observes Jobs and pods, plans when a Job's cache has caught up with this controller's own writes, and
//! applies the plan. It decides nothing.
//!
//! Invariants: one flight per Job (the runner); no plan on a cache older than one's own last write (one freshness gate
//! per resource); state is kept by UID, so that a Job never inherits from one of the same name.

use std::sync::Arc;

use api::Revision;
use api::resource::{JOBS, PODS};
use client::{Client, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Freshness, Outcome, Queue, Recorder, RecorderTask, Runner, RunnerHandle};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::apply::{ApplyError, Flight, Ledger, finalizer_patch};
use crate::cache::{Cache, Key, Woken};
use crate::decisions::{DecisionLog, Source};
use crate::plan::{self, Plan, PodRef};
use crate::template::Template;

const JOB_SOURCE: usize = 0;
/// How long `status.ready` may lag behind, so that many pods that become ready cost one write.
///
/// Differs: upstream lets every change of a pod wait for one second.
const READY_DELAY: SignedDuration = SignedDuration::from_millis(100);

/// A running Job controller.
pub struct JobController {
    runner: RunnerHandle,
    recorder: RecorderTask,
}

impl JobController {
    /// Starts the controller on the current tokio runtime; why it does what it does goes to `decisions`. Names of pods are the API server's to choose, so it needs no
    /// randomness.
    pub fn start(client: Client, clock: SharedClock, decisions: DecisionLog) -> Self {
        let (recorder, task) = Recorder::start(client.clone(), clock.clone(), "job-controller");
        let follow = |resource| observe(client.clone(), clock.clone(), resource, Selection::default());
        let (jobs, pods) = (follow(JOBS), follow(PODS));
        let inner = Arc::new(Inner { client, clock: clock.clone(), recorder, decisions, state: Mutex::default() });
        let runner = Runner::new(inner, clock).source(jobs).source(pods).start();
        Self { runner, recorder: task }
    }

    /// Waits until Jobs and pods were listed once.
    pub async fn synced(&self) {
        self.runner.synced().await;
    }

    /// Stops, once all flights have ended and all events were sent. What was left undone is planned anew by the next
    /// controller.
    pub async fn shutdown(self) {
        self.runner.shutdown().await;
        self.recorder.shutdown().await;
    }
}

struct Inner {
    client: Client,
    clock: SharedClock,
    recorder: Recorder,
    decisions: DecisionLog,
    /// Never held across an await.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cache: Cache,
    jobs: Freshness<Key>,
    pods: Freshness<Key>,
}

/// What a flight is to do.
enum Task {
    Nothing,
    Apply(Box<Plan>, Arc<api::Object>, Option<Arc<Template>>),
    /// Release pods whose Job is gone; its namespace and name, for a last look.
    Abandoned(String, String, Vec<PodRef>),
    Stray(String, PodRef),
}

impl State {
    fn apply(&mut self, source: usize, observation: Observation, decisions: &DecisionLog) -> (Woken, Revision) {
        match (source, observation) {
            (JOB_SOURCE, Observation::Restarted { objects, revision }) => {
                let mut keys = self.jobs.restarted(revision);
                keys.extend(self.cache.replace_jobs(&objects));
                decisions.keep_only(Source::Jobs, |uid| self.cache.has_job(uid));
                (keys.into(), revision)
            }
            (_, Observation::Restarted { objects, revision }) => {
                let mut keys = self.pods.restarted(revision);
                keys.extend(self.cache.replace_pods(&objects));
                (keys.into(), revision)
            }
            (JOB_SOURCE, Observation::Applied(job)) => (self.cache.apply_job(&job).into(), job.meta().revision),
            (JOB_SOURCE, Observation::Deleted(job)) => {
                let uid = &job.meta().uid;
                self.jobs.forget(&Key::Job(uid.clone()));
                decisions.gone(uid);
                (self.cache.remove_job(uid).into(), job.meta().revision)
            }
            (_, Observation::Applied(pod)) => (self.cache.apply_pod(&pod), pod.meta().revision),
            (_, Observation::Deleted(pod)) => (self.cache.remove_pod(&pod.meta().uid).into(), pod.meta().revision),
            (_, Observation::Reached(revision)) => (Woken::default(), revision),
        }
    }

    /// Plans for a key; a key whose cache is behind comes back when it has caught up.
    fn plan(&mut self, key: &Key, now: Timestamp, decisions: &DecisionLog) -> Task {
        let (jobs, pods) = (self.jobs.reached(), self.pods.reached());
        if !self.jobs.is_fresh(key, jobs) || !self.pods.is_fresh(key, pods) {
            return Task::Nothing;
        }
        let uid = match key {
            Key::Job(uid) => uid,
            Key::Stray(uid) => {
                return self.cache.stray(uid).map_or(Task::Nothing, |(namespace, pod)| Task::Stray(namespace, pod));
            }
        };
        let Some(entry) = self.cache.entry_mut(uid) else { return Task::Nothing };
        let Some(job) = &mut entry.job else {
            let tracked = entry.pods.values().filter(|pod| pod.owned && pod.tracked);
            let (pods, (namespace, name)) = (tracked.map(plan::PodView::reference).collect(), entry.place.clone());
            return Task::Abandoned(namespace, name, pods);
        };
        let mut plan = plan::plan(&job.input, &entry.pods, &entry.memory, now);
        entry.memory = std::mem::take(&mut plan.memory);
        decisions.record(Source::Jobs, uid, &plan.notes, now);
        let template = if plan.creates.is_empty() { None } else { job.template() };
        Task::Apply(Box::new(plan), job.object.clone(), template)
    }
}

impl Controller for Inner {
    type Key = Key;
    type Error = ApplyError;

    fn name(&self) -> &'static str {
        "job"
    }

    fn observe(&self, source: usize, observation: Observation, now: Timestamp, queue: &mut Queue<Key>) {
        let mut state = self.state.lock();
        let (woken, revision) = state.apply(source, observation, &self.decisions);
        let gate = if source == JOB_SOURCE { &mut state.jobs } else { &mut state.pods };
        let caught_up = gate.observed(revision);
        drop(state);
        let soon = now.saturating_add(READY_DELAY).expect("milliseconds keep their unit");
        for key in woken.keys {
            if woken.only_ready {
                queue.add_at(key, soon)
            } else {
                queue.add(key)
            };
        }
        for key in caught_up {
            queue.add(key);
        }
    }

    fn keys(&self) -> Vec<Key> {
        self.state.lock().cache.keys()
    }

    async fn reconcile(&self, key: Key) -> Result<Outcome, ApplyError> {
        let task = self.state.lock().plan(&key, self.clock.now(), &self.decisions);
        match task {
            Task::Nothing => Ok(Outcome::done()),
            Task::Apply(plan, job, template) => self.fly(&key, &plan, job, template).await,
            Task::Abandoned(namespace, name, pods) => self.abandon(&key, &namespace, &name, &pods).await,
            Task::Stray(namespace, pod) => self.release(&key, &namespace, &pod).await,
        }
    }
}

impl Inner {
    async fn fly(
        &self,
        key: &Key,
        plan: &Plan,
        job: Arc<api::Object>,
        template: Option<Arc<Template>>,
    ) -> Result<Outcome, ApplyError> {
        tracing::debug!(job = %job.meta().key(), notes = ?plan.notes, "planned");
        let ledger = Notebook { inner: self, key };
        let flight = Flight { client: &self.client, recorder: &self.recorder, ledger: &ledger, job, template };
        match flight.apply(plan).await {
            Ok(()) => Ok(Outcome::from(plan.wake_at)),
            // The observation of the change plans anew.
            Err(ApplyError::Outdated) => Ok(Outcome::done()),
            Err(error) => Err(error),
        }
    }

    /// Lets the pods of a Job go that is gone, unless the Job list is what lags behind.
    async fn abandon(&self, key: &Key, namespace: &str, name: &str, pods: &[PodRef]) -> Result<Outcome, ApplyError> {
        if pods.is_empty() {
            return Ok(Outcome::done());
        }
        match self.client.get(&JOBS, Some(namespace), name).await {
            Ok(job) if Key::Job(job.meta().uid.clone()) == *key => return Ok(Outcome::done()),
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(ApplyError::Status(error)),
        }
        for pod in pods {
            self.release(key, namespace, pod).await?;
        }
        Ok(Outcome::done())
    }

    async fn release(&self, key: &Key, namespace: &str, pod: &PodRef) -> Result<Outcome, ApplyError> {
        let patch = (api::PatchType::StrategicMerge, finalizer_patch(pod));
        match self.client.patch(&PODS, Some(namespace), &pod.name, None, patch).await {
            Ok(object) => Notebook { inner: self, key }.wrote_pod(object.meta().revision),
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => return Err(ApplyError::Release(error, pod.name.clone())),
        }
        Ok(Outcome::done())
    }
}

/// The record of a refusal, which a controller meets again and again until something else changes.
pub(crate) fn refusal(field: &'static str, decision: String) -> plan::Note {
    let waits_for = Some("the next try");
    plan::Note { rule: "create", inputs: String::new(), decision, field, waits_for, until: None }
}

/// Notes the writes of one flight in the gates.
struct Notebook<'a> {
    inner: &'a Inner,
    key: &'a Key,
}

impl Ledger for Notebook<'_> {
    fn wrote_job(&self, revision: Revision) {
        self.inner.state.lock().jobs.wrote(self.key, revision);
    }

    fn wrote_pod(&self, revision: Revision) {
        self.inner.state.lock().pods.wrote(self.key, revision);
    }

    fn refused_pod(&self, error: &client::Error) {
        let Key::Job(job) = self.key else { return };
        let decision = format!("the server refuses a pod: {error}");
        self.inner.decisions.add(job, refusal("spec.template", decision), self.inner.clock.now());
    }
}
