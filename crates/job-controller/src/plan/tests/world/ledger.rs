//! What became of each pod that a Job ever had. Conservation: each is exactly one of still tracked (active, terminating
//! or ended and not yet counted), in `uncountedTerminatedPods`, in a counter, or let go on purpose; and the last only
//! where a rule allows it.

use std::collections::BTreeSet;

use api::Uid;
use api::k8s::api::batch::v1::JobStatus;

use super::super::super::failure_policy::{self, Verdict};
use super::super::super::indexes::Indexes;
use super::super::super::*;
use super::World;

#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// Pods that became the Job's: created or adopted. A pod that is released and adopted again joins twice.
    joined: usize,
    /// Pods that were let go without being counted.
    let_go: usize,
    /// Succeeded pods that were counted by their index.
    by_index: usize,
    /// Indexes of `completedIndexes` whose pod is no longer tracked.
    credited: BTreeSet<u32>,
}

impl World {
    /// UIDs in `uncountedTerminatedPods`: succeeded and failed.
    pub(super) fn listed(&self) -> (Vec<Uid>, Vec<Uid>) {
        lists(&self.job.status)
    }

    pub(super) fn is_tracked(&self, uid: &Uid) -> bool {
        self.pods.get(uid).is_some_and(|pod| pod.owned && pod.tracked)
    }

    fn is_listed(&self, uid: &Uid) -> bool {
        let (succeeded, failed) = self.listed();
        succeeded.contains(uid) || failed.contains(uid)
    }

    pub(super) fn ledger_joined(&mut self, uid: &Uid) {
        // One that is adopted again before its counter was raised is still the pod that waits in the list.
        let again = self.is_tracked(uid) || self.is_listed(uid);
        self.ledger.joined += usize::from(!again);
    }

    /// The pod ceases to be tracked, whether it was counted or not.
    pub(super) fn ledger_let_go(&mut self, uid: &Uid) {
        if !self.is_tracked(uid) || self.is_listed(uid) || self.credit(uid) {
            return;
        }
        self.ledger.let_go += 1;
    }

    /// Counts a succeeded pod by its index, if the status has that index and no other pod stands for it.
    fn credit(&mut self, uid: &Uid) -> bool {
        let seen = self.seen_pods.get(uid).unwrap_or(&self.pods[uid]);
        let completed = self.completed();
        let index = seen.index.filter(|index| self.job.spec.is_indexed() && completed.contains(*index));
        let index = index.filter(|_| seen.phase == Phase::Succeeded);
        let credited = index.is_some_and(|index| self.ledger.credited.insert(index));
        self.ledger.by_index += usize::from(credited);
        credited
    }

    /// The pod's finalizer goes; the status has to account for it, or a rule has to let it go.
    pub(super) fn ledger_untracked(&mut self, uid: &Uid) {
        if !self.is_tracked(uid) || self.is_listed(uid) || self.credit(uid) {
            return;
        }
        let seen = self.seen_pods.get(uid).unwrap_or(&self.pods[uid]).clone();
        assert!(self.may_let_go(&seen), "{seen:?} is let go and counted nowhere: {:?}", self.job);
        self.ledger.let_go += 1;
    }

    fn completed(&self) -> Indexes {
        Indexes::parse(self.job.status.completed_indexes.as_deref().unwrap_or_default(), u32::MAX)
    }

    /// Whether a rule says that the pod is not counted.
    fn may_let_go(&self, seen: &PodView) -> bool {
        let (job, spec) = (&self.seen_job, &self.seen_job.spec);
        let in_range = !spec.is_indexed() || seen.index.is_some_and(|index| index < spec.indexes());
        if conditions::finished(&job.status).is_some() || !in_range {
            return true;
        }
        let early = !spec.only_replaces_failed_pods() && seen.deleting;
        if seen.phase == Phase::Succeeded {
            let failed = Indexes::parse(job.status.failed_indexes.as_deref().unwrap_or_default(), u32::MAX);
            let index = seen.index.filter(|_| spec.is_indexed());
            return index.is_some_and(|index| self.ledger.credited.contains(&index) || failed.contains(index));
        }
        if seen.phase == Phase::Failed || early {
            let policy = spec.pod_failure_policy.as_ref();
            return failure_policy::judge(policy, &job.namespace, seen) == Verdict::Ignore;
        }
        job.deleting || conditions::declared(&job.status).is_some_and(|finish| finish.success)
    }

    /// A status is about to be stored: counters rise by exactly the pods that leave the lists, all of them untracked,
    /// and only tracked pods enter the lists.
    pub(super) fn ledger_counted(&mut self, new: &JobStatus) {
        let (old_lists, new_lists) = (self.listed(), lists(new));
        for uid in new_lists.0.iter().chain(&new_lists.1) {
            let known = old_lists.0.contains(uid) || old_lists.1.contains(uid);
            assert!(known || self.is_tracked(uid), "{uid} is listed and not tracked");
        }
        let left =
            |old: &[Uid], new: &[Uid]| -> Vec<Uid> { old.iter().filter(|uid| !new.contains(uid)).cloned().collect() };
        let (succeeded, failed) = (left(&old_lists.0, &new_lists.0), left(&old_lists.1, &new_lists.1));
        for uid in succeeded.iter().chain(&failed) {
            assert!(!self.is_tracked(uid), "{uid} leaves the lists while it is tracked");
        }
        let grown = |old: Option<i32>, new: Option<i32>| i64::from(new.unwrap_or(0)) - i64::from(old.unwrap_or(0));
        let status = &self.job.status;
        assert_eq!(grown(status.failed, new.failed), failed.len() as i64, "failed");
        if self.job.spec.is_indexed() {
            self.ledger_indexes(new);
        } else {
            assert_eq!(grown(status.succeeded, new.succeeded), succeeded.len() as i64, "succeeded");
        }
    }

    /// Each completed index stands for one succeeded pod, tracked or counted.
    fn ledger_indexes(&mut self, new: &JobStatus) {
        let completed = Indexes::parse(new.completed_indexes.as_deref().unwrap_or_default(), u32::MAX);
        self.ledger.credited.retain(|index| completed.contains(*index));
        let succeeded = |pod: &&PodView| pod.owned && pod.tracked && pod.phase == Phase::Succeeded;
        let waiting = Indexes::collect(self.pods.values().filter(succeeded).filter_map(|pod| pod.index));
        let credited = Indexes::collect(self.ledger.credited.iter().copied());
        let accounted = waiting.union(&credited).overlap(&completed);
        assert_eq!(accounted, completed.total(), "an index is complete without a pod: {new:?}");
    }

    /// How many pods the Job has had, and how many of them are accounted for.
    pub(in super::super) fn conservation(&self) -> (usize, usize) {
        let tracked = self.pods.values().filter(|pod| pod.owned && pod.tracked).count();
        let (succeeded, failed) = self.listed();
        let waiting = succeeded.iter().chain(&failed).filter(|uid| !self.is_tracked(uid)).count();
        let number = |count: Option<i32>| usize::try_from(count.unwrap_or(0)).expect("not negative");
        let status = &self.job.status;
        let successes = if self.job.spec.is_indexed() { self.ledger.by_index } else { number(status.succeeded) };
        let accounted = tracked + waiting + number(status.failed) + successes + self.ledger.let_go;
        (self.ledger.joined, accounted)
    }
}

fn lists(status: &JobStatus) -> (Vec<Uid>, Vec<Uid>) {
    let lists = status.uncounted_terminated_pods.as_ref();
    let read = |list: Option<&Vec<String>>| list.into_iter().flatten().map(|uid| Uid::from(uid.as_str())).collect();
    (read(lists.and_then(|lists| lists.succeeded.as_ref())), read(lists.and_then(|lists| lists.failed.as_ref())))
}
