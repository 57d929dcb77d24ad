//! A model of what lies around a CronJob's plan: a store with the CronJob and its Jobs, a cache that lags behind
//! everybody's writes but the controller's own, and Jobs that end. It refuses what a CronJob must never do: start an
//! activation twice, start anything but the most recent one, run two at once where that is forbidden.

use std::collections::BTreeSet;

use api::Uid;
use cron::Schedule;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::super::*;

/// One effect of a plan, in the order in which the shell performs them.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Delete(Uid),
    Start(Start),
    Status,
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) cron_job: CronJob,
    pub(super) revision: u64,
    pub(super) jobs: Vec<JobView>,
    /// What the controller sees.
    seen: (CronJob, u64, Vec<JobView>),
    pub(super) now: Timestamp,
    /// Names of all Jobs that were ever started.
    pub(super) started: BTreeSet<String>,
}

pub(super) fn effects(plan: &Plan) -> Vec<Effect> {
    let deletes = plan.deletes.iter().chain(&plan.replaces).map(|(uid, _)| Effect::Delete(uid.clone()));
    let status = (plan.status.is_some() || plan.start.is_some()).then_some(Effect::Status);
    deletes.chain(plan.start.clone().map(Effect::Start)).chain(status).collect()
}

impl World {
    pub(super) fn new(cron_job: CronJob) -> Self {
        let (now, seen) = (cron_job.created, (cron_job.clone(), 0, Vec::new()));
        Self { cron_job, revision: 0, jobs: Vec::new(), seen, now, started: BTreeSet::new() }
    }

    pub(super) fn plan_at(&self, now: Timestamp) -> Plan {
        let mut jobs = self.seen.2.clone();
        jobs.sort_by(|a, b| a.name.cmp(&b.name));
        plan(&self.seen.0, &jobs, now, &TimeZone::UTC)
    }

    /// The schedule and its zone, if both can be read.
    pub(super) fn schedule(&self) -> Option<(Schedule, TimeZone)> {
        let zone = self.cron_job.time_zone.as_deref().map_or(Ok(TimeZone::UTC), cron::load_zone).ok()?;
        Some((Schedule::parse(&self.cron_job.schedule).ok()?, zone))
    }

    pub(super) fn observe_jobs(&mut self) {
        self.seen.2.clone_from(&self.jobs);
    }

    pub(super) fn observe(&mut self) {
        self.seen = (self.cron_job.clone(), self.revision, self.jobs.clone());
    }

    /// Plans on what the cache holds and performs everything, or stops after so many effects and starts anew.
    pub(super) fn step(&mut self, stop_after: Option<usize>) -> Plan {
        let plan = self.plan_at(self.now);
        let all = effects(&plan);
        let mut begun = None;
        for effect in all.iter().take(stop_after.unwrap_or(usize::MAX)) {
            match effect {
                Effect::Delete(uid) => self.jobs.retain(|job| job.uid != *uid),
                Effect::Start(start) => begun = Some(self.start(start)),
                Effect::Status => self.write_status(&plan, begun.take()),
            }
        }
        if stop_after.is_some_and(|stop| stop < all.len()) {
            self.observe();
        }
        plan
    }

    /// Observes and plans until nothing is left to do.
    pub(super) fn settle(&mut self) -> Plan {
        for _ in 0..20 {
            self.observe();
            let plan = self.step(None);
            if effects(&plan).is_empty() {
                return plan;
            }
        }
        panic!("no fixpoint: {self:#?}");
    }

    fn start(&mut self, start: &Start) -> (Reference, Timestamp) {
        if let Some(job) = self.jobs.iter().find(|job| job.name == start.name) {
            return (job.reference(&self.cron_job.namespace), start.scheduled);
        }
        assert!(self.started.insert(start.name.clone()), "{} is started twice", start.name);
        self.check_moment(start);
        let running = self.jobs.iter().filter(|job| job.end.is_none()).count();
        let policy = self.seen.0.concurrency;
        assert!(policy == Concurrency::Allow || running == 0, "{running} Jobs run under {policy:?}");
        let job = JobView {
            uid: Uid::from(format!("uid-{}", self.started.len()).as_str()),
            name: start.name.clone(),
            scheduled: Some(start.scheduled),
            revision: self.started.len().to_string(),
            deleting: false,
            end: None,
            started: Some(self.now),
            completion: None,
        };
        let begun = (job.reference(&self.cron_job.namespace), start.scheduled);
        self.jobs.push(job.clone());
        self.seen.2.push(job);
        begun
    }

    /// The activation is the most recent one, no older than the CronJob or what was started last, and in time.
    fn check_moment(&self, start: &Start) {
        let seen = &self.seen.0;
        let schedule = Schedule::parse(&seen.schedule).expect("it was read");
        let zone = seen.time_zone.as_deref().map_or(Ok(TimeZone::UTC), cron::load_zone).expect("it was read");
        assert!(start.scheduled <= self.now, "started before its time");
        assert!(schedule.next(start.scheduled, &zone).is_none_or(|next| next > self.now), "not the most recent");
        assert!(start.scheduled > seen.created, "older than the CronJob");
        assert!(seen.status.last_schedule.is_none_or(|last| start.scheduled > last), "started before");
        let late = self.now.duration_since(start.scheduled);
        assert!(seen.starting_deadline.is_none_or(|deadline| late <= deadline), "{late} late");
    }

    /// A status on an outdated CronJob is refused.
    fn write_status(&mut self, plan: &Plan, begun: Option<(Reference, Timestamp)>) {
        if self.seen.1 != self.revision {
            return;
        }
        let mut status = plan.status.clone().unwrap_or_else(|| self.seen.0.status.clone());
        if let Some((job, scheduled)) = begun {
            status.active.push(job);
            status.last_schedule = Some(scheduled);
        }
        let before = self.cron_job.status.last_schedule;
        assert!(before.is_none() || status.last_schedule >= before, "lastScheduleTime goes back");
        self.cron_job.status = status;
        self.revision += 1;
        (self.seen.0, self.seen.1) = (self.cron_job.clone(), self.revision);
    }

    pub(super) fn edit(&mut self, change: impl FnOnce(&mut CronJob)) {
        change(&mut self.cron_job);
        self.revision += 1;
    }

    /// A Job ends.
    pub(super) fn end(&mut self, number: usize, end: End) {
        let running = self.jobs.iter_mut().filter(|job| job.end.is_none());
        let mut running: Vec<&mut JobView> = running.collect();
        let count = running.len();
        if count > 0 {
            let job = &mut running[number % count];
            job.end = Some(end);
            job.completion = (end == End::Complete).then_some(self.now);
        }
    }

    /// Somebody deletes a Job of which the status knows that it was started.
    pub(super) fn delete_job(&mut self, number: usize) {
        let last = self.cron_job.status.last_schedule;
        let known: Vec<Uid> = self.jobs.iter().filter(|job| job.scheduled <= last).map(|job| job.uid.clone()).collect();
        if let Some(uid) = known.get(number % known.len().max(1)) {
            self.jobs.retain(|job| job.uid != *uid);
        }
    }

    pub(super) fn advance(&mut self, seconds: i64) {
        self.now = self.now.saturating_add(SignedDuration::from_secs(seconds)).expect("in range");
    }
}
