//! The garbage collector: deletes what no owner holds any more, and carries out `Foreground` and `Orphan` deletes.
//! The shell; the graph of owners is in [`graph`], the decisions in [`plan`].
//!
//! Guarantees: nothing is deleted whose owner is there, since an object is read again, and each owner that the graph
//! does not know to be gone is asked for, before a delete; and the delete is bound to the UID and revision read.
//! Assumption: every resource given is served; the collector starts to work once all of them are listed.
//!
//! Differs: an owner of a kind that is not among the given resources counts as present; upstream asks discovery.

pub mod graph;
pub mod plan;

use std::sync::Arc;

use api::k8s::apimachinery::pkg::apis::meta::v1::{DeleteOptions, Preconditions};
use api::resource::{EVENTS, FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::{Object, OwnerRef, PatchType, Revision, Uid};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Recorder, Reference, Runner, RunnerHandle, Severity};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};

pub use graph::Resource;
use graph::{Effects, ForeignOwner, Graph, Standing, Step, Target};
use plan::{Dependents, Propagation, Verdict};

/// The component of this controller's Events.
pub const COMPONENT: &str = "garbage-collector-controller";
/// How many objects are looked at, at one time.
const WORKERS: usize = 16;
/// How often a write that lost a race is tried anew before the object waits for its back-off.
const RACES: usize = 8;

struct GarbageCollector {
    client: Client,
    recorder: Recorder,
    resources: Vec<Resource>,
    graph: Mutex<Graph>,
}

/// Starts the garbage collector over these resources, save Events; `recorder` speaks for [`COMPONENT`].
pub fn start(client: Client, clock: SharedClock, mut resources: Vec<Resource>, recorder: Recorder) -> RunnerHandle {
    resources.retain(|resource| resource.gvr != EVENTS && resource.gvr.plural != "events");
    let sources: Vec<_> = resources
        .iter()
        .map(|resource| observe(client.clone(), clock.clone(), resource.gvr.clone(), Selection::default()))
        .collect();
    let graph = Mutex::new(Graph::new(resources.clone()));
    let collector = GarbageCollector { client, recorder, resources, graph };
    let runner = Runner::new(Arc::new(collector), clock).workers(WORKERS);
    sources.into_iter().fold(runner, Runner::source).start()
}

impl Controller for GarbageCollector {
    type Key = Uid;
    type Error = Error;

    fn name(&self) -> &'static str {
        "garbage-collector"
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<Uid>) {
        let mut effects = Effects::default();
        let mut graph = self.graph.lock();
        match observation {
            Observation::Restarted { objects, .. } => {
                graph.reset(source, objects.iter().map(|object| object.meta()), &mut effects);
            }
            Observation::Applied(object) => graph.apply(source, object.meta(), &mut effects),
            Observation::Deleted(object) => graph.delete(&object.meta().uid, &mut effects),
            Observation::Reached(_) => {}
        }
        drop(graph);
        for uid in effects.wake {
            queue.add(uid);
        }
        for foreign in effects.foreign {
            self.report(foreign);
        }
    }

    fn keys(&self) -> Vec<Uid> {
        self.graph.lock().uids()
    }

    async fn reconcile(&self, uid: Uid) -> Result<Outcome, Error> {
        let step = self.graph.lock().step(&uid);
        match step {
            Step::Nothing => {}
            Step::Examine(target) => self.examine(&target).await?,
            Step::Release(target) => self.release(&target, FOREGROUND_FINALIZER).await?,
            Step::Orphan(target, dependents) => {
                for dependent in &dependents {
                    self.edit(dependent, |value| drop_owners(value, std::slice::from_ref(&target.uid))).await?;
                }
                self.release(&target, ORPHAN_FINALIZER).await?;
            }
        }
        Ok(Outcome::done())
    }
}

impl GarbageCollector {
    /// Looks at an object and its owners, and does what follows.
    async fn examine(&self, target: &Target) -> Result<(), Error> {
        for _ in 0..RACES {
            let Some(object) = self.read(target).await? else { return Ok(()) };
            let Some(owners) = self.owners(target, &object.meta().owners).await? else { return Ok(()) };
            let dependents = {
                let graph = self.graph.lock();
                let any = graph.has_dependents(&target.uid);
                Dependents { any, any_waiting: any && graph.has_waiting_dependent(&target.uid) }
            };
            let verdict = plan::judge(object.meta(), &owners, dependents);
            let result = match verdict {
                Verdict::Keep => return Ok(()),
                Verdict::DropReferences(uids) => self.edit(target, |value| drop_owners(value, &uids)).await,
                Verdict::Delete(propagation) => self.delete(target, object.meta().revision, propagation).await,
                Verdict::UnblockAndDelete => {
                    self.edit(target, unblock_owners).await?;
                    self.delete(target, Revision(0), Propagation::Foreground).await
                }
            };
            match result {
                Err(error) if error.is_conflict() => {}
                other => return other,
            }
        }
        Err(Error::Unexpected("a conflict each time a delete was tried"))
    }

    /// How each owner stands; `None` when a cluster-scoped object names an owner that lives in a namespace, upon which
    /// upstream leaves the object alone.
    async fn owners(&self, target: &Target, references: &[OwnerRef]) -> Result<Option<Vec<(Uid, Standing)>>, Error> {
        let mut owners = Vec::with_capacity(references.len());
        for reference in references {
            let (mut standing, resource) = {
                let graph = self.graph.lock();
                let resource = graph.resource_of(&reference.api_version, &reference.kind);
                (graph.standing(target, reference), resource)
            };
            if standing == Standing::Unknown
                && let Some(resource) = resource
            {
                if self.resources[resource].namespaced && target.namespace.is_none() {
                    return Ok(None);
                }
                standing = self.ask(target, reference, resource).await?;
            }
            owners.push((reference.uid.clone(), standing));
        }
        Ok(Some(owners))
    }

    /// Asks the API for an owner, in the namespace of the dependent.
    async fn ask(&self, target: &Target, reference: &OwnerRef, resource: usize) -> Result<Standing, Error> {
        let resource = &self.resources[resource];
        let namespace = target.namespace.as_deref().filter(|_| resource.namespaced);
        let owner = match self.client.get(&resource.gvr, namespace, &reference.name).await {
            Ok(owner) => owner,
            Err(error) if error.is_not_found() => return Ok(Standing::Absent),
            Err(error) => return Err(error),
        };
        let meta = owner.meta();
        Ok(if meta.uid != reference.uid {
            Standing::Absent
        } else if meta.is_deleting() && meta.has_finalizer(FOREGROUND_FINALIZER) {
            Standing::Waiting
        } else {
            Standing::Present
        })
    }

    /// Reads an object; `None` when it is gone or has a successor.
    async fn read(&self, target: &Target) -> Result<Option<Arc<Object>>, Error> {
        let resource = &self.resources[target.resource];
        match self.client.get(&resource.gvr, target.namespace.as_deref(), &target.name).await {
            Ok(object) => Ok(Some(object).filter(|object| object.meta().uid == target.uid)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object, bound to its UID and, unless zero, its revision.
    async fn delete(&self, target: &Target, revision: Revision, propagation: Propagation) -> Result<(), Error> {
        let preconditions = Preconditions {
            uid: Some(target.uid.to_string()),
            resource_version: (revision > Revision(0)).then(|| revision.to_string()),
        };
        let options = DeleteOptions {
            preconditions: Some(preconditions),
            propagation_policy: Some(propagation.as_str().to_owned()),
            ..DeleteOptions::default()
        };
        let resource = &self.resources[target.resource];
        match self.client.delete(&resource.gvr, target.namespace.as_deref(), &target.name, &options).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }

    async fn release(&self, target: &Target, finalizer: &str) -> Result<(), Error> {
        self.edit(target, |value| {
            let mut finalizers = value["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            let before = finalizers.len();
            finalizers.retain(|entry| entry != finalizer);
            (finalizers.len() < before).then(|| json!({ "finalizers": finalizers }))
        })
        .await
    }

    /// Merges into `metadata` what `change` makes of the object as it is now; `None` is no change. An object that is
    /// gone is edited enough.
    async fn edit(&self, target: &Target, change: impl Fn(&Value) -> Option<Value>) -> Result<(), Error> {
        let resource = &self.resources[target.resource];
        for _ in 0..RACES {
            let Some(object) = self.read(target).await? else { return Ok(()) };
            let Some(mut metadata) = change(&object.to_value()) else { return Ok(()) };
            metadata["resourceVersion"] = object.meta().revision.to_string().into();
            metadata["uid"] = target.uid.as_str().into();
            let patch = (PatchType::Merge, json!({ "metadata": metadata }));
            match self.client.patch(&resource.gvr, target.namespace.as_deref(), &target.name, None, patch).await {
                Err(error) if error.is_conflict() => {}
                Err(error) if error.is_not_found() => return Ok(()),
                other => return other.map(drop),
            }
        }
        Err(Error::Unexpected("a conflict each time an edit was tried"))
    }

    fn report(&self, foreign: ForeignOwner) {
        let ForeignOwner { dependent, claim, owner } = foreign;
        let kind = &self.resources[dependent.resource].kind;
        let namespace = dependent.namespace.as_deref().unwrap_or_default();
        let message = format!(
            "ownerRef [{}/{}, namespace: {namespace}, name: {}, uid: {owner}] does not exist in namespace \"{namespace}\"",
            claim.api_version, claim.kind, claim.name
        );
        let about = Reference {
            api_version: kind.api_version(),
            kind: kind.kind.to_string(),
            namespace: dependent.namespace.as_deref().map(str::to_owned),
            name: dependent.name.to_string(),
            uid: dependent.uid,
            ..Reference::default()
        };
        self.recorder.report(about, Severity::Warning, "OwnerRefInvalidNamespace", message);
    }
}

fn references(value: &Value) -> Vec<Value> {
    value["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default()
}

/// The references without those to these owners.
fn drop_owners(value: &Value, uids: &[Uid]) -> Option<Value> {
    let mut left = references(value);
    let before = left.len();
    left.retain(|reference| !uids.iter().any(|uid| reference["uid"] == uid.as_str()));
    (left.len() < before).then(|| json!({ "ownerReferences": left }))
}

/// The references, none of which blocks.
fn unblock_owners(value: &Value) -> Option<Value> {
    let mut all = references(value);
    let mut changed = false;
    for reference in &mut all {
        if reference["blockOwnerDeletion"] == true {
            reference["blockOwnerDeletion"] = false.into();
            changed = true;
        }
    }
    changed.then(|| json!({ "ownerReferences": all }))
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
