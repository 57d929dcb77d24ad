//! The graph, event by event, and then against a naive model that scans everything each time.

use std::collections::BTreeMap;

use api::{Gvr, Kind};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn resources() -> Vec<Resource> {
    let resource = |gvr: Gvr, kind: &'static str, namespaced: bool| Resource {
        kind: Kind { group: gvr.group.clone(), version: gvr.version.clone(), kind: kind.into() },
        gvr,
        namespaced,
    };
    vec![
        resource(api::resource::JOBS, "Job", true),
        resource(api::resource::PODS, "Pod", true),
        resource(api::resource::NODES, "Node", false),
    ]
}

fn owner(kind: &str, name: &str, uid: &str, blocking: bool) -> OwnerRef {
    let api_version = if kind == "Job" { "batch/v1" } else { "v1" };
    OwnerRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.into(),
        controller: false,
        block_owner_deletion: blocking,
    }
}

fn meta(namespace: &str, name: &str, uid: &str, owners: Vec<OwnerRef>) -> Meta {
    Meta {
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
        uid: uid.into(),
        owners: owners.into(),
        ..Meta::default()
    }
}

fn deleted(mut meta: Meta, finalizer: &str) -> Meta {
    meta.deletion_timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
    meta.finalizers = vec![finalizer.to_owned()];
    meta
}

/// A graph and what its last event woke, sorted.
struct Bench(Graph, Effects);

impl Bench {
    fn new() -> Self {
        Self(Graph::new(resources()), Effects::default())
    }

    fn apply(&mut self, resource: usize, meta: &Meta) -> Vec<String> {
        self.1 = Effects::default();
        self.0.apply(resource, meta, &mut self.1);
        self.woken()
    }

    fn delete(&mut self, uid: &str) -> Vec<String> {
        self.1 = Effects::default();
        self.0.delete(&uid.into(), &mut self.1);
        self.woken()
    }

    fn woken(&self) -> Vec<String> {
        let mut woken: Vec<String> = self.1.wake.iter().map(Uid::to_string).collect();
        woken.sort();
        woken.dedup();
        woken
    }
}

#[test]
fn dependents_of_a_present_owner_rest_and_are_woken_by_its_end() {
    let mut bench = Bench::new();
    assert!(bench.apply(0, &meta("n", "job", "j", vec![])).is_empty());
    for pod in ["p1", "p2"] {
        let pod = meta("n", pod, pod, vec![owner("Job", "job", "j", true)]);
        assert!(bench.apply(1, &pod).is_empty());
        assert!(bench.apply(1, &pod).is_empty(), "an update that changes no owner wakes nobody");
        assert_eq!(bench.0.step(&pod.uid), Step::Nothing);
    }
    assert_eq!(bench.delete("j"), ["p1", "p2"]);
    assert!(matches!(bench.0.step(&"p1".into()), Step::Examine(target) if &*target.name == "p1"));
    let pod = bench.0.target(&"p1".into()).expect("known");
    assert_eq!(bench.0.standing(&pod, &owner("Job", "job", "j", true)), Standing::Absent);
    bench.delete("p1");
    bench.delete("p2");
    assert!(bench.0.is_empty(), "a gone owner is forgotten with its last dependent");
}

#[test]
fn an_owner_that_was_never_seen_is_asked_for() {
    let mut bench = Bench::new();
    let pod = meta("n", "p", "p", vec![owner("Job", "job", "j", false)]);
    assert_eq!(bench.apply(1, &pod), ["p"]);
    assert!(matches!(bench.0.step(&"p".into()), Step::Examine(_)));
    assert!(bench.apply(0, &meta("n", "job", "j", vec![])).is_empty());
    assert_eq!(bench.0.step(&"p".into()), Step::Nothing, "it was seen after all");
}

#[test]
fn a_foreground_delete_wakes_the_dependents_and_ends_with_the_last_that_blocks() {
    let mut bench = Bench::new();
    let job = meta("n", "job", "j", vec![]);
    bench.apply(0, &job);
    bench.apply(1, &meta("n", "p1", "p1", vec![owner("Job", "job", "j", true)]));
    bench.apply(1, &meta("n", "p2", "p2", vec![owner("Job", "job", "j", true)]));
    bench.apply(1, &meta("n", "p3", "p3", vec![owner("Job", "job", "j", false)]));
    let waiting = deleted(job, FOREGROUND_FINALIZER);
    assert_eq!(bench.apply(0, &waiting), ["j", "p1", "p2", "p3"]);
    assert!(bench.apply(0, &waiting).is_empty(), "woken once");
    assert_eq!(bench.0.step(&"j".into()), Step::Nothing, "two dependents block");
    assert!(bench.delete("p1").is_empty());
    assert_eq!(bench.apply(1, &meta("n", "p2", "p2", vec![])), ["j"], "a reference taken off blocks no more");
    assert!(matches!(bench.0.step(&"j".into()), Step::Release(_)));
}

#[test]
fn an_orphaning_delete_names_the_dependents() {
    let mut bench = Bench::new();
    let job = meta("n", "job", "j", vec![]);
    bench.apply(0, &job);
    bench.apply(1, &meta("n", "p1", "p1", vec![owner("Job", "job", "j", true)]));
    assert_eq!(bench.apply(0, &deleted(job, ORPHAN_FINALIZER)), ["j"]);
    let Step::Orphan(target, dependents) = bench.0.step(&"j".into()) else { panic!("orphans") };
    assert_eq!((&*target.name, &*dependents[0].name), ("job", "p1"));
}

#[test]
fn an_owner_in_another_namespace_is_reported_and_not_believed() {
    let pod = meta("b", "p", "p", vec![owner("Job", "job", "j", true)]);
    for owner_first in [true, false] {
        let mut bench = Bench::new();
        if owner_first {
            bench.apply(0, &meta("a", "job", "j", vec![]));
            assert_eq!(bench.apply(1, &pod), ["p"]);
        } else {
            bench.apply(1, &pod);
            assert_eq!(bench.apply(0, &meta("a", "job", "j", vec![])), ["p"]);
        }
        assert_eq!(bench.1.foreign.len(), 1);
        assert!(matches!(bench.0.step(&"p".into()), Step::Examine(_)));
    }
    let mut bench = Bench::new();
    bench.apply(2, &Meta { name: "node".to_owned(), uid: "x".into(), ..Meta::default() });
    let pod = meta("b", "p", "p", vec![owner("Node", "node", "x", true)]);
    assert!(bench.apply(1, &pod).is_empty(), "a cluster-scoped owner is in reach of all");
}

#[test]
fn a_claim_that_names_the_owner_wrongly_is_looked_into() {
    let mut bench = Bench::new();
    bench.apply(0, &meta("n", "job", "j", vec![]));
    for wrong in [owner("Pod", "job", "j", false), owner("Job", "other", "j", false)] {
        assert_eq!(bench.apply(1, &meta("n", "p", "p", vec![wrong])), ["p"]);
        assert!(bench.1.foreign.is_empty());
    }
    let other_version = OwnerRef { api_version: "batch/v1beta1".to_owned(), ..owner("Job", "job", "j", false) };
    bench.apply(1, &meta("n", "p", "p", vec![other_version]));
    assert_eq!(bench.0.step(&"p".into()), Step::Nothing, "the version does not matter");
}

#[test]
fn a_reset_ends_what_the_list_does_not_have() {
    let mut bench = Bench::new();
    bench.apply(0, &meta("n", "job", "j", vec![]));
    bench.apply(1, &meta("n", "p", "p", vec![owner("Job", "job", "j", false)]));
    let mut effects = Effects::default();
    let successor = meta("n", "job", "j2", vec![]);
    bench.0.reset(0, std::iter::once(&successor), &mut effects);
    assert_eq!(effects.wake, ["p".into()], "a successor of the same name is another object");
}

#[test]
fn an_object_that_owns_itself_can_come_and_go() {
    let mut bench = Bench::new();
    let selfish = meta("n", "job", "j", vec![owner("Job", "job", "j", true)]);
    bench.apply(0, &selfish);
    bench.apply(0, &deleted(selfish, FOREGROUND_FINALIZER));
    assert!(matches!(bench.0.step(&"j".into()), Step::Release(_)), "it does not wait for itself");
    bench.delete("j");
    assert!(bench.0.is_empty());
}

#[test]
fn a_hundred_thousand_dependents_cost_no_scan_per_event() {
    let mut bench = Bench::new();
    let job = meta("n", "job", "j", vec![]);
    bench.apply(0, &job);
    let pods: Vec<Meta> = (0..100_000)
        .map(|n| meta("n", &format!("p{n}"), &format!("p{n}"), vec![owner("Job", "job", "j", true)]))
        .collect();
    let mut woken = 0;
    for pod in &pods {
        let mut effects = Effects::default();
        bench.0.apply(1, pod, &mut effects);
        bench.0.apply(1, pod, &mut effects);
        woken += effects.wake.len();
    }
    assert_eq!(woken, 0);
    let mut effects = Effects::default();
    bench.0.apply(0, &deleted(job, FOREGROUND_FINALIZER), &mut effects);
    assert_eq!(effects.wake.len(), 100_001);
    let mut effects = Effects::default();
    for pod in &pods {
        bench.0.delete(&pod.uid, &mut effects);
    }
    assert_eq!(effects.wake, ["j".into()], "the owner is woken once, by the last of them");
}

/// One object of the naive model: who it says its owners are.
type Naive = BTreeMap<String, (usize, Meta)>;

#[derive(Clone, Debug)]
enum Event {
    Apply { object: u8, owners: Vec<(u8, bool)>, waiting: bool },
    Delete(u8),
    Reset(Vec<u8>),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let object = 0..8_u8;
    let owners = prop::collection::vec((object.clone(), any::<bool>()), 0..4);
    let event = prop_oneof![
        4 => (object.clone(), owners, any::<bool>())
            .prop_map(|(object, owners, waiting)| Event::Apply { object, owners, waiting }),
        2 => object.clone().prop_map(Event::Delete),
        1 => prop::collection::vec(object, 0..8).prop_map(Event::Reset),
    ];
    prop::collection::vec(event, 0..60)
}

fn numbered(object: u8, owners: &[(u8, bool)], waiting: bool) -> Meta {
    let owners = owners.iter().map(|(n, blocking)| owner("Pod", &format!("o{n}"), &format!("o{n}"), *blocking));
    let name = format!("o{object}");
    let meta = meta("n", &name, &name, owners.collect());
    if waiting { deleted(meta, FOREGROUND_FINALIZER) } else { meta }
}

fn check_against(graph: &Graph, naive: &Naive) {
    for (uid, (_, meta)) in naive {
        let refers = |other: &&(usize, Meta)| other.1.owners.iter().any(|owner| owner.uid == meta.uid);
        let blocks = |other: &&(usize, Meta)| {
            let blocks = |owner: &OwnerRef| owner.uid == meta.uid && owner.block_owner_deletion;
            other.1.uid != meta.uid && other.1.owners.iter().any(blocks)
        };
        let node = &graph.nodes[&meta.uid];
        assert_eq!(node.dependents.len(), naive.values().filter(refers).count(), "dependents of {uid}");
        assert_eq!(node.blocking, naive.values().filter(blocks).count(), "blockers of {uid}");
        let step = graph.step(&meta.uid);
        if meta.is_deleting() {
            assert_eq!(matches!(step, Step::Release(_)), node.blocking == 0, "release of {uid}");
        } else {
            let holds = |owner: &OwnerRef| naive.get(owner.uid.as_str()).is_some_and(|it| !it.1.is_deleting());
            assert_eq!(step == Step::Nothing, meta.owners.iter().all(holds), "step of {uid}");
        }
    }
    let referred = |uid: &Uid| naive.values().any(|it| it.1.owners.iter().any(|owner| owner.uid == *uid));
    assert!(graph.nodes.keys().all(|uid| naive.contains_key(uid.as_str()) || referred(uid)), "nothing is left over");
}

proptest! {
    #[test]
    fn the_graph_is_what_a_scan_of_all_objects_finds(events in events()) {
        let (mut graph, mut naive) = (Graph::new(resources()), Naive::new());
        // A UID never comes back: what was deleted stays away.
        let mut ended = std::collections::BTreeSet::new();
        for event in events {
            let mut effects = Effects::default();
            match event {
                Event::Apply { object, owners, waiting } if !ended.contains(&object) => {
                    let waiting = waiting || naive.get(&format!("o{object}")).is_some_and(|it| it.1.is_deleting());
                    let meta = numbered(object, &owners, waiting);
                    graph.apply(1, &meta, &mut effects);
                    naive.insert(meta.name.clone(), (1, meta));
                }
                Event::Apply { .. } => {}
                Event::Delete(object) => {
                    let uid = format!("o{object}");
                    if naive.remove(&uid).is_some() {
                        ended.insert(object);
                        graph.delete(&uid.as_str().into(), &mut effects);
                    }
                }
                Event::Reset(kept) => {
                    ended.extend((0..8_u8).filter(|n| !kept.contains(n) && naive.contains_key(&format!("o{n}"))));
                    naive.retain(|_, it| kept.iter().any(|n| it.1.name == format!("o{n}")));
                    graph.reset(1, naive.values().map(|it| &it.1), &mut effects);
                }
            }
            check_against(&graph, &naive);
        }
    }
}

#[test]
fn references_in_json_are_read_as_the_graph_expects() {
    let object = api::Object::from_value(&json!({ "metadata": { "name": "p", "uid": "p", "ownerReferences": [
        { "apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "j", "blockOwnerDeletion": true }
    ] } }))
    .expect("an object");
    assert_eq!(*object.meta().owners, [owner("Job", "job", "j", true)]);
}
