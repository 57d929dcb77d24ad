//! A model of what lies around the plan: a store with one Job and its pods, a cache that may lag behind everybody's
//! writes but the controller's own, and a kubelet that lets pods run, end and go.

use std::collections::{BTreeMap, BTreeSet};

use api::Uid;
use api::k8s::api::batch::v1::JobStatus;
use jiff::{SignedDuration, Timestamp};

use super::super::pod::ContainerExit;
use super::super::spec::Spec;
use super::super::*;

pub(super) const START: i64 = 1_000_000;

/// One effect of a plan, in the order in which the shell performs them.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Adopt(PodRef),
    Release(PodRef),
    Status(Box<JobStatus>),
    Untrack(PodRef),
    Delete(Delete),
    Create(Create),
}

pub(super) fn effects(plan: &Plan) -> Vec<Effect> {
    let adoptions = plan.adoptions.iter().cloned().map(Effect::Adopt);
    adoptions
        .chain(plan.releases.iter().cloned().map(Effect::Release))
        .chain(plan.status.clone().map(Effect::Status))
        .chain(plan.finalizer_releases.iter().cloned().map(Effect::Untrack))
        .chain(plan.deletes.iter().cloned().map(Effect::Delete))
        .chain(plan.creates.iter().cloned().map(Effect::Create))
        .collect()
}

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) job: JobInput,
    pub(super) pods: BTreeMap<Uid, PodView>,
    /// What the controller sees.
    pub(super) seen_job: JobInput,
    pub(super) seen_pods: Pods,
    pub(super) memory: Memory,
    pub(super) now: Timestamp,
    pub(super) created: u32,
    /// Pods that were let go without being counted.
    pub(super) ignored: BTreeSet<Uid>,
    pub(super) events: Vec<EventNote>,
    /// Seconds after the start at which each pod was created.
    pub(super) creations: Vec<i64>,
}

impl World {
    pub(super) fn new(spec: Spec) -> Self {
        let job = JobInput {
            namespace: "default".into(),
            name: "pi".into(),
            uid: Uid::from("job"),
            spec,
            ..JobInput::default()
        };
        Self {
            seen_job: job.clone(),
            job,
            pods: BTreeMap::new(),
            seen_pods: Pods::new(),
            memory: Memory::default(),
            now: Timestamp::from_second(START).expect("in range"),
            created: 0,
            ignored: BTreeSet::new(),
            events: Vec::new(),
            creations: Vec::new(),
        }
    }

    /// Lets the cache catch up with everything.
    pub(super) fn observe(&mut self) {
        self.seen_job = self.job.clone();
        self.seen_pods = self.pods.clone().into_iter().collect();
    }

    pub(super) fn plan(&self) -> Plan {
        plan(&self.seen_job, &self.seen_pods, &self.memory, self.now)
    }

    /// Plans once on what the cache holds and performs everything, or stops after so many effects and restarts the
    /// controller. Returns the plan.
    pub(super) fn step(&mut self, stop_after: Option<usize>) -> Plan {
        let plan = self.plan();
        let all = effects(&plan);
        for effect in all.iter().take(stop_after.unwrap_or(usize::MAX)) {
            if !self.perform(effect) {
                self.observe();
                return plan;
            }
        }
        if stop_after.is_some_and(|stop| stop < all.len()) {
            self.restart();
        } else {
            self.memory = plan.memory.clone();
            self.events.extend(plan.events.iter().cloned());
        }
        plan
    }

    /// A new controller process lists everything anew.
    pub(super) fn restart(&mut self) {
        self.observe();
        self.memory = Memory::recover(self.pods.values());
    }

    /// Observes and plans until nothing is left to do; panics when that takes too long.
    pub(super) fn settle(&mut self) -> Plan {
        for _ in 0..50 {
            self.observe();
            let plan = self.step(None);
            if plan.is_empty() {
                return plan;
            }
        }
        panic!("no fixpoint: {:#?}", self.plan());
    }

    /// False when the write was refused as a conflict.
    fn perform(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::Adopt(pod) => self.edit(&pod.uid, |pod| (pod.owned, pod.tracked) = (true, true)),
            Effect::Release(pod) => self.edit(&pod.uid, |pod| (pod.owned, pod.tracked) = (false, false)),
            Effect::Status(status) => {
                if self.seen_job.revision != self.job.revision {
                    return false;
                }
                check_status(&self.job, status);
                self.job.status = (**status).clone();
                self.job.revision.0 += 1;
                self.seen_job = self.job.clone();
            }
            Effect::Untrack(pod) => self.untrack(&pod.uid),
            Effect::Delete(delete) => {
                if delete.untracked {
                    self.ignored.insert(delete.pod.uid.clone());
                    self.edit(&delete.pod.uid, |pod| pod.tracked = false);
                }
                self.delete(&delete.pod.uid);
                self.sync_seen(&delete.pod.uid);
            }
            Effect::Create(create) => self.create(create),
        }
        true
    }

    fn untrack(&mut self, uid: &Uid) {
        let lists = self.job.status.uncounted_terminated_pods.clone().unwrap_or_default();
        let listed = |list: Option<Vec<String>>| list.unwrap_or_default().iter().any(|other| other == uid.as_str());
        let Some(pod) = self.pods.get(uid) else { return };
        let by_index = self.job.spec.is_indexed() && pod.phase == Phase::Succeeded;
        let counted = listed(lists.succeeded) || listed(lists.failed);
        if !counted && !by_index && pod.tracked {
            self.ignored.insert(uid.clone());
        }
        self.edit(uid, |pod| pod.tracked = false);
    }

    fn create(&mut self, create: &Create) {
        self.created += 1;
        let uid = Uid::from(format!("pod-{:05}", self.created).as_str());
        let (index_failures, index_ignored_failures) = create.index_failures.unwrap_or_default();
        let view = PodView {
            name: Arc::from(format!("pi-{:05}", self.created)),
            uid: uid.clone(),
            owned: true,
            matches: true,
            tracked: true,
            index: create.index,
            index_failures,
            index_ignored_failures,
            created: self.now,
            finished: self.now,
            ..PodView::default()
        };
        self.creations.push(self.now.as_second() - START);
        self.pods.insert(uid.clone(), view);
        self.sync_seen(&uid);
        let active = self.pods.values().filter(|pod| pod.owned && pod.is_active()).count();
        let parallelism = usize::try_from(self.seen_job.spec.parallelism()).expect("not negative");
        assert!(active <= parallelism, "{active} active pods, parallelism {parallelism}");
        assert!(!self.seen_job.spec.is_suspended(), "a suspended Job creates no pods");
    }

    /// Changes a pod in the store as the controller does: the cache has seen it before the next plan.
    fn edit(&mut self, uid: &Uid, change: impl FnOnce(&mut PodView)) {
        if let Some(pod) = self.pods.get_mut(uid) {
            change(pod);
        }
        self.collect(uid);
        self.sync_seen(uid);
    }

    /// Lets the cache catch up with one pod.
    pub(super) fn sync_seen(&mut self, uid: &Uid) {
        match self.pods.get(uid) {
            Some(pod) => self.seen_pods.insert(uid.clone(), pod.clone()),
            None => self.seen_pods.remove(uid),
        };
    }

    /// A deleted pod goes when it has ended and carries no finalizer.
    fn collect(&mut self, uid: &Uid) {
        let gone = |pod: &PodView| pod.deleting && !pod.tracked && (pod.phase.is_terminal() || !pod.assigned);
        if self.pods.get(uid).is_some_and(gone) {
            self.pods.remove(uid);
        }
    }

    /// Anybody deletes the pod.
    pub(super) fn delete(&mut self, uid: &Uid) {
        let now = self.now;
        if let Some(pod) = self.pods.get_mut(uid)
            && !pod.deleting
        {
            pod.deleting = true;
            pod.finished = if pod.phase.is_terminal() { pod.finished } else { now };
        }
        self.collect(uid);
    }

    /// The kubelet writes the pod's phase; a terminal one never changes.
    pub(super) fn set_phase(&mut self, uid: &Uid, phase: Phase) {
        let now = self.now;
        if let Some(pod) = self.pods.get_mut(uid)
            && !pod.phase.is_terminal()
        {
            pod.phase = phase;
            pod.assigned = true;
            pod.ready_since = (phase == Phase::Running).then_some(now);
            pod.finished = now;
            if phase.is_terminal() {
                let exit_code = i32::from(phase == Phase::Failed);
                pod.exits = vec![ContainerExit { name: "main".into(), exit_code }];
            }
        }
        self.collect(uid);
    }

    pub(super) fn active(&self) -> Vec<Uid> {
        self.pods.values().filter(|pod| pod.is_active()).map(|pod| pod.uid.clone()).collect()
    }

    /// Ends all active pods and lets the controller settle.
    pub(super) fn end_all(&mut self, phase: Phase) -> Plan {
        for uid in self.active() {
            self.set_phase(&uid, phase);
        }
        self.settle()
    }

    pub(super) fn run_all(&mut self) {
        for uid in self.active() {
            self.set_phase(&uid, Phase::Running);
        }
        self.settle();
    }

    /// The kubelet ends all pods that are being deleted.
    pub(super) fn terminate(&mut self) -> Plan {
        let going: Vec<Uid> =
            self.pods.values().filter(|pod| pod.is_terminating()).map(|pod| pod.uid.clone()).collect();
        for uid in going {
            self.set_phase(&uid, Phase::Failed);
        }
        self.settle()
    }

    pub(super) fn advance(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(super) fn edit_spec(&mut self, change: impl FnOnce(&mut Spec)) {
        change(&mut self.job.spec);
        self.job.revision.0 += 1;
    }

    pub(super) fn status(&self) -> &JobStatus {
        &self.job.status
    }

    pub(super) fn condition(&self, condition_type: &str) -> Option<String> {
        let conditions = self.job.status.conditions.as_deref().unwrap_or_default();
        let condition = conditions.iter().find(|condition| condition.type_ == condition_type)?;
        Some(format!("{} {}", condition.status, condition.reason.as_deref().unwrap_or_default()))
    }

    pub(super) fn reasons(&self) -> Vec<&str> {
        self.events.iter().map(|event| event.reason.as_ref()).collect()
    }
}

fn true_condition(status: &JobStatus, condition_type: &str) -> bool {
    conditions::is_true(status, condition_type)
}

/// Upstream's rules for status updates (`pkg/apis/batch/validation`, `JobStatusValidationOptions`).
fn check_status(job: &JobInput, new: &JobStatus) {
    let old = &job.status;
    let number = |count: Option<i32>| count.unwrap_or(0);
    for count in [new.active, new.ready, new.terminating, new.succeeded, new.failed] {
        assert!(number(count) >= 0, "negative counter: {new:?}");
    }
    assert!(number(new.ready) <= number(new.active), "more ready than active: {new:?}");
    assert!(number(new.failed) >= number(old.failed), "failed decreases");
    let elastic = job.spec.is_indexed() && job.spec.completions == job.spec.parallelism;
    assert!(elastic || number(new.succeeded) >= number(old.succeeded), "succeeded decreases");
    for terminal in ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"] {
        assert!(!true_condition(old, terminal) || true_condition(new, terminal), "{terminal} taken back");
    }
    let (complete, failed) = (true_condition(new, "Complete"), true_condition(new, "Failed"));
    assert!(!failed || true_condition(new, "FailureTarget"), "Failed without FailureTarget");
    assert!(!complete || true_condition(new, "SuccessCriteriaMet"), "Complete without SuccessCriteriaMet");
    assert!(!(true_condition(new, "FailureTarget") && true_condition(new, "SuccessCriteriaMet")));
    let lists = new.uncounted_terminated_pods.clone().unwrap_or_default();
    let uids: Vec<String> = lists.succeeded.into_iter().flatten().chain(lists.failed.into_iter().flatten()).collect();
    assert_eq!(uids.iter().collect::<BTreeSet<_>>().len(), uids.len(), "uncounted UIDs repeat");
    assert!(uids.len() <= MAX_UNCOUNTED_PODS, "too many uncounted UIDs");
    if complete || failed {
        assert_eq!((number(new.active), number(new.terminating), uids.len()), (0, 0, 0), "finished too early");
        let excused = job.spec.is_suspended() && job.spec.completions == Some(0);
        assert!(new.start_time.is_some() || excused, "finished without start time");
    }
    assert_eq!(complete, new.completion_time.is_some(), "completionTime goes with Complete");
    if let (Some(start), Some(end)) = (&new.start_time, &new.completion_time) {
        assert!(start.0 <= end.0, "completed before it started");
    }
    let resumed = true_condition(old, "Suspended") && !true_condition(new, "Suspended");
    let may_change = job.spec.is_suspended() || resumed || old.start_time.is_none();
    assert!(may_change || new.start_time == old.start_time, "startTime changed");
    check_indexes(job, new);
}

fn check_indexes(job: &JobInput, new: &JobStatus) {
    assert!(job.spec.is_indexed() || new.completed_indexes.is_none());
    assert!(job.spec.backoff_limit_per_index.is_some() || new.failed_indexes.is_none());
    let read = |text: &Option<String>| indexes::Indexes::parse(text.as_deref().unwrap_or_default(), u32::MAX);
    let (done, failed) = (read(&new.completed_indexes), read(&new.failed_indexes));
    assert_eq!(done.overlap(&failed), 0, "an index succeeded and failed: {new:?}");
    if job.spec.is_indexed() {
        assert_eq!(i64::from(done.total()), i64::from(new.succeeded.unwrap_or(0)));
    }
}
