//! A model of what lies around the plan: a store with one Job and its pods, a cache that may lag behind everybody's
//! writes but the controller's own, and a kubelet that lets pods run, end and go.
//!
//! The model itself holds what must hold in every test: the limits on pods at each create, the rules of a Job's status
//! at each write (`status_rules`), and that no pod is lost or counted twice (`ledger`).

mod ledger;
mod status_rules;

use std::collections::BTreeMap;

use api::Uid;
use api::k8s::api::batch::v1::JobStatus;
use jiff::{SignedDuration, Timestamp};

use super::super::pod::ContainerExit;
use super::super::spec::Spec;
use super::super::*;
use ledger::Ledger;

pub(super) const START: i64 = 1_000_000;

/// One effect of a plan, in the order in which the shell performs them.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    Adopt(PodRef),
    Release(PodRef),
    Status(Box<JobStatus>),
    Untrack(PodRef),
    /// The first half of a delete that is not to be counted: the finalizer goes.
    Strip(PodRef),
    Delete(PodRef),
    Create(Create),
}

pub(super) fn effects(plan: &Plan) -> Vec<Effect> {
    let adoptions = plan.adoptions.iter().cloned().map(Effect::Adopt);
    adoptions
        .chain(plan.releases.iter().cloned().map(Effect::Release))
        .chain(plan.status.clone().map(Effect::Status))
        .chain(plan.finalizer_releases.iter().cloned().map(Effect::Untrack))
        .chain(plan.deletes.iter().flat_map(|delete| {
            let strip = delete.untracked.then(|| Effect::Strip(delete.pod.clone()));
            strip.into_iter().chain([Effect::Delete(delete.pod.clone())])
        }))
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
    /// How many pods others made.
    orphans: u32,
    /// What became of every pod that the Job ever had.
    ledger: Ledger,
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
            orphans: 0,
            ledger: Ledger::default(),
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

    /// False when the API server refused the write: the rest of the plan is not performed.
    fn perform(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::Adopt(pod) => return self.adopt(&pod.uid),
            Effect::Release(pod) => {
                self.ledger_let_go(&pod.uid);
                self.edit(&pod.uid, |pod| (pod.owned, pod.tracked) = (false, false));
            }
            Effect::Status(status) => return self.write_status(status),
            Effect::Untrack(pod) => {
                self.ledger_untracked(&pod.uid);
                self.edit(&pod.uid, |pod| pod.tracked = false);
            }
            Effect::Strip(pod) => {
                self.ledger_let_go(&pod.uid);
                self.edit(&pod.uid, |pod| pod.tracked = false);
            }
            Effect::Delete(pod) => {
                self.delete(&pod.uid);
                self.sync_seen(&pod.uid);
            }
            Effect::Create(create) => self.create(create),
        }
        true
    }

    /// The shell looks at the live Job first; the API server lets nobody add a finalizer to what is being deleted.
    fn adopt(&mut self, uid: &Uid) -> bool {
        let deleting = self.pods.get(uid).is_none_or(|pod| pod.deleting);
        if self.job.deleting || deleting {
            return false;
        }
        self.ledger_joined(uid);
        self.edit(uid, |pod| (pod.owned, pod.tracked) = (true, true));
        true
    }

    fn write_status(&mut self, status: &JobStatus) -> bool {
        if self.seen_job.revision != self.job.revision {
            return false;
        }
        status_rules::check(&self.job, status);
        self.ledger_counted(status);
        self.job.status = status.clone();
        self.job.revision.0 += 1;
        self.seen_job = self.job.clone();
        true
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
            index: create.index,
            index_failures,
            index_ignored_failures,
            created: self.now,
            finished: self.now,
            ..PodView::default()
        };
        self.creations.push(self.now.as_second() - START);
        self.pods.insert(uid.clone(), view);
        self.ledger_joined(&uid);
        self.edit(&uid, |pod| pod.tracked = true);
        self.check_create(create);
    }

    /// No pod more than the spec allows, however old what the controller saw was.
    fn check_create(&self, create: &Create) {
        let spec = &self.seen_job.spec;
        assert!(!spec.is_suspended(), "a suspended Job creates no pods");
        assert!(!self.seen_job.deleting, "a Job that is being deleted creates no pods");
        assert!(conditions::finished(&self.job.status).is_none(), "a finished Job creates no pods");
        let own = || self.pods.values().filter(|pod| pod.owned);
        let occupies = |pod: &&PodView| pod.is_active() || (spec.only_replaces_failed_pods() && pod.is_terminating());
        let occupied = own().filter(occupies).count();
        let parallelism = usize::try_from(spec.parallelism()).expect("not negative");
        assert!(occupied <= parallelism, "{occupied} pods, parallelism {parallelism}");
        if create.index.is_some() {
            let same = own().filter(occupies).filter(|pod| pod.index == create.index).count();
            assert_eq!(same, 1, "index {:?} has {same} pods", create.index);
            assert!(create.index < Some(spec.indexes()), "index {:?} is out of range", create.index);
        } else if let Some(completions) = spec.completions {
            let succeeded = own().filter(|pod| pod.tracked && pod.phase == Phase::Succeeded).count();
            let active = own().filter(|pod| pod.is_active()).count();
            let counted = self.listed().0.iter().filter(|uid| !self.is_tracked(uid)).count();
            let reached = usize::try_from(self.job.status.succeeded.unwrap_or(0)).expect("not negative");
            let all = active + succeeded + counted + reached;
            assert!(all <= usize::try_from(completions).expect("not negative"), "more pods than are missing: {all}");
        }
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
        self.end(uid, phase, i32::from(phase == Phase::Failed));
    }

    /// The kubelet writes the pod's phase, and the exit code of its container when the phase is terminal.
    pub(super) fn end(&mut self, uid: &Uid, phase: Phase, exit_code: i32) {
        let now = self.now;
        if let Some(pod) = self.pods.get_mut(uid)
            && !pod.phase.is_terminal()
        {
            pod.phase = phase;
            pod.assigned = true;
            pod.ready_since = (phase == Phase::Running).then_some(now);
            pod.finished = now;
            if phase.is_terminal() {
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

    /// Somebody makes a pod without a controller that the Job's selector matches.
    pub(super) fn orphan(&mut self, index: Option<u32>) {
        self.orphans += 1;
        let uid = Uid::from(format!("orphan-{:05}", self.orphans).as_str());
        let name = Arc::from(uid.as_str());
        let (created, finished) = (self.now, self.now);
        let view = PodView { uid: uid.clone(), name, matches: true, index, created, finished, ..PodView::default() };
        self.pods.insert(uid, view);
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
