//! One pod as the kubelet knows it, and the inbox through which its worker is told of it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use api::k8s::api::core::v1::{Container, Pod};
use api::{Meta, Object, ObjectKey, Uid};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::ephemeral;
use super::sessions::Surroundings;
use crate::addresses::{Lease, Pool};
use crate::plan::{Memory, PodFacts};
use crate::runtime::Exited;

/// One pod of this node, in one generation of its spec. A later one takes its place, and shares what lives on.
pub(super) struct PodEntry {
    pub(super) uid: Uid,
    pub(super) key: ObjectKey,
    pub(super) pod: Arc<Pod>,
    pub(super) meta: Meta,
    pub(super) facts: PodFacts,
    /// Its ephemeral containers, as containers.
    pub(super) ephemeral: Vec<Container>,
    /// Keeps the pod's address for it.
    lease: Option<Arc<Lease>>,
    pub(super) memory: Arc<Mutex<Memory>>,
    /// Whether its namespace had Services when a container was last prepared.
    pub(super) has_services: AtomicBool,
    /// Of the containers that run, by index.
    pub(super) surroundings: Arc<Mutex<HashMap<usize, Surroundings>>>,
    inbox: Arc<Mutex<Inbox>>,
    /// Wakes the worker.
    pub(super) told: Arc<Notify>,
}

/// What happened since the worker last looked. Bounded by the pod: one object, one end per run.
#[derive(Default)]
pub(super) struct Inbox {
    pub(super) object: Option<Arc<Object>>,
    pub(super) exits: Vec<Exited>,
    pub(super) gone: bool,
    /// The pod has ended and its status says so: nobody reads this any more.
    closed: bool,
}

impl PodEntry {
    /// Reads a pod that is new to this kubelet.
    pub(super) fn new(
        object: &Arc<Object>,
        now: Timestamp,
        addresses: Option<&Pool>,
    ) -> Result<Self, serde_json::Error> {
        let pod: Pod = object.decode()?;
        let mut facts = PodFacts::of(&pod);
        let lease = addresses.filter(|_| !facts.host_network).and_then(|pool| pool.lease(own_address(&pod)));
        facts.ip = lease.as_ref().map(|lease| lease.address.to_string());
        let fresh = pod.status.as_ref().is_none_or(|status| status.start_time.is_none());
        let memory =
            if fresh { Memory::new(&facts, now) } else { Memory::recovered(&facts, &object.to_value()["status"], now) };
        let meta = object.meta().clone();
        Ok(Self {
            uid: meta.uid.clone(),
            key: meta.key(),
            ephemeral: ephemeral::containers_of(&pod)?,
            pod: Arc::new(pod),
            meta,
            facts,
            lease: lease.map(Arc::new),
            memory: Arc::new(Mutex::new(memory)),
            has_services: AtomicBool::new(false),
            surroundings: Arc::default(),
            inbox: Arc::new(Mutex::new(Inbox { object: Some(Arc::clone(object)), ..Inbox::default() })),
            told: Arc::default(),
        })
    }

    /// The same pod with the spec that it has now.
    pub(super) fn renewed(&self, object: &Object) -> Result<Self, serde_json::Error> {
        let pod: Pod = object.decode()?;
        let mut facts = PodFacts::of(&pod);
        facts.ip.clone_from(&self.facts.ip);
        Ok(Self {
            uid: self.uid.clone(),
            key: self.key.clone(),
            ephemeral: ephemeral::containers_of(&pod)?,
            pod: Arc::new(pod),
            meta: object.meta().clone(),
            facts,
            lease: self.lease.clone(),
            memory: Arc::clone(&self.memory),
            has_services: AtomicBool::new(self.has_services.load(Ordering::SeqCst)),
            surroundings: Arc::clone(&self.surroundings),
            inbox: Arc::clone(&self.inbox),
            told: Arc::clone(&self.told),
        })
    }

    /// Puts something into the inbox and wakes the worker; `false` when the worker has ended.
    pub(super) fn tell(&self, put: impl FnOnce(&mut Inbox)) -> bool {
        let mut inbox = self.inbox.lock();
        if inbox.closed {
            return false;
        }
        put(&mut inbox);
        self.told.notify_one();
        true
    }

    /// The object that has come and was not looked at yet.
    pub(super) fn arrived(&self) -> Option<Arc<Object>> {
        self.inbox.lock().object.clone()
    }

    /// Takes what has come since the last time.
    pub(super) fn take_inbox(&self) -> Inbox {
        std::mem::take(&mut *self.inbox.lock())
    }

    /// Ends the inbox and answers with what is in it, so that nothing is told to nobody.
    pub(super) fn close(&self) -> Inbox {
        std::mem::replace(&mut *self.inbox.lock(), Inbox { closed: true, ..Inbox::default() })
    }

    pub(super) fn namespace(&self) -> &str {
        self.key.namespace_or_empty()
    }
}

/// The address that the pod's status names already.
fn own_address(pod: &Pod) -> Option<Ipv4Addr> {
    pod.status.as_ref()?.pod_ip.as_deref()?.parse().ok()
}
