//! The shell of CronJobs: observes them and the Jobs that they control, plans when both caches have caught up with this
//! controller's own writes, and performs the plan in its fixed order. It decides nothing.
//!
//! A Job that was created but not yet written into the status is found again by its name, which is the activation's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::{CRON_JOBS, JOBS};
use api::{Object, Revision, Uid};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Freshness, Outcome, Queue, Recorder, RecorderTask, Runner, RunnerHandle, Severity};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::decisions::{DecisionLog, Source};
use crate::job_controller::refusal;
use crate::plan;
use crate::plan::cron_job::{CronJob, JobView, Plan, Reference, SCHEDULED_TIMESTAMP, Start, Status};

const CRON_JOB_SOURCE: usize = 0;

/// A running CronJob controller.
pub struct CronJobController {
    runner: RunnerHandle,
    recorder: RecorderTask,
}

impl CronJobController {
    /// Starts the controller on the current tokio runtime. `zone` is that of CronJobs which name none.
    pub fn start(client: Client, clock: SharedClock, zone: TimeZone, decisions: DecisionLog) -> Self {
        let (recorder, task) = Recorder::start(client.clone(), clock.clone(), "cronjob-controller");
        let follow = |resource| observe(client.clone(), clock.clone(), resource, Selection::default());
        let (cron_jobs, jobs) = (follow(CRON_JOBS), follow(JOBS));
        let inner =
            Arc::new(Inner { client, clock: clock.clone(), zone, recorder, decisions, state: Mutex::default() });
        let runner = Runner::new(inner, clock).source(cron_jobs).source(jobs).unhurried().start();
        Self { runner, recorder: task }
    }

    /// Waits until CronJobs and Jobs were listed once.
    pub async fn synced(&self) {
        self.runner.synced().await;
    }

    /// Stops, once all flights have ended and all events were sent.
    pub async fn shutdown(self) {
        self.runner.shutdown().await;
        self.recorder.shutdown().await;
    }
}

struct Inner {
    client: Client,
    clock: SharedClock,
    zone: TimeZone,
    recorder: Recorder,
    decisions: DecisionLog,
    /// Never held across an await.
    state: Mutex<State>,
}

/// What was observed, by the UID of the CronJob.
#[derive(Default)]
struct State {
    cron_jobs: BTreeMap<Uid, Arc<Object>>,
    /// When the schedule of a CronJob was seen to change.
    changed: HashMap<Uid, Timestamp>,
    /// The Jobs that each controls.
    jobs: HashMap<Uid, HashMap<Uid, JobView>>,
    /// The CronJob of each Job.
    owners: HashMap<Uid, Uid>,
    cron_job_gate: Freshness<Uid>,
    job_gate: Freshness<Uid>,
}

/// The CronJob that controls a Job.
fn owner(job: &Object) -> Option<&Uid> {
    job.meta().controller().filter(|owner| owner.kind == "CronJob").map(|owner| &owner.uid)
}

impl State {
    /// Takes in an observation; the CronJobs to look at, and the revision reached.
    fn apply(&mut self, source: usize, observation: Observation, now: Timestamp) -> (Vec<Uid>, Revision) {
        match (source, observation) {
            (_, Observation::Reached(revision)) => (Vec::new(), revision),
            (CRON_JOB_SOURCE, Observation::Restarted { objects, revision }) => {
                let before = std::mem::take(&mut self.cron_jobs);
                for object in objects {
                    self.note_change(before.get(&object.meta().uid), &object, now);
                    self.cron_jobs.insert(object.meta().uid.clone(), object);
                }
                self.changed.retain(|uid, _| self.cron_jobs.contains_key(uid));
                self.cron_job_gate.restarted(revision);
                (self.cron_jobs.keys().cloned().collect(), revision)
            }
            (CRON_JOB_SOURCE, Observation::Applied(object)) => {
                let (uid, revision) = (object.meta().uid.clone(), object.meta().revision);
                let before = self.cron_jobs.insert(uid.clone(), object.clone());
                self.note_change(before.as_ref(), &object, now);
                (vec![uid], revision)
            }
            (CRON_JOB_SOURCE, Observation::Deleted(object)) => {
                let uid = &object.meta().uid;
                self.cron_jobs.remove(uid);
                self.changed.remove(uid);
                self.cron_job_gate.forget(uid);
                self.job_gate.forget(uid);
                (Vec::new(), object.meta().revision)
            }
            (_, Observation::Restarted { objects, revision }) => {
                (self.jobs, self.owners) = Default::default();
                objects.iter().for_each(|job| drop(self.apply_job(job)));
                self.job_gate.restarted(revision);
                (self.cron_jobs.keys().cloned().collect(), revision)
            }
            (_, Observation::Applied(job)) => (self.apply_job(&job), job.meta().revision),
            (_, Observation::Deleted(job)) => (self.remove_job(&job.meta().uid), job.meta().revision),
        }
    }

    fn note_change(&mut self, before: Option<&Arc<Object>>, after: &Object, now: Timestamp) {
        let differs = |field: &str| before.is_some_and(|before| before.field(field) != after.field(field));
        if differs("/spec/schedule") || differs("/spec/timeZone") {
            self.changed.insert(after.meta().uid.clone(), now);
        }
    }

    fn apply_job(&mut self, job: &Object) -> Vec<Uid> {
        let mut woken = Vec::new();
        let uid = &job.meta().uid;
        if self.owners.get(uid) != owner(job) {
            woken = self.remove_job(uid);
        }
        if let Some(owner) = owner(job) {
            self.owners.insert(uid.clone(), owner.clone());
            self.jobs.entry(owner.clone()).or_default().insert(uid.clone(), JobView::read(job));
            woken.push(owner.clone());
        }
        woken
    }

    fn remove_job(&mut self, uid: &Uid) -> Vec<Uid> {
        let Some(owner) = self.owners.remove(uid) else { return Vec::new() };
        if let Some(jobs) = self.jobs.get_mut(&owner) {
            jobs.remove(uid);
            if jobs.is_empty() {
                self.jobs.remove(&owner);
            }
        }
        vec![owner]
    }

    /// Plans for a CronJob; one whose cache is behind comes back when it has caught up.
    fn plan(&mut self, uid: &Uid, now: Timestamp, zone: &TimeZone) -> Option<(Arc<Object>, Plan)> {
        let (cron_jobs, jobs) = (self.cron_job_gate.reached(), self.job_gate.reached());
        let fresh = self.cron_job_gate.is_fresh(uid, cron_jobs) & self.job_gate.is_fresh(uid, jobs);
        let object = self.cron_jobs.get(uid).filter(|_| fresh)?.clone();
        let cron_job = match CronJob::read(&object) {
            Ok(cron_job) => CronJob { changed: self.changed.get(uid).copied(), ..cron_job },
            Err(error) => {
                tracing::error!(cron_job = %object.meta().key(), %error, "a CronJob cannot be read and is skipped");
                return None;
            }
        };
        let mut jobs: Vec<JobView> = self.jobs.get(uid).into_iter().flat_map(HashMap::values).cloned().collect();
        jobs.sort_by(|a, b| a.name.cmp(&b.name));
        let plan = plan::cron_job::plan(&cron_job, &jobs, now, zone);
        Some((object, plan))
    }
}

impl Controller for Inner {
    type Key = Uid;
    type Error = Error;

    fn name(&self) -> &'static str {
        "cronjob"
    }

    fn observe(&self, source: usize, observation: Observation, now: Timestamp, queue: &mut Queue<Uid>) {
        let gone = match &observation {
            Observation::Deleted(object) if source == CRON_JOB_SOURCE => Some(object.meta().uid.clone()),
            _ => None,
        };
        let is_list = source == CRON_JOB_SOURCE && matches!(observation, Observation::Restarted { .. });
        let mut state = self.state.lock();
        let (mut woken, revision) = state.apply(source, observation, now);
        if is_list {
            self.decisions.keep_only(Source::CronJobs, |uid| state.cron_jobs.contains_key(uid));
        }
        if let Some(gone) = gone {
            self.decisions.gone(&gone);
        }
        let gate = if source == CRON_JOB_SOURCE { &mut state.cron_job_gate } else { &mut state.job_gate };
        woken.extend(gate.observed(revision));
        for uid in woken {
            queue.add(uid);
        }
    }

    fn keys(&self) -> Vec<Uid> {
        self.state.lock().cron_jobs.keys().cloned().collect()
    }

    async fn reconcile(&self, uid: Uid) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let planned = self.state.lock().plan(&uid, now, &self.zone);
        let Some((cron_job, plan)) = planned else { return Ok(Outcome::done()) };
        self.decisions.record(Source::CronJobs, &uid, &plan.notes, now);
        self.apply(&cron_job, &plan).await?;
        Ok(Outcome::from(plan.wake_at))
    }
}

/// What came of a plan's deletes and its start.
#[derive(Default)]
struct Outcomes {
    /// Active Jobs that could not be deleted.
    kept: HashSet<Uid>,
    started: Option<(Reference, Timestamp)>,
    /// A refusal.
    failure: Option<Error>,
}

impl Inner {
    fn event(&self, cron_job: &Object, severity: Severity, reason: &str, message: String) {
        self.recorder.event(cron_job.meta(), severity, reason, message);
    }

    async fn apply(&self, cron_job: &Object, plan: &Plan) -> Result<(), Error> {
        for event in &plan.events {
            let severity = match event.severity {
                plan::Severity::Normal => Severity::Normal,
                plan::Severity::Warning => Severity::Warning,
            };
            self.event(cron_job, severity, event.reason, event.message.clone());
        }
        let mut outcome = Outcomes::default();
        for (uid, name) in &plan.deletes {
            outcome.failure = outcome.failure.or(self.delete(cron_job, uid, name).await.err());
        }
        for (uid, name) in &plan.replaces {
            if let Err(error) = self.delete(cron_job, uid, name).await {
                outcome.kept.insert(uid.clone());
                outcome.failure = Some(error);
            }
        }
        // As upstream, nothing is started beside what could not be replaced.
        if let Some(start) = plan.start.as_ref().filter(|_| outcome.kept.is_empty()) {
            match self.start(cron_job, start).await {
                Ok(job) => outcome.started = job.map(|job| (job, start.scheduled)),
                Err(error) => outcome.failure = Some(error),
            }
        }
        // What became of the Jobs is written even when something was refused, be it for hours.
        let refused = outcome.failure.take();
        self.settle(cron_job, plan, outcome).await?;
        refused.map_or(Ok(()), Err)
    }

    /// Writes the planned status, corrected by what came of the plan.
    async fn settle(&self, cron_job: &Object, plan: &Plan, outcome: Outcomes) -> Result<(), Error> {
        let as_it_is = || CronJob::read(cron_job).map(|read| read.status).unwrap_or_default();
        let mut status = match &plan.status {
            Some(status) => status.clone(),
            None if outcome.started.is_some() => as_it_is(),
            None => return Ok(()),
        };
        if !outcome.kept.is_empty() {
            let known = as_it_is().active;
            status.active.extend(known.into_iter().filter(|active| outcome.kept.contains(&active.uid)));
        }
        if let Some((job, scheduled)) = outcome.started {
            status.active.push(job);
            status.last_schedule = Some(scheduled);
        }
        self.write_status(cron_job, &status).await
    }

    async fn delete(&self, cron_job: &Object, uid: &Uid, name: &str) -> Result<(), Error> {
        let preconditions = Preconditions { uid: Some(uid.to_string()), ..Preconditions::default() };
        let options = DeleteOptions {
            preconditions: Some(preconditions),
            propagation_policy: Some("Background".to_owned()),
            ..DeleteOptions::default()
        };
        match self.client.delete(&JOBS, cron_job.meta().namespace.as_deref(), name, &options).await {
            Ok(_) => self.event(cron_job, Severity::Normal, "SuccessfulDelete", format!("Deleted job {name}")),
            Err(error) if error.is_not_found() || error.is_conflict() => {}
            Err(error) => {
                self.event(cron_job, Severity::Warning, "FailedDelete", format!("Deleted job: {error}"));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Starts a Job; `None` when somebody else's has its name.
    async fn start(&self, cron_job: &Object, start: &Start) -> Result<Option<Reference>, Error> {
        let namespace = cron_job.meta().namespace.as_deref();
        let job = match self.client.create(&JOBS, namespace, job(cron_job, start)).await {
            Ok(job) => {
                self.event(cron_job, Severity::Normal, "SuccessfulCreate", format!("Created job {}", start.name));
                job
            }
            Err(error) if error.is_already_exists() => self.client.get(&JOBS, namespace, &start.name).await?,
            // In a namespace that is being deleted every create fails; that is nobody's fault.
            Err(error) if crate::apply::namespace_ends(&error) => return Err(error),
            Err(error) => {
                self.event(cron_job, Severity::Warning, "FailedCreate", format!("Error creating job: {error}"));
                let note = refusal("spec.jobTemplate", format!("the server refuses Job {}: {error}", start.name));
                self.decisions.add(&cron_job.meta().uid, note, self.clock.now());
                return Err(error);
            }
        };
        if owner(&job) != Some(&cron_job.meta().uid) {
            return Ok(None);
        }
        self.state.lock().job_gate.wrote(&cron_job.meta().uid, job.meta().revision);
        Ok(Some(Reference::of(&job)))
    }

    async fn write_status(&self, cron_job: &Object, status: &Status) -> Result<(), Error> {
        let mut value = cron_job.to_value();
        value["status"] = serde_json::to_value(status).expect("a status is plain data");
        let meta = cron_job.meta();
        let written =
            self.client.update(&CRON_JOBS, meta.namespace.as_deref(), &meta.name, Some("status"), value).await;
        match written {
            Ok(written) => {
                self.state.lock().cron_job_gate.wrote(&meta.uid, written.meta().revision);
                Ok(())
            }
            // It changed meanwhile: the change is on its way and plans anew.
            Err(error) if error.is_conflict() || error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The Job of an activation.
fn job(cron_job: &Object, start: &Start) -> Value {
    let template = cron_job.field("/spec/jobTemplate").unwrap_or_default();
    let meta = cron_job.meta();
    let mut annotations = template["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    annotations.insert(SCHEDULED_TIMESTAMP.to_owned(), start.shown.as_str().into());
    let mut metadata = json!({
        "name": start.name,
        "namespace": meta.namespace,
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": meta.name,
            "uid": meta.uid,
            "controller": true,
            "blockOwnerDeletion": true,
        }],
    });
    if let Some(labels) = template["metadata"].get("labels") {
        metadata["labels"] = labels.clone();
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]})
}
