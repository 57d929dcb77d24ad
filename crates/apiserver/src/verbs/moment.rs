//! The state as of one moment, as strategies and admission read it besides the object in hand.

use std::cell::OnceCell;
use std::sync::Arc;

use api::{Gvr, Object, ObjectKey, Status};
use parking_lot::MutexGuard;
use registry::Surroundings;
use registry::service::ServiceRange;
use serde_json::Value;
use store::{ResourceIndex, Snapshot};

use crate::server::{ApiServer, Target};

/// A snapshot that is taken when it is first asked for: most writes never do.
pub(super) struct Moment<'a> {
    server: &'a ApiServer,
    snapshot: OnceCell<Snapshot>,
}

impl<'a> Moment<'a> {
    pub(super) fn new(server: &'a ApiServer) -> Self {
        Self { server, snapshot: OnceCell::new() }
    }

    fn snapshot(&self) -> &Snapshot {
        self.snapshot.get_or_init(|| self.server.store.snapshot().0)
    }

    fn index(&self, resource: &Gvr) -> Option<ResourceIndex> {
        self.server.catalogue().find(resource).map(|served| ResourceIndex(served.stored))
    }
}

impl Surroundings for Moment<'_> {
    fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Arc<Object>> {
        let key = match namespace {
            Some(namespace) => ObjectKey::namespaced(namespace, name),
            None => ObjectKey::cluster(name),
        };
        self.snapshot().get(self.index(resource)?, &key).cloned()
    }

    fn list(&self, resource: &Gvr, namespace: Option<&str>) -> Vec<Arc<Object>> {
        let Some(index) = self.index(resource) else { return Vec::new() };
        self.snapshot().range(index, namespace, None).map(|(_, object)| object.clone()).collect()
    }

    fn service_range(&self) -> ServiceRange {
        self.server.service_range
    }

    fn draw(&self, bound: u32) -> u32 {
        self.server.entropy.draws()[0] % bound
    }
}

/// Keeps other writes of a kind that allocates out until this one is committed: held from before
/// [`allocate`] until after the commit.
pub(super) fn exclusive<'a>(server: &'a ApiServer, target: &Target<'_>) -> Option<MutexGuard<'a, ()>> {
    target.strategy.allocates().then(|| server.allocations.lock())
}

/// Lets the strategy take for the object what no other one may have.
pub(super) fn allocate(
    server: &ApiServer,
    target: &Target<'_>,
    new: &mut Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    if !target.strategy.allocates() {
        return Ok(());
    }
    target.strategy.allocate(new, old, &Moment::new(server))
}
