//! What the recorder observes: Jobs, their pods and Events, and when a story is worth writing for it.

use std::collections::HashSet;
use std::sync::Arc;

use api::resource::{EVENTS, JOBS, PODS};
use api::{Object, Uid};
use client::{Client, Observation, Selection, observe};
use clock::SystemClock;
use futures::stream::BoxStream;
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use super::{FIRST_WAIT, State, ask};
use crate::history::ANNOTATION;

/// The collections that are observed.
pub(super) struct Streams {
    pub(super) jobs: BoxStream<'static, Observation>,
    pub(super) pods: BoxStream<'static, Observation>,
    pub(super) events: BoxStream<'static, Observation>,
}

impl Streams {
    pub(super) fn open(client: &Client) -> Self {
        let all = |resource| observe(client.clone(), Arc::new(SystemClock), resource, Selection::default()).boxed();
        Self { jobs: all(JOBS), pods: all(PODS), events: all(EVENTS) }
    }
}

impl State {
    /// Takes in all that has come, so that what is written next is everything up to now.
    pub(super) fn drain(&mut self, streams: &mut Streams, with_events: bool) {
        loop {
            if let Some(Some(observation)) = streams.jobs.next().now_or_never() {
                self.take_jobs(observation);
            } else if let Some(Some(observation)) = streams.pods.next().now_or_never() {
                self.take_pods(observation);
            } else if with_events && let Some(Some(observation)) = streams.events.next().now_or_never() {
                self.take_events(observation);
            } else {
                return;
            }
        }
    }

    pub(super) fn take_jobs(&mut self, observation: Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                let present: HashSet<&Uid> = objects.iter().map(|job| &job.meta().uid).collect();
                let known = self.jobs.iter().filter(|(_, entry)| entry.watched.has_job());
                let gone: Vec<Uid> = known.map(|(uid, _)| uid).filter(|uid| !present.contains(uid)).cloned().collect();
                gone.iter().for_each(|uid| self.gone(uid));
                objects.iter().for_each(|job| self.take_job(job));
            }
            Observation::Applied(job) => self.take_job(&job),
            Observation::Deleted(job) => {
                self.take_job(&job);
                self.gone(&job.meta().uid);
            }
            Observation::Reached(_) => {}
        }
    }

    fn take_job(&mut self, job: &Arc<Object>) {
        let uid = &job.meta().uid;
        let entry = self.jobs.entry(uid.clone()).or_default();
        entry.is_silent = job.field("/metadata/annotations").is_some_and(|all| all[ANNOTATION] == "false");
        if !entry.watched.has_job() {
            entry.watched.order = self.seen;
            self.seen += 1;
        }
        let now = Instant::now();
        let ends = entry.watched.saw_job(job);
        if ends || entry.asked_at.is_none_or(|asked| now.duration_since(asked) >= FIRST_WAIT) {
            entry.asked_at = Some(now);
            ask(&self.parts.decisions, uid, entry);
        }
        if ends {
            self.write_at(&uid.clone(), now);
        }
    }

    fn gone(&mut self, uid: &Uid) {
        let Some(entry) = self.jobs.get_mut(uid) else { return };
        if entry.watched.gone_at.is_none() {
            entry.watched.gone_at = Some(self.parts.clock.now());
            entry.closed_at = Some(Instant::now());
            self.write_at(uid, Instant::now());
            self.look_soon();
            self.closed.push_back(uid.clone());
            // As many are in the history, and what comes later of older ones would be removed there.
            while self.closed.len() > self.parts.limits.runs.max(1) {
                let Some(oldest) = self.closed.pop_front() else { return };
                self.forget(&oldest);
            }
        }
    }

    pub(super) fn take_pods(&mut self, observation: Observation) {
        match observation {
            Observation::Restarted { objects, .. } => {
                let present: HashSet<&Uid> = objects.iter().map(|pod| &pod.meta().uid).collect();
                let gone = self.pods.iter().filter(|(pod, _)| !present.contains(pod));
                let gone: Vec<(Uid, Uid)> = gone.map(|(pod, job)| (pod.clone(), job.clone())).collect();
                for (pod, job) in gone {
                    if let Some(entry) = self.jobs.get_mut(&job) {
                        entry.watched.lost_pod(&pod);
                    }
                    self.changed(&job, true);
                }
                objects.iter().for_each(|pod| self.take_pod(pod, false));
            }
            Observation::Applied(pod) => self.take_pod(&pod, false),
            Observation::Deleted(pod) => self.take_pod(&pod, true),
            Observation::Reached(_) => {}
        }
    }

    fn take_pod(&mut self, pod: &Arc<Object>, is_gone: bool) {
        let meta = pod.meta();
        let job = match self.pods.get(&meta.uid) {
            Some(job) => job.clone(),
            None => match meta.controller().filter(|owner| owner.kind == "Job") {
                Some(owner) => owner.uid.clone(),
                None => return,
            },
        };
        let entry = self.jobs.entry(job.clone()).or_default();
        let left_out = entry.watched.saw_pod(pod, is_gone);
        if entry.watched.pod_name(&meta.uid).is_some() {
            self.pods.insert(meta.uid.clone(), job.clone());
        }
        if let Some(left_out) = left_out {
            self.pods.remove(&left_out);
        }
        self.changed(&job, is_gone);
    }

    pub(super) fn take_events(&mut self, observation: Observation) {
        let events = match observation {
            Observation::Restarted { objects, .. } => objects,
            Observation::Applied(event) => vec![event],
            Observation::Deleted(_) | Observation::Reached(_) => return,
        };
        for event in events {
            let Some(about) = event.field("/involvedObject/uid") else { continue };
            let about = Uid::from(about.as_str().unwrap_or_default());
            let job = self.pods.get(&about).unwrap_or(&about).clone();
            if let Some(entry) = self.jobs.get_mut(&job) {
                entry.watched.saw_event(&event);
                self.changed(&job, false);
            }
        }
    }

    /// Something other than an end has changed: of a Job that goes on only a pod's going is worth a write.
    fn changed(&mut self, job: &Uid, pod_is_gone: bool) {
        let now = Instant::now();
        if pod_is_gone {
            self.look_soon();
        }
        let Some(entry) = self.jobs.get(job) else { return };
        if !self.schedule.has(job) && (pod_is_gone || entry.is_closed()) {
            let at = now + entry.wait;
            self.write_at(job, at);
        }
    }
}
