//! Pods that were put in, changed and taken out in any order are known as if they had come at once.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::plan::indexes::Indexes;

fn view() -> impl Strategy<Value = PodView> {
    let phases =
        prop::sample::select(vec![Phase::Pending, Phase::Unknown, Phase::Running, Phase::Succeeded, Phase::Failed]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (0_u8..12, phases, flags, prop::option::of(0_u32..6), 0_i32..4).prop_map(|(name, phase, flags, index, restarts)| {
        let (owned, matches, tracked, deleting, ready) = flags;
        let ready_since = ready.then_some(jiff::Timestamp::UNIX_EPOCH);
        let uid = Uid::from(format!("pod-{name:02}").as_str());
        PodView { uid, phase, owned, matches, tracked, deleting, ready_since, index, restarts, ..PodView::default() }
    })
}

fn uids<'a>(pods: impl Iterator<Item = &'a PodView>) -> Vec<Uid> {
    pods.map(|pod| pod.uid.clone()).collect()
}

proptest! {
    #[test]
    fn what_is_known_of_pods_is_what_a_look_at_all_of_them_finds(
        steps in prop::collection::vec((view(), any::<bool>()), 0..60),
    ) {
        let mut pods = Pods::new();
        let mut model: BTreeMap<Uid, PodView> = BTreeMap::new();
        for (view, goes) in steps {
            if goes {
                prop_assert_eq!(pods.remove(&view.uid), model.remove(&view.uid));
            } else {
                prop_assert_eq!(pods.insert(view.uid.clone(), view.clone()), model.insert(view.uid.clone(), view));
            }
        }
        let own = || model.values().filter(|pod| pod.owned);
        let ended = |pod: &&PodView| pod.phase.is_terminal() || pod.deleting;
        prop_assert_eq!(uids(pods.values()), uids(model.values()));
        prop_assert_eq!(uids(pods.active()), uids(own().filter(|pod| pod.is_active())));
        prop_assert_eq!(uids(pods.ended()), uids(own().filter(ended).filter(|pod| pod.tracked)));
        prop_assert_eq!(uids(pods.released()), uids(own().filter(ended).filter(|pod| !pod.tracked)));
        prop_assert_eq!(uids(pods.misplaced()), uids(model.values().filter(|pod| pod.owned != pod.matches)));
        prop_assert_eq!(pods.tally().active, own().filter(|pod| pod.is_active()).count());
        prop_assert_eq!(pods.tally().ready, own().filter(|pod| pod.is_ready()).count());
        prop_assert_eq!(pods.tally().terminating, own().filter(|pod| pod.is_terminating()).count());
        let running = own().filter(|pod| matches!(pod.phase, Phase::Pending | Phase::Running));
        prop_assert_eq!(pods.tally().restarts(), running.map(|pod| pod.restarts).sum::<i32>());
        let places = |pods: Vec<&PodView>| Indexes::collect(pods.into_iter().filter_map(|pod| pod.index));
        prop_assert_eq!(pods.active_places().indexes(), places(own().filter(|pod| pod.is_active()).collect()));
        let terminating = own().filter(|pod| pod.is_terminating()).collect();
        prop_assert_eq!(pods.terminating_places().indexes(), places(terminating));
        let mut taken: Vec<Option<u32>> = own().filter(|pod| pod.is_active()).map(|pod| pod.index).collect();
        let all = taken.len();
        taken.sort_unstable();
        taken.dedup();
        let proper = taken.len() == all && taken.iter().all(|index| index.is_some_and(|index| index < 4));
        prop_assert_eq!(pods.active_places().are_proper(4), proper);
        for index in 0..6 {
            prop_assert_eq!(pods.active_places().contains(index), taken.contains(&Some(index)));
        }
    }
}
