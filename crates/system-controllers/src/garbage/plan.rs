//! What becomes of an object, given how each of its owners stands. Pure; follows `attemptToDeleteItem` of
//! `pkg/controller/garbagecollector/garbagecollector.go`.

use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::{Meta, Uid};

use super::graph::Standing;

/// How a delete is to spread to the object's own dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are left, without the reference.
    Orphan,
    /// They are collected after the object is gone.
    Background,
    /// They go first.
    Foreground,
}

impl Propagation {
    /// The text on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orphan => "Orphan",
            Self::Background => "Background",
            Self::Foreground => "Foreground",
        }
    }
}

/// What to do with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave it.
    Keep,
    /// An owner holds it: take off the references to these others.
    DropReferences(Vec<Uid>),
    /// Delete it.
    Delete(Propagation),
    /// It is part of a circle that waits for itself: let its references block no owner, then delete it.
    UnblockAndDelete,
}

/// What the graph knows of the object's own dependents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dependents {
    /// There are some.
    pub any: bool,
    /// One of them waits for its own dependents.
    pub any_waiting: bool,
}

/// Decides. `owners` are the object's references, each with how its owner stands; an owner of which nothing is known
/// counts as present, so that nothing is ever deleted on a guess.
pub fn judge(object: &Meta, owners: &[(Uid, Standing)], dependents: Dependents) -> Verdict {
    let those = |wanted: fn(Standing) -> bool| owners.iter().filter(move |owner| wanted(owner.1));
    let holds = |standing| matches!(standing, Standing::Present | Standing::Unknown);
    let waits = |standing| standing == Standing::Waiting;
    if object.is_deleting() || owners.is_empty() {
        return Verdict::Keep;
    }
    if those(holds).next().is_some() {
        let others: Vec<Uid> = those(|standing| matches!(standing, Standing::Absent | Standing::Waiting))
            .map(|owner| owner.0.clone())
            .collect();
        return if others.is_empty() { Verdict::Keep } else { Verdict::DropReferences(others) };
    }
    if those(waits).next().is_some() && dependents.any {
        return if dependents.any_waiting {
            Verdict::UnblockAndDelete
        } else {
            Verdict::Delete(Propagation::Foreground)
        };
    }
    Verdict::Delete(if object.has_finalizer(ORPHAN_FINALIZER) {
        Propagation::Orphan
    } else if object.has_finalizer(FOREGROUND_FINALIZER) {
        Propagation::Foreground
    } else {
        Propagation::Background
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Absent, Present, Unknown, Waiting};

    fn check(finalizers: &[&str], standings: &[Standing], dependents: Dependents, verdict: Verdict) {
        let finalizers = finalizers.iter().map(|name| (*name).to_owned()).collect();
        let object = Meta { finalizers, ..Meta::default() };
        let uid = |index: usize| Uid::from(index.to_string().as_str());
        let owners: Vec<(Uid, Standing)> = standings.iter().enumerate().map(|(n, it)| (uid(n), *it)).collect();
        assert_eq!(judge(&object, &owners, dependents), verdict, "{standings:?} {dependents:?}");
    }

    #[test]
    fn verdicts_follow_upstreams_cases() {
        let none = Dependents::default();
        let some = Dependents { any: true, any_waiting: false };
        let circle = Dependents { any: true, any_waiting: true };
        let delete = Verdict::Delete;
        let drops = |uids: &[&str]| Verdict::DropReferences(uids.iter().map(|uid| Uid::from(*uid)).collect());
        check(&[], &[], none, Verdict::Keep);
        check(&[], &[Present], none, Verdict::Keep);
        check(&[], &[Absent], none, delete(Propagation::Background));
        check(&[], &[Absent, Absent], some, delete(Propagation::Background));
        check(&["orphan"], &[Absent], some, delete(Propagation::Orphan));
        check(&["foregroundDeletion"], &[Absent], some, delete(Propagation::Foreground));
        check(&[], &[Present, Absent, Waiting], none, drops(&["1", "2"]));
        check(&[], &[Unknown, Absent], none, drops(&["1"]));
        check(&[], &[Waiting], none, delete(Propagation::Background));
        check(&[], &[Waiting, Absent], some, delete(Propagation::Foreground));
        check(&[], &[Waiting], circle, Verdict::UnblockAndDelete);
        check(&[], &[Absent], circle, delete(Propagation::Background));
    }

    #[test]
    fn what_is_being_deleted_is_left_alone() {
        let deletion_timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
        let object = Meta { deletion_timestamp, ..Meta::default() };
        assert_eq!(judge(&object, &[("a".into(), Absent)], Dependents::default()), Verdict::Keep);
    }
}
