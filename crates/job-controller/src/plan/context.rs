//! What one plan works on: the Job's own pods, tallied once, and the status as it will be.

use std::collections::{BTreeMap, HashSet};

use api::k8s::api::batch::v1::JobStatus;
use api::k8s::apimachinery::pkg::apis::meta::v1::Time;
use api::time::whole_seconds;
use jiff::Timestamp;

use super::failure_policy::{self, Verdict};
use super::indexes::Indexes;
use super::{JobInput, Phase, PodView, Pods, conditions, per_index};

/// The tallies that rules compare with the spec. `active`, `ready` and `terminating` follow what the plan does.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// Neither terminal nor being deleted.
    pub(super) active: i32,
    /// Active and Ready.
    pub(super) ready: i32,
    /// Being deleted and not yet terminal.
    pub(super) terminating: i32,
    /// Succeeded in all: counted, uncounted and new.
    pub(super) succeeded: i32,
    /// Failed in all, without those that a rule ignores.
    pub(super) failed: i32,
}

/// One Job, its pods and the plan's working state.
pub(super) struct Context<'a> {
    pub(super) job: &'a JobInput,
    pub(super) pods: &'a Pods,
    pub(super) now: Timestamp,
    /// The status that the plan will write.
    pub(super) status: JobStatus,
    pub(super) counts: Counts,
    /// UIDs in the observed status' `uncountedTerminatedPods`.
    pub(super) uncounted: HashSet<&'a str>,
    /// Those of them that count as failed.
    pub(super) uncounted_failed: HashSet<&'a str>,
    /// Indexes of the observed status' `completedIndexes`.
    pub(super) previous_succeeded: Indexes,
    /// Those and the indexes of newly succeeded pods.
    pub(super) succeeded_indexes: Indexes,
    /// Failed indexes, with `backoffLimitPerIndex`.
    pub(super) failed_indexes: Option<Indexes>,
    /// Those of them that this plan adds; one that was added by the last plan may be among them.
    pub(super) newly_failed_indexes: Indexes,
    /// The last failed pod of each pending index, with `backoffLimitPerIndex`.
    pub(super) delayed: BTreeMap<u32, &'a PodView>,
    /// Whether this plan ends a suspension.
    pub(super) resumes: bool,
}

impl<'a> Context<'a> {
    pub(super) fn read(job: &'a JobInput, pods: &'a Pods, now: Timestamp) -> Self {
        let uncounted = job.status.uncounted_terminated_pods.as_ref();
        let failed = uncounted.and_then(|lists| lists.failed.as_ref()).into_iter().flatten().map(String::as_str);
        let succeeded = uncounted.and_then(|lists| lists.succeeded.as_ref()).into_iter().flatten();
        let uncounted_failed: HashSet<&str> = failed.collect();
        let mut context = Self {
            job,
            pods,
            now,
            status: job.status.clone(),
            counts: Counts::default(),
            uncounted: succeeded.map(String::as_str).chain(uncounted_failed.iter().copied()).collect(),
            uncounted_failed,
            previous_succeeded: Indexes::default(),
            succeeded_indexes: Indexes::default(),
            failed_indexes: None,
            newly_failed_indexes: Indexes::default(),
            delayed: BTreeMap::new(),
            resumes: !job.spec.is_suspended() && conditions::is_true(&job.status, "Suspended"),
        };
        context.status.uncounted_terminated_pods.get_or_insert_default();
        if !job.spec.is_suspended() && (context.resumes || job.status.start_time.is_none()) {
            context.status.start_time = Some(context.time());
        }
        context.tally();
        context
    }

    fn tally(&mut self) {
        let new = |pod: &&PodView| !self.uncounted.contains(pod.uid.as_str()) && self.is_valid(pod);
        let succeeded = self.pods.ended().filter(new).filter(|pod| pod.phase == Phase::Succeeded).count();
        let failed =
            self.pods.ended().filter(new).filter(|pod| self.is_failed(pod) && self.counts_as_failed(pod)).count();
        let tally = self.pods.tally();
        let uncounted_succeeded = self.uncounted.len() - self.uncounted_failed.len();
        self.counts = Counts {
            active: count(tally.active),
            ready: count(tally.ready),
            terminating: count(tally.terminating),
            succeeded: self.job.status.succeeded.unwrap_or(0) + count(succeeded + uncounted_succeeded),
            failed: self.job.status.failed.unwrap_or(0) + count(failed + self.uncounted_failed.len()),
        };
        if self.job.spec.is_indexed() {
            self.tally_indexes();
        }
    }

    fn tally_indexes(&mut self) {
        let text = self.job.status.completed_indexes.as_deref().unwrap_or_default();
        self.previous_succeeded = Indexes::parse(text, self.job.spec.indexes());
        let failed =
            Indexes::parse(self.job.status.failed_indexes.as_deref().unwrap_or_default(), self.job.spec.indexes());
        let succeeded = |pod: &&PodView| pod.phase == Phase::Succeeded && self.is_valid(pod);
        let new = Indexes::collect(
            self.pods
                .ended()
                .filter(succeeded)
                .filter(|pod| !self.uncounted_failed.contains(pod.uid.as_str()))
                .filter_map(|pod| pod.index)
                .filter(|index| !failed.contains(*index)),
        );
        self.succeeded_indexes = self.previous_succeeded.union(&new);
        self.counts.succeeded = i32::try_from(self.succeeded_indexes.total()).unwrap_or(i32::MAX);
        if let Some(limit) = self.job.spec.backoff_limit_per_index {
            let new = per_index::newly_failed_indexes(self, limit);
            self.failed_indexes = Some(failed.union(&new));
            self.newly_failed_indexes = new;
            self.delayed = per_index::delayed_pods(self);
        }
    }

    /// Now, as a status stores it.
    pub(super) fn time(&self) -> Time {
        Time(whole_seconds(self.now))
    }

    /// Whether the pod counts as failed by its state: in phase Failed, or, when pods are replaced as soon as they
    /// terminate, being deleted and not Succeeded (`isPodFailed`).
    pub(super) fn is_failed(&self, pod: &PodView) -> bool {
        let early = !self.job.spec.only_replaces_failed_pods() && pod.deleting;
        pod.phase == Phase::Failed || (early && pod.phase != Phase::Succeeded)
    }

    /// Whether no rule of the pod failure policy ignores the pod's failure.
    pub(super) fn counts_as_failed(&self, pod: &PodView) -> bool {
        self.verdict(pod) != Verdict::Ignore
    }

    /// What the pod failure policy says of a failed pod.
    pub(super) fn verdict(&self, pod: &PodView) -> Verdict {
        failure_policy::judge(self.job.spec.pod_failure_policy.as_ref(), &self.job.namespace, pod)
    }

    /// Whether the pod has an index within the Job's, where it needs one.
    pub(super) fn is_valid(&self, pod: &PodView) -> bool {
        !self.job.spec.is_indexed() || pod.index.is_some_and(|index| index < self.job.spec.indexes())
    }
}

/// Counters are 32 bits wide on the wire.
pub(super) fn count(pods: usize) -> i32 {
    i32::try_from(pods).unwrap_or(i32::MAX)
}

/// Counters that are zero are absent, as Go's `omitempty` writes them.
pub(super) fn omit_zero(count: i32) -> Option<i32> {
    (count != 0).then_some(count)
}
