//! Which of a controller's pods are given up first (`ActivePodsWithRanks`).
//!
//! Differs: where two times are of the same magnitude upstream decides by UID at once; here the rules after it are
//! asked first and the UID last, since an order must be total. Upstream's rank of pods by how many siblings share their
//! node compares the siblings of one Deployment, and is the same for all pods of a ReplicationController.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::super::pod::PodView;

/// So many pods, the least useful first; all of them in no order when there are no more.
pub(super) fn least_useful(mut pods: Vec<&PodView>, count: usize, now: Timestamp) -> Vec<&PodView> {
    if count < pods.len() {
        pods.sort_by_cached_key(|pod| rank(pod, now));
        pods.truncate(count);
    }
    pods
}

/// Lower goes first.
fn rank<'a>(pod: &'a PodView, now: Timestamp) -> impl Ord + use<'a> {
    (
        // Without a node before with one; pending before unknown before running; not ready before ready.
        (pod.assigned, pod.phase, pod.ready),
        pod.deletion_cost,
        // Ready for less time before ready for longer.
        pod.ready.then(|| magnitude(pod.ready_since, now)),
        Reverse((pod.restarts, pod.sidecar_restarts)),
        // Newer before older.
        magnitude(pod.created, now),
        pod.uid.as_str(),
    )
}

/// The binary logarithm of an age, so that ages of the same order of magnitude are equal; an unknown age is least.
fn magnitude(since: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let age_nanos = now.duration_since(since?).as_nanos();
    Some(if age_nanos > 0 { i64::from(age_nanos.ilog2()) } else { -1 })
}

#[cfg(test)]
mod tests {
    use api::Uid;

    use super::super::super::pod::Phase;
    use super::*;

    fn pod(uid: &str) -> PodView {
        let since = Timestamp::from_second(1_000).ok();
        PodView {
            uid: Uid::from(uid),
            assigned: true,
            phase: Phase::Running,
            ready: true,
            ready_since: since,
            created: since,
            ..PodView::default()
        }
    }

    /// Checks that the second pod goes before the first, which goes before it by UID.
    fn goes_first(other: PodView) {
        let now = Timestamp::from_second(2_000).expect("in range");
        let (stays, other) = (pod("a"), PodView { uid: Uid::from("b"), ..other });
        assert_eq!(least_useful(vec![&stays, &other], 1, now)[0].uid, other.uid, "{other:?}");
    }

    #[test]
    fn each_rule_decides_when_those_before_it_do_not() {
        let at = |second| Timestamp::from_second(second).ok();
        let base = || pod("b");
        goes_first(PodView { assigned: false, ..base() });
        goes_first(PodView { phase: Phase::Pending, ..base() });
        goes_first(PodView { phase: Phase::Unknown, ..base() });
        goes_first(PodView { ready: false, ready_since: None, ..base() });
        goes_first(PodView { deletion_cost: -1, ..base() });
        goes_first(PodView { ready_since: at(1_900), ..base() });
        goes_first(PodView { ready_since: None, ..base() });
        goes_first(PodView { restarts: 1, ..base() });
        goes_first(PodView { sidecar_restarts: 1, ..base() });
        goes_first(PodView { created: at(1_900), ..base() });
    }

    #[test]
    fn earlier_rules_go_before_later_ones() {
        let now = Timestamp::from_second(2_000).expect("in range");
        let pending = PodView { phase: Phase::Pending, ready: false, deletion_cost: 5, ..pod("a") };
        let cheap = PodView { deletion_cost: -5, restarts: 9, ..pod("b") };
        let unassigned = PodView { assigned: false, deletion_cost: 9, ..pod("c") };
        let order = least_useful(vec![&cheap, &pending, &unassigned, &pod("d")], 3, now)
            .iter()
            .map(|pod| pod.uid.to_string())
            .collect::<Vec<_>>();
        assert_eq!(order, ["c", "a", "b"]);
    }

    #[test]
    fn ages_of_one_magnitude_are_equal() {
        let now = Timestamp::from_second(2_000).expect("in range");
        let younger = PodView { ready_since: Timestamp::from_second(1_010).ok(), ..pod("b") };
        assert_eq!(least_useful(vec![&younger, &pod("a")], 1, now)[0].uid.as_str(), "a", "by UID");
    }
}
