//! The laws of garbage collection over random graphs of owners, with circles, owners in other namespaces, wrong claims,
//! namesakes and events that arrive late: nothing is deleted that an owner holds, and nothing is left over. The world
//! checks each single delete; here the end is checked against a scan of all objects.

mod world;

use api::Uid;
use proptest::prelude::*;

use super::plan::Propagation;
use world::{World, claim};

/// What an owner reference says: the number of an object, how the reference is wrong, and whether it blocks.
type Reference = (usize, Wrong, bool);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Kind,
    Name,
    Uid,
}

#[derive(Clone, Debug)]
enum Action {
    /// Somebody makes an object with this number, which says its kind and namespace, unless it is there.
    Create(usize, Vec<Reference>),
    EditOwners(usize, Vec<Reference>),
    Delete(usize, Propagation),
    /// So many events arrive.
    Deliver(usize),
    /// The collector looks at an object of its queue.
    Work(usize),
}

fn references(objects: usize) -> impl Strategy<Value = Vec<Reference>> {
    let wrong =
        prop_oneof![8 => Just(Wrong::Nothing), 1 => Just(Wrong::Kind), 1 => Just(Wrong::Name), 1 => Just(Wrong::Uid)];
    prop::collection::vec((0..objects, wrong, any::<bool>()), 0..4)
}

fn action(objects: usize) -> impl Strategy<Value = Action> {
    let policy =
        prop::sample::select([Propagation::Background, Propagation::Foreground, Propagation::Orphan].as_slice());
    prop_oneof![
        6 => (0..objects, references(objects)).prop_map(|(object, owners)| Action::Create(object, owners)),
        2 => (0..objects, references(objects)).prop_map(|(object, owners)| Action::EditOwners(object, owners)),
        3 => (0..objects, policy).prop_map(|(object, policy)| Action::Delete(object, policy)),
        4 => (1usize..6).prop_map(Action::Deliver),
        4 => (0usize..16).prop_map(Action::Work),
    ]
}

fn act(world: &mut World, action: &Action) {
    match action {
        Action::Create(object, owners) => world.create(*object, owners),
        Action::EditOwners(object, owners) => world.edit_owners(*object, owners),
        Action::Delete(object, policy) => world.user_deletes(*object, *policy),
        Action::Deliver(count) => world.deliver(*count),
        Action::Work(number) => world.work(*number),
    }
}

/// Whatever is left has no owners, or only such as hold it; and nothing is on its way out.
fn check_end(world: &World) -> Result<(), TestCaseError> {
    for (uid, (_, meta)) in &world.live {
        if world.is_locked(uid) {
            continue;
        }
        prop_assert!(!meta.is_deleting(), "{uid} never goes: {:#?}", world.live);
        let lonely: Vec<&Uid> =
            meta.owners.iter().filter(|owner| !world.holds(meta, owner)).map(|owner| &owner.uid).collect();
        // What hangs on a circle that is locked waits with it.
        let waits = meta.owners.iter().any(|owner| world.is_locked(&owner.uid));
        prop_assert!(lonely.is_empty() || waits, "{uid} is left with {lonely:?}: {:#?}", world.live);
    }
    for uid in &world.spared {
        prop_assert!(world.live.contains_key(uid), "{uid} was orphaned on purpose, and collected");
    }
    Ok(())
}

fn check(objects: usize, actions: &[Action]) -> Result<(), TestCaseError> {
    let mut world = World::new(objects);
    for action in actions {
        act(&mut world, action);
    }
    world.drain();
    check_end(&world)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn no_wrong_delete_and_no_leak_in_small_graphs(actions in prop::collection::vec(action(8), 0..60)) {
        check(8, &actions)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_wrong_delete_and_no_leak_in_large_graphs(actions in prop::collection::vec(action(200), 200..800)) {
        check(200, &actions)?;
    }
}

/// A circle that is deleted in the foreground waits for itself, and goes all the same.
#[test]
fn circles_go() {
    for policy in [Propagation::Background, Propagation::Foreground] {
        let mut world = World::new(4);
        world.create(0, &[(2, Wrong::Nothing, true)]);
        world.create(1, &[(0, Wrong::Nothing, true)]);
        world.create(2, &[(1, Wrong::Nothing, true)]);
        assert_eq!(claim(0).0, claim(2).0, "the circle is of one namespace");
        world.edit_owners(0, &[(2, Wrong::Nothing, true)]);
        world.drain();
        world.user_deletes(0, policy);
        world.drain();
        assert!(world.live.is_empty(), "{policy:?}: {:#?}", world.live);
    }
}
