//! `spec.backoffLimitPerIndex`: each index of an Indexed Job has retries and a back-off of its own, counted in
//! annotations that every replacement pod inherits (`pkg/controller/job/indexed_job_utils.go`).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::backoff;
use super::context::Context;
use super::failure_policy::Verdict;
use super::indexes::Indexes;
use super::{Create, PodView};

/// The indexes of newly failed pods that have failed for good.
///
/// Differs: an index that has succeeded cannot fail as well, nor the reverse; upstream lets both happen when two pods
/// of one index end differently, and its API server then refuses every further status.
pub(super) fn newly_failed_indexes(context: &Context<'_>, limit: i32) -> Indexes {
    let fails = |pod: &&PodView| {
        let spent = pod.index_failures >= limit;
        context.is_failed(pod)
            && match context.verdict(pod) {
                Verdict::FailIndex => true,
                Verdict::Ignore => false,
                Verdict::Count | Verdict::FailJob(_) => spent,
            }
    };
    let failed = context.pods.ended().filter(|pod| context.is_valid(pod)).filter(fails);
    Indexes::collect(failed.filter_map(|pod| pod.index).filter(|index| !context.succeeded_indexes.contains(*index)))
}

/// The last failed pod of each index that is neither done nor active: it keeps its finalizer until its replacement,
/// which inherits its counts, exists.
pub(super) fn delayed_pods<'a>(context: &Context<'a>) -> BTreeMap<u32, &'a PodView> {
    let done = |index: u32| {
        let failed = context.failed_indexes.as_ref().is_some_and(|failed| failed.contains(index));
        failed || context.succeeded_indexes.contains(index) || context.pods.active_places().contains(index)
    };
    let mut last: BTreeMap<u32, &'a PodView> = BTreeMap::new();
    for pod in context.pods.ended().filter(|pod| context.is_failed(pod) && context.is_valid(pod)) {
        let Some(index) = pod.index.filter(|index| !done(*index)) else { continue };
        let order = |pod: &PodView| (failures(pod), pod.finished);
        let kept = last.entry(index).or_insert(pod);
        if order(pod) >= order(kept) {
            *kept = pod;
        }
    }
    last
}

/// Failures of the pod's index before it, counted and ignored.
fn failures(pod: &PodView) -> u32 {
    u32::try_from(pod.index_failures.saturating_add(pod.index_ignored_failures)).unwrap_or(0)
}

/// Until when the index has to wait for its next pod, if that lies ahead.
pub(super) fn until(context: &Context<'_>, index: u32) -> Option<Timestamp> {
    let pod = context.delayed.get(&index)?;
    backoff::until(failures(pod).saturating_add(1), pod.finished, context.now)
}

/// The next pod of an index, with the failures that it inherits.
pub(super) fn create(context: &Context<'_>, index: u32) -> Create {
    let inherited = context.delayed.get(&index).map_or((0, 0), |pod| {
        let (counted, ignored) = (pod.index_failures, pod.index_ignored_failures);
        if context.counts_as_failed(pod) { (counted + 1, ignored) } else { (counted, ignored + 1) }
    });
    let per_index = context.job.spec.backoff_limit_per_index.is_some();
    Create { index: Some(index), index_failures: per_index.then_some(inherited) }
}
