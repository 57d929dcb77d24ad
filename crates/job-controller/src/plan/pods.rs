//! The pods of one Job, kept so that a plan need not look at all of them: counted as they come and go, and those that
//! wait to be counted, adopted or let go at hand by themselves.
//!
//! Invariant: everything here is a function of the views that are in it, whatever the order in which they came. An event
//! of a pod costs the logarithm of their number; [`Pods::looks`] counts the views that plans were handed.

mod places;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use api::Uid;

use super::{Phase, PodView};
pub(super) use places::Places;

/// The pods that matter to one Job, by UID: its own that are not terminal or still carry the tracking finalizer, and
/// the namespace's pods without a controller that match its selector. Ordered, so that equal input gives equal plans.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    views: BTreeMap<Uid, PodView>,
    /// The Job's own pods that have ended, or are being deleted, and are tracked.
    ended: BTreeSet<Uid>,
    /// Those that are no longer tracked.
    released: BTreeSet<Uid>,
    /// Pods to adopt, should they stay, and pods to release.
    misplaced: BTreeSet<Uid>,
    tally: Tally,
    active: Places,
    terminating: Places,
    looks: Cell<u64>,
}

/// How many of the Job's own pods are what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Neither terminal nor being deleted.
    pub(super) active: usize,
    /// Active and Ready.
    pub(super) ready: usize,
    /// Being deleted and not yet terminal.
    pub(super) terminating: usize,
    /// Restarts of those that are Pending or Running.
    restarts: i64,
}

impl Tally {
    /// Restarts of those that are Pending or Running.
    pub(super) fn restarts(&self) -> i32 {
        i32::try_from(self.restarts).unwrap_or(i32::MAX)
    }
}

impl Pods {
    /// No pods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a pod in, or another view of it in place of the one before, which is returned.
    pub fn insert(&mut self, uid: Uid, view: PodView) -> Option<PodView> {
        let before = self.remove(&uid);
        self.note(&uid, &view);
        self.views.insert(uid, view);
        before
    }

    /// Takes a pod out.
    pub fn remove(&mut self, uid: &Uid) -> Option<PodView> {
        let view = self.views.remove(uid)?;
        self.forget(uid, &view);
        Some(view)
    }

    /// Takes all pods out that are not to stay.
    pub fn retain(&mut self, stays: impl Fn(&PodView) -> bool) {
        let gone: Vec<Uid> = self.views.values().filter(|pod| !stays(pod)).map(|pod| pod.uid.clone()).collect();
        for uid in &gone {
            self.remove(uid);
        }
    }

    /// Changes the views of all pods.
    pub fn change(&mut self, change: impl FnMut(&mut PodView)) {
        let mut views: Vec<PodView> = std::mem::take(self).views.into_values().collect();
        views.iter_mut().for_each(change);
        *self = views.into_iter().map(|view| (view.uid.clone(), view)).collect();
    }

    /// One pod.
    pub fn get(&self, uid: &Uid) -> Option<&PodView> {
        let view = self.views.get(uid);
        self.look(view)
    }

    /// All pods, in the order of their UIDs.
    pub fn values(&self) -> impl Iterator<Item = &PodView> {
        self.views.values().filter_map(|view| self.look(Some(view)))
    }

    /// How many pods there are.
    pub fn len(&self) -> usize {
        self.views.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// How many views were handed out so far: what plans cost.
    pub fn looks(&self) -> u64 {
        self.looks.get()
    }

    fn look<'a>(&self, view: Option<&'a PodView>) -> Option<&'a PodView> {
        self.looks.set(self.looks.get() + u64::from(view.is_some()));
        view
    }

    fn named<'a>(&'a self, uids: &'a BTreeSet<Uid>) -> impl Iterator<Item = &'a PodView> {
        uids.iter().filter_map(|uid| self.get(uid))
    }

    fn note(&mut self, uid: &Uid, view: &PodView) {
        if view.owned != view.matches {
            self.misplaced.insert(uid.clone());
        }
        if !view.owned {
            return;
        }
        if view.phase.is_terminal() || view.deleting {
            let list = if view.tracked { &mut self.ended } else { &mut self.released };
            list.insert(uid.clone());
        }
        self.tally.active += usize::from(view.is_active());
        self.tally.ready += usize::from(view.is_ready());
        self.tally.terminating += usize::from(view.is_terminating());
        self.tally.restarts += restarts(view);
        if view.is_active() {
            self.active.insert(view.index);
        } else if view.is_terminating() {
            self.terminating.insert(view.index);
        }
    }

    fn forget(&mut self, uid: &Uid, view: &PodView) {
        self.misplaced.remove(uid);
        if !view.owned {
            return;
        }
        self.ended.remove(uid);
        self.released.remove(uid);
        self.tally.active -= usize::from(view.is_active());
        self.tally.ready -= usize::from(view.is_ready());
        self.tally.terminating -= usize::from(view.is_terminating());
        self.tally.restarts -= restarts(view);
        if view.is_active() {
            self.active.remove(view.index);
        } else if view.is_terminating() {
            self.terminating.remove(view.index);
        }
    }
}

/// What plans ask.
impl Pods {
    /// The Job's own pods.
    pub(super) fn owned(&self) -> impl Iterator<Item = &PodView> {
        self.values().filter(|pod| pod.owned)
    }

    /// The Job's own pods that are neither terminal nor being deleted. Looks at all of them.
    pub(super) fn active(&self) -> impl Iterator<Item = &PodView> {
        let any = self.tally.active > 0;
        any.then(|| self.owned().filter(|pod| pod.is_active())).into_iter().flatten()
    }

    /// The Job's own pods that have ended, or are being deleted, and are tracked: what is to be counted is among them.
    pub(super) fn ended(&self) -> impl Iterator<Item = &PodView> {
        self.named(&self.ended)
    }

    /// The Job's own pods that have ended, or are being deleted, and are no longer tracked.
    pub(super) fn released(&self) -> impl Iterator<Item = &PodView> {
        self.named(&self.released)
    }

    /// Pods that match and have no controller, and own pods that do not match.
    pub(super) fn misplaced(&self) -> impl Iterator<Item = &PodView> {
        self.named(&self.misplaced)
    }

    /// Whether the Job's own pod of that UID is tracked.
    pub(super) fn is_tracked(&self, uid: &str) -> bool {
        self.get(&Uid::from(uid)).is_some_and(|pod| pod.owned && pod.tracked)
    }

    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// The indexes of active pods.
    pub(super) fn active_places(&self) -> &Places {
        &self.active
    }

    /// The indexes of terminating pods.
    pub(super) fn terminating_places(&self) -> &Places {
        &self.terminating
    }
}

fn restarts(view: &PodView) -> i64 {
    let counts = matches!(view.phase, Phase::Pending | Phase::Running);
    if counts { i64::from(view.restarts) } else { 0 }
}

impl FromIterator<(Uid, PodView)> for Pods {
    fn from_iter<T: IntoIterator<Item = (Uid, PodView)>>(views: T) -> Self {
        let mut pods = Self::new();
        for (uid, view) in views {
            pods.insert(uid, view);
        }
        pods
    }
}

#[cfg(test)]
mod tests;
