//! Does what a test says is done: requests as a user's, and what happens to a cluster.

use api::request::FieldValidation;
use api::resource::{NODES, PODS};
use api::{Body, Gvr, Options, PatchType, Request, Verb};
use client::Error;
use explain::manifest::Document;
use serde_json::{Value, json};

use crate::format::{Blow, Match, Target, What};
use crate::kinds;
use crate::machine::Machine;
use crate::slips;
use crate::world::JobTrack;

/// Why something could not be done: the words, and the field of the object that they are about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) field: Option<String>,
    /// What was probably meant; for the end of the words.
    pub(crate) hint: Option<String>,
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self { message, ..Self::default() }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let causes = error.status().and_then(|status| status.details.as_ref()).map(|details| &details.causes);
        let field = causes.and_then(|causes| causes.first()).map(|cause| cause.field.clone());
        let message = error.to_string();
        let unknown = || slips::unknown_fields(&message).first().map(|field| (*field).to_owned());
        let field = field.filter(|field| !field.is_empty()).or_else(unknown);
        Self { message, field, hint: None }
    }
}

type Done = Result<(), Refused>;

/// Creates an object of a manifest, with every field checked.
pub(crate) fn create(machine: &Machine, document: &Document) -> Done {
    send(machine, document, false)
}

fn send(machine: &Machine, document: &Document, apply: bool) -> Done {
    let object = document.value.clone();
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let Some(served) = kinds::of_object(&object) else {
        let kind = text("/kind").unwrap_or_default();
        let version = text("/apiVersion").unwrap_or_default();
        return Err(format!("no matches for kind \"{kind}\" in version \"{version}\"").into());
    };
    let namespace = text("/metadata/namespace").unwrap_or_else(|| "default".to_owned());
    let namespace = served.namespaced.then_some(namespace);
    let options = Options {
        field_manager: Some("kubectl-job".to_owned()),
        field_validation: FieldValidation::Strict,
        force: apply,
        ..Options::default()
    };
    let request = if apply {
        let name = text("/metadata/name");
        let request = Request::new(Verb::Patch, served.gvr.clone(), namespace.as_deref(), name.as_deref());
        request.body(Body::Patch(PatchType::Apply, object))
    } else {
        Request::new(Verb::Create, served.gvr.clone(), namespace.as_deref(), None).body(Body::Object(object))
    };
    machine.call(request.options(options))?;
    Ok(())
}

/// Does one thing.
pub(crate) fn perform(machine: &Machine, what: &What) -> Done {
    match what {
        What::Patch { target, subresource, patch } => patch_object(machine, target, subresource.as_deref(), patch),
        What::Delete { target, propagation } => {
            let (resource, namespace) = address(target)?;
            let options = json!({"propagationPolicy": propagation.as_deref().unwrap_or("Background")});
            let request = Request::new(Verb::Delete, resource, namespace.as_deref(), Some(&target.name));
            machine.call(request.body(Body::Object(options)))?;
            Ok(())
        }
        What::Create(documents) => documents.iter().try_for_each(|document| send(machine, document, false)),
        What::Apply(documents) => documents.iter().try_for_each(|document| send(machine, document, true)),
        What::Pod { matches, blow } => {
            let pods = running_pods(machine, matches);
            if pods.is_empty() {
                return Err("no such attempt runs at this time".to_owned().into());
            }
            pods.iter().try_for_each(|(namespace, pod)| strike(machine, namespace, pod, *blow))
        }
        What::Drain { node } => drain(machine, node),
        What::Uncordon { node } => cordon(machine, node, false),
        What::Stop(component) => {
            machine.stop(*component);
            Ok(())
        }
        What::Start(component) => Ok(machine.resume(*component)?),
        What::Crash(component) => {
            machine.stop(*component);
            Ok(machine.resume(*component)?)
        }
        What::Fault { component, verb, resource, times, status } => {
            let served = kinds::find_plural(resource).ok_or_else(|| format!("there are no {resource}"))?;
            machine.refuse(*component, *verb, served.gvr.clone(), *times, *status);
            Ok(())
        }
    }
}

fn address(target: &Target) -> Result<(Gvr, Option<String>), Refused> {
    let served = kinds::find_kind(&target.kind).ok_or_else(|| format!("there is no kind {}", target.kind))?;
    let namespace = target.namespace.clone().unwrap_or_else(|| "default".to_owned());
    Ok((served.gvr.clone(), served.namespaced.then_some(namespace)))
}

fn patch_object(machine: &Machine, target: &Target, subresource: Option<&str>, patch: &Value) -> Done {
    let (resource, namespace) = address(target)?;
    let mut request = Request::new(Verb::Patch, resource, namespace.as_deref(), Some(&target.name));
    if let Some(subresource) = subresource {
        request = request.subresource(subresource);
    }
    let options = Options { field_validation: FieldValidation::Strict, ..Options::default() };
    machine.call(request.body(Body::Patch(PatchType::Merge, patch.clone())).options(options))?;
    Ok(())
}

/// Evicts, kills or deletes a pod.
pub(crate) fn strike(machine: &Machine, namespace: &str, pod: &str, blow: Blow) -> Done {
    let request = match blow {
        Blow::Evict => {
            let metadata = json!({"name": pod, "namespace": namespace});
            let body = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata});
            let request = Request::new(Verb::Create, PODS, Some(namespace), Some(pod)).subresource("eviction");
            request.body(Body::Object(body))
        }
        Blow::Kill | Blow::Delete => {
            let options = if blow == Blow::Kill { json!({"gracePeriodSeconds": 0}) } else { json!({}) };
            Request::new(Verb::Delete, PODS, Some(namespace), Some(pod)).body(Body::Object(options))
        }
    };
    machine.call(request)?;
    Ok(())
}

fn drain(machine: &Machine, node: &str) -> Done {
    cordon(machine, node, true)?;
    for (namespace, pod) in machine.pods_of_node(node) {
        let is_over = |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        if machine.get(&PODS, Some(&namespace), &pod).is_some_and(|pod| !is_over(&pod)) {
            strike(machine, &namespace, &pod, Blow::Evict)?;
        }
    }
    Ok(())
}

fn cordon(machine: &Machine, node: &str, unschedulable: bool) -> Done {
    let patch = json!({"spec": {"unschedulable": unschedulable}});
    let request = Request::new(Verb::Patch, NODES, None, Some(node));
    machine.call(request.body(Body::Patch(PatchType::Merge, patch)))?;
    Ok(())
}

/// The pods of attempts that run and are meant.
fn running_pods(machine: &Machine, wanted: &Match) -> Vec<(String, String)> {
    let world = machine.world.lock();
    let of_track = |track: &JobTrack| {
        let attempts = explain::attempts::Attempts::of_values(track.pods.pods());
        let meant = attempts.list().iter().filter(|attempt| attempt.end.is_none() && is_meant(wanted, track, attempt));
        meant.map(|attempt| (track.namespace().to_owned(), attempt.pod.clone())).collect::<Vec<_>>()
    };
    world.jobs.iter().flat_map(of_track).collect()
}

/// Whether an attempt of a Job is one that a test means.
pub(crate) fn is_meant(wanted: &Match, track: &JobTrack, attempt: &explain::Attempt) -> bool {
    wanted.attempt.as_ref().is_none_or(|ranges| ranges.holds(attempt.number))
        && wanted.index.as_ref().is_none_or(|ranges| attempt.index.is_some_and(|index| ranges.holds(index)))
        && wanted.job.as_ref().is_none_or(|pattern| crate::words::matches(pattern, track.name()))
}
