//! The resource quota controller: keeps `status` of every quota at what the namespace holds. Admission adds what is
//! created, together with the object; this controller sets a new quota up, and takes off what went away.
//!
//! Guarantee: no count falls below what there is. A quota is read before the objects are, every create that comes after
//! the first read changes the quota as well, and the status is written only onto the revision read; so a count is either
//! right or not written.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use api::resource::EVENTS;
use api::{Gvr, Object, Options, Uid};
use client::{Client, Error, Observation, Selection, observe};
use clock::SharedClock;
use controller::{Controller, Outcome, Queue, Runner, RunnerHandle};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use registry::admission::quota::{QUOTAS, usage};
use serde_json::Value;

use crate::garbage::Resource;

/// Index of the quotas among the sources; the counted resources follow.
const QUOTA_SOURCE: usize = 0;
/// After how long a quota that somebody charged meanwhile is counted anew.
const RECOUNT_AFTER: SignedDuration = SignedDuration::from_millis(50);
/// After a count its namespace rests so many times as long as the count took: each looks at every object, so one per
/// pod that ends would cost the square of the pods.
const REST_FACTOR: i32 = 9;
/// The longest rest; also what a jump of the clock during a count may cost.
const MAX_REST: SignedDuration = SignedDuration::from_secs(1);

struct Quotas {
    client: Client,
    clock: SharedClock,
    /// What is counted, in the order of the sources.
    resources: Vec<Gvr>,
    /// Each namespace that has quotas.
    namespaces: Mutex<BTreeMap<String, Namespace>>,
}

/// A namespace with quotas.
#[derive(Default)]
struct Namespace {
    quotas: HashSet<Uid>,
    /// When its objects may be counted again.
    rests_until: Timestamp,
}

impl Namespace {
    /// Until when it rests, if it does. A rest longer than any is one from before the clock was set back.
    fn rests(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.rests_until;
        (until > now && until.duration_since(now) <= MAX_REST).then_some(until)
    }

    /// Begins the rest after a count.
    fn counted(&mut self, began: Timestamp, ended: Timestamp) {
        let rest = ended.duration_since(began).saturating_mul(REST_FACTOR).clamp(SignedDuration::ZERO, MAX_REST);
        self.rests_until = ended.saturating_add(rest).expect("milliseconds keep their unit");
    }
}

/// Starts the controller over these resources, save Events, which are not counted.
pub(crate) fn start(client: Client, clock: SharedClock, resources: &[Resource]) -> RunnerHandle {
    let counted = resources.iter().filter(|resource| resource.namespaced && resource.gvr != EVENTS);
    let counted: Vec<Gvr> = counted.map(|resource| resource.gvr.clone()).filter(usage::is_counted).collect();
    let follow = |resource: &Gvr| observe(client.clone(), clock.clone(), resource.clone(), Selection::default());
    let sources: Vec<_> = std::iter::once(&QUOTAS).chain(&counted).map(follow).collect();
    let controller =
        Quotas { client: client.clone(), clock: clock.clone(), resources: counted, namespaces: Mutex::default() };
    sources.into_iter().fold(Runner::new(Arc::new(controller), clock), Runner::source).start()
}

impl Controller for Quotas {
    type Key = String;
    type Error = Error;

    fn name(&self) -> &'static str {
        "resource-quota"
    }

    fn observe(&self, source: usize, observation: Observation, _now: Timestamp, queue: &mut Queue<String>) {
        let mut namespaces = self.namespaces.lock();
        if source == QUOTA_SOURCE {
            return observe_quota(&mut namespaces, observation, queue);
        }
        match observation {
            Observation::Restarted { .. } => {
                for namespace in namespaces.keys() {
                    queue.add(namespace.clone());
                }
            }
            Observation::Applied(object) => {
                // Asked first: most namespaces have no quotas, and a look into an object costs more than that question.
                if has_quotas(&namespaces, &object) && may_cost_less(&self.resources[source - 1], &object) {
                    recount(&namespaces, &object, queue);
                }
            }
            Observation::Deleted(object) => recount(&namespaces, &object, queue),
            Observation::Reached(_) => {}
        }
    }

    fn keys(&self) -> Vec<String> {
        self.namespaces.lock().keys().cloned().collect()
    }

    async fn reconcile(&self, namespace: String) -> Result<Outcome, Error> {
        let began = self.clock.now();
        let rests_until = self.namespaces.lock().get(&namespace).and_then(|known| known.rests(began));
        if let Some(until) = rests_until {
            return Ok(Outcome::wake_at(until));
        }
        let outcome = self.count(&namespace).await;
        if let Some(known) = self.namespaces.lock().get_mut(&namespace) {
            known.counted(began, self.clock.now());
        }
        outcome
    }
}

impl Quotas {
    /// Counts what a namespace holds, and tells its quotas.
    async fn count(&self, namespace: &str) -> Result<Outcome, Error> {
        let quotas = self.client.list(&QUOTAS, Some(namespace), Options::default()).await?.items;
        let values: Vec<Value> = quotas.iter().map(|quota| quota.to_value()).collect();
        let held = self.held(namespace, &values).await?;
        let mut outcome = Outcome::done();
        for mut quota in values {
            if !set_status(&mut quota, &held) {
                continue;
            }
            let name = quota["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            match self.client.update(&QUOTAS, Some(namespace), &name, Some("status"), quota).await {
                // It was charged meanwhile, and the charge may or may not be among what was counted.
                Err(error) if error.is_conflict() => {
                    let later = self.clock.now().saturating_add(RECOUNT_AFTER).expect("milliseconds keep their unit");
                    outcome = Outcome::wake_at(later);
                }
                Err(error) if error.is_not_found() => {}
                other => drop(other?),
            }
        }
        Ok(outcome)
    }

    /// The objects of a namespace that any of these quotas counts.
    async fn held(&self, namespace: &str, quotas: &[Value]) -> Result<Vec<(&Gvr, Value)>, Error> {
        let bounds: HashSet<&str> = quotas
            .iter()
            .filter_map(|quota| quota.pointer("/spec/hard")?.as_object())
            .flat_map(|hard| hard.keys().map(String::as_str))
            .collect();
        let mut held = Vec::new();
        for resource in self.resources.iter().filter(|resource| bounds.iter().any(|name| usage::is_of(resource, name)))
        {
            let list = self.client.list(resource, Some(namespace), Options::default()).await?;
            held.extend(list.items.iter().map(|object| (resource, object.to_value())));
        }
        Ok(held)
    }
}

/// Sets what the quota says of itself. Returns whether that is anything new.
fn set_status(quota: &mut Value, held: &[(&Gvr, Value)]) -> bool {
    let used = usage::total(quota, held.iter().map(|(resource, object)| (*resource, object))).to_value();
    let hard = quota.pointer("/spec/hard").cloned().unwrap_or_else(|| serde_json::json!({}));
    let status = serde_json::json!({ "hard": hard, "used": used });
    let differs = quota["status"] != status;
    quota["status"] = status;
    differs
}

fn observe_quota(namespaces: &mut BTreeMap<String, Namespace>, observation: Observation, queue: &mut Queue<String>) {
    let of = |quota: &Object| quota.meta().namespace.clone().unwrap_or_default();
    match observation {
        Observation::Restarted { objects, .. } => {
            namespaces.clear();
            for quota in objects {
                namespaces.entry(of(&quota)).or_default().quotas.insert(quota.meta().uid.clone());
                queue.add(of(&quota));
            }
        }
        Observation::Applied(quota) => {
            let namespace = namespaces.entry(of(&quota)).or_default();
            let new = namespace.quotas.insert(quota.meta().uid.clone());
            // Charges change a quota all the time; only another bound asks for another count, and that at once.
            if new || quota.field("/spec/hard") != quota.field("/status/hard") {
                namespace.rests_until = Timestamp::default();
                queue.add(of(&quota));
            }
        }
        Observation::Deleted(quota) => {
            if let Some(namespace) = namespaces.get_mut(&of(&quota)) {
                namespace.quotas.remove(&quota.meta().uid);
                if namespace.quotas.is_empty() {
                    namespaces.remove(&of(&quota));
                }
            }
        }
        Observation::Reached(_) => {}
    }
}

/// Has the namespace of an object counted, if it has quotas.
fn recount(namespaces: &BTreeMap<String, Namespace>, object: &Object, queue: &mut Queue<String>) {
    if has_quotas(namespaces, object) {
        queue.add(object.meta().namespace.clone().unwrap_or_default());
    }
}

fn has_quotas(namespaces: &BTreeMap<String, Namespace>, object: &Object) -> bool {
    namespaces.contains_key(object.meta().namespace.as_deref().unwrap_or_default())
}

/// Whether a change may have made an object cheaper: a pod that ended, shrank or left a scope, a Service that gave up
/// ports. The former two changes of a spec are seen by its generation, since no state of before is kept here.
fn may_cost_less(resource: &Gvr, object: &Object) -> bool {
    match (&*resource.group, &*resource.plural) {
        ("", "pods") => {
            let phase = object.field("/status/phase");
            let ended = matches!(phase.as_ref().and_then(Value::as_str), Some("Succeeded" | "Failed"));
            ended || object.meta().generation > 1
        }
        ("", "services") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_rests_after_a_count_for_longer_than_it_took_but_never_for_long() {
        let at = |millis: i64| Timestamp::from_millisecond(1_000_000 + millis).expect("a time");
        let mut namespace = Namespace::default();
        assert_eq!(namespace.rests(at(0)), None);
        namespace.counted(at(0), at(10));
        assert_eq!((namespace.rests(at(10)), namespace.rests(at(99))), (Some(at(100)), Some(at(100))));
        assert_eq!(namespace.rests(at(100)), None);
        // The clock was set, forth during a count and back after it.
        namespace.counted(at(0), at(3_600_000));
        assert_eq!(namespace.rests(at(3_600_000)), Some(at(3_601_000)));
        assert_eq!(namespace.rests(at(0)), None);
        namespace.counted(at(1_000), at(0));
        assert_eq!(namespace.rests(at(0)), None);
    }
}
