//! The links between objects and their owners, with the counts that they keep.

use std::sync::Arc;

use api::{Meta, OwnerRef, Uid};

use super::{Claim, Effects, ForeignOwner, Graph, Owner, Standing};

impl Graph {
    /// Brings the links from an object to its owners up to date.
    pub(super) fn relink(&mut self, uid: &Uid, meta: &Meta, effects: &mut Effects) {
        let known = &self.nodes[uid].owners;
        let same = |(owner, reference): (&Owner, &OwnerRef)| {
            owner.uid == reference.uid && owner.blocking == blocks(uid, reference) && owner.claim.is(reference)
        };
        if known.len() == meta.owners.len() && known.iter().zip(meta.owners.iter()).all(same) {
            return;
        }
        let mut owners: Vec<Owner> = Vec::with_capacity(meta.owners.len());
        for reference in meta.owners.iter() {
            // One UID twice is one owner: upstream's graph is keyed the same way.
            match owners.iter_mut().find(|owner| owner.uid == reference.uid) {
                Some(owner) => owner.blocking |= blocks(uid, reference),
                None => owners.push(Owner { blocking: blocks(uid, reference), ..self.owner(reference) }),
            }
        }
        let node = self.nodes.get_mut(uid).expect("the object was just applied");
        let before = std::mem::replace(&mut node.owners, owners.clone());
        for owner in &owners {
            self.link(uid, owner, effects);
        }
        // Unlinked after the new links stand, so that an owner in both is not dropped in between.
        for owner in &before {
            match owners.iter().find(|kept| kept.uid == owner.uid) {
                Some(_) => self.unblock(owner, effects),
                None => self.unlink(uid, owner, effects),
            }
        }
    }

    fn owner(&mut self, reference: &OwnerRef) -> Owner {
        let uid = self.intern(&reference.uid);
        let node = self.nodes.entry(uid.clone()).or_default();
        let claim = match &node.claim {
            Some(claim) if claim.is(reference) => claim.clone(),
            _ => Arc::new(Claim {
                api_version: reference.api_version.clone(),
                kind: reference.kind.clone(),
                name: reference.name.clone(),
            }),
        };
        node.claim = Some(claim.clone());
        Owner { uid, claim, blocking: reference.block_owner_deletion }
    }

    /// Registers a dependent; wakes it if this owner may not hold it.
    fn link(&mut self, uid: &Uid, owner: &Owner, effects: &mut Effects) {
        let node = self.nodes.get_mut(&owner.uid).expect("an owner has a node");
        node.dependents.insert(uid.clone());
        node.blocking += usize::from(owner.blocking);
        let dependent = self.nodes[uid].observed.as_ref().expect("a dependent was observed");
        if self.standing_of(dependent, owner) != Standing::Present {
            effects.wake.push(uid.clone());
            self.report_foreign(uid, owner, effects);
        }
    }

    /// Takes a dependent off one owner.
    pub(super) fn unlink(&mut self, uid: &Uid, owner: &Owner, effects: &mut Effects) {
        if let Some(node) = self.nodes.get_mut(&owner.uid) {
            node.dependents.remove(uid);
        }
        self.unblock(owner, effects);
        self.drop_if_unused(&owner.uid);
    }

    /// Takes back the count of one blocking reference; the last one wakes an owner that waits.
    fn unblock(&mut self, owner: &Owner, effects: &mut Effects) {
        if !owner.blocking {
            return;
        }
        let Some(node) = self.nodes.get_mut(&owner.uid) else { return };
        node.blocking -= 1;
        if node.blocking == 0 && node.waits() {
            effects.wake.push(owner.uid.clone());
        }
    }

    /// Forgets what is neither there nor an owner.
    pub(super) fn drop_if_unused(&mut self, uid: &Uid) {
        if self.nodes.get(uid).is_some_and(|node| node.observed.is_none() && node.dependents.is_empty()) {
            self.nodes.remove(uid);
        }
    }

    /// Once an owner is observed, wakes the dependents that named it wrongly.
    pub(super) fn check_claims_on(&self, uid: &Uid, effects: &mut Effects) {
        for dependent in &self.nodes[uid].dependents {
            let Some(node) = self.nodes.get(dependent) else { continue };
            let Some(observed) = &node.observed else { continue };
            for owner in node.owners.iter().filter(|owner| owner.uid == *uid) {
                if self.standing_of(observed, owner) == Standing::Unknown {
                    effects.wake.push(dependent.clone());
                    self.report_foreign(dependent, owner, effects);
                }
            }
        }
    }

    fn report_foreign(&self, uid: &Uid, owner: &Owner, effects: &mut Effects) {
        let Some(dependent) = self.target(uid) else { return };
        let Some(observed) = self.nodes.get(&owner.uid).and_then(|node| node.observed.as_ref()) else { return };
        if observed.namespace.is_some() && observed.namespace != dependent.namespace {
            let (claim, owner) = (owner.claim.clone(), owner.uid.clone());
            effects.foreign.push(ForeignOwner { dependent, claim, owner });
        }
    }
}

/// Whether a reference holds up its owner's foreground deletion.
///
/// Differs: an object that owns itself does not wait for itself; upstream's never goes.
fn blocks(dependent: &Uid, reference: &OwnerRef) -> bool {
    reference.block_owner_deletion && reference.uid != *dependent
}
