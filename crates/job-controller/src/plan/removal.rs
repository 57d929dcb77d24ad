//! Which active pods go first when a Job has too many (`activePodsForRemoval`, `controller.ActivePods`).

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use super::PodView;
use super::context::Context;

/// At least `at_least` active pods; more when an Indexed Job has pods without a valid index, or several of one index.
pub(super) fn choose<'a>(context: &Context<'a>, at_least: usize) -> Vec<&'a PodView> {
    let (is_indexed, completions) = (context.job.spec.is_indexed(), context.job.spec.indexes());
    if at_least == 0 && (!is_indexed || context.pods.active_places().are_proper(completions)) {
        return Vec::new();
    }
    let (mut chosen, mut left) = if is_indexed {
        superfluous(context.pods.active(), completions)
    } else {
        (Vec::new(), context.pods.active().collect())
    };
    if chosen.len() < at_least {
        left.sort_by(|a, b| first_to_go(a, b));
        chosen.extend(left.into_iter().take(at_least - chosen.len()));
    }
    chosen
}

/// Pods without a valid index and all but the best pod of each index; then the rest.
fn superfluous<'a>(
    active: impl Iterator<Item = &'a PodView>,
    completions: u32,
) -> (Vec<&'a PodView>, Vec<&'a PodView>) {
    let (mut chosen, mut left) = (Vec::new(), Vec::new());
    let mut by_index: BTreeMap<u32, Vec<&'a PodView>> = BTreeMap::new();
    for pod in active {
        match pod.index.filter(|index| *index < completions) {
            Some(index) => by_index.entry(index).or_default().push(pod),
            None => chosen.push(pod),
        }
    }
    for mut same in by_index.into_values() {
        same.sort_by(|a, b| first_to_go(a, b));
        left.extend(same.pop());
        chosen.extend(same);
    }
    (chosen, left)
}

/// Unassigned before assigned, Pending before Unknown before Running, not ready before ready, newest ready first, most
/// restarts first, youngest first.
///
/// Differs: a pod without the tracking finalizer comes first of all. It is one whose removal was cut short between
/// stripping the finalizer and deleting the pod, and its end would not be counted.
fn first_to_go(a: &PodView, b: &PodView) -> Ordering {
    let order = |pod: &PodView| {
        let ready = (pod.ready_since.is_some(), Reverse(pod.ready_since));
        let age = (Reverse(pod.most_restarts), Reverse(pod.created));
        (pod.tracked, pod.assigned, pod.phase, ready, age)
    };
    order(a).cmp(&order(b)).then_with(|| a.uid.cmp(&b.uid))
}
