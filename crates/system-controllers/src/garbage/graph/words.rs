//! What the graph says: objects to act on, how their owners stand, and what each needs.

use std::sync::Arc;

use api::{OwnerRef, Uid};

/// One object to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Index of its resource.
    pub resource: usize,
    /// Its namespace, if any.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// Its UID, which guards against a successor of the same name.
    pub uid: Uid,
}

/// How an owner stands, from a dependent's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is there.
    Present,
    /// It is being deleted in the foreground, and waits for its dependents to go.
    Waiting,
    /// There is no such object in the dependent's namespace.
    Absent,
    /// The graph cannot tell: ask the API.
    Unknown,
}

/// What one object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Nothing,
    /// Its owners may not hold it any more: look at it and them.
    Examine(Target),
    /// It was deleted with `Orphan`: take the reference off these, then the finalizer off it.
    Orphan(Target, Vec<Target>),
    /// It was deleted with `Foreground`, and nothing blocks it any more: take the finalizer off.
    Release(Target),
}

/// A reference to an owner that lives in another namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignOwner {
    /// The object with the reference.
    pub dependent: Target,
    /// `apiVersion`, kind and name that the reference gives.
    pub claim: Arc<Claim>,
    /// The UID that the reference gives.
    pub owner: Uid,
}

/// What follows from one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Objects to take a [`Graph::step`](super::Graph::step) with.
    pub wake: Vec<Uid>,
    /// References to report.
    pub foreign: Vec<ForeignOwner>,
}

/// What a reference says about its owner besides the UID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// `apiVersion`.
    pub api_version: String,
    /// `kind`.
    pub kind: String,
    /// `name`.
    pub name: String,
}

impl Claim {
    /// Whether the reference makes this claim.
    pub(super) fn is(&self, owner: &OwnerRef) -> bool {
        self.name == owner.name && self.kind == owner.kind && self.api_version == owner.api_version
    }
}
