//! `pods/eviction`: deletes a pod if its PodDisruptionBudget allows (`pkg/registry/core/pod/storage/eviction.go`).
//!
//! Invariant: a pod that needs a budget's leave goes only after one disruption was taken off the budget, in a commit
//! that compared the budget's revision.

use api::key::split_api_version;
use api::{Body, Gvr, Kind, Object, Reply, Request, Response, Revision, Status, Verb};
use registry::eviction;
use serde_json::Value;
use std::sync::Arc;
use store::{Change, CommitError, Expected};

use super::body;
use super::delete::{Failure, Options, delete_one};
use super::read::{current, key};
use crate::server::{ApiServer, Target};

const KIND: Kind = Kind::known("policy", "v1", "Eviction");
const BUDGETS: Gvr = Gvr::known("policy", "v1", "poddisruptionbudgets");
/// How upstream names the pod in conflicts of an eviction.
const POD: Kind = Kind::known("", "v1", "Pod");

/// How often a conflict is tried again (`EvictionsRetry`).
const MAX_TRIES: usize = 20;

/// On what terms a pod goes.
enum Leave {
    /// At any revision.
    Free,
    /// Only at the revision that was looked at, since it may get ready; the budget that might care then, if any.
    Pinned(Revision, Option<String>),
}

pub(crate) fn create(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let mut object = body::object(&mut request)?;
    // kubectl up to 1.21 sends the older version, which has the same fields.
    if object["apiVersion"].as_str().map(split_api_version) == Some(("policy", "v1beta1")) {
        object["apiVersion"] = KIND.api_version().into();
    }
    body::check_kind(&KIND, &mut object)?;
    let warnings = body::check(&request, &KIND, &mut object)?;
    let key = key(target, &request)?;
    if object["metadata"]["name"].as_str().unwrap_or_default() != &*key.name {
        return Err(Status::bad_request("name in URL does not match name in Eviction object"));
    }
    let given = object["metadata"]["namespace"].as_str().unwrap_or_default();
    if !given.is_empty() && given != key.namespace_or_empty() {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let mut deletion = Request::new(Verb::Delete, request.resource.clone(), None, None);
    deletion.options.dry_run = request.options.dry_run;
    if object["deleteOptions"].is_object() {
        deletion.body = Body::Object(object["deleteOptions"].take());
    }
    let (options, _) = Options::of(&deletion)?;
    evict(server, target, &key, &options)?;
    Ok(Reply { response: Response::Status(Status::created()), warnings })
}

fn evict(server: &ApiServer, target: &Target<'_>, key: &api::ObjectKey, options: &Options) -> Result<(), Status> {
    for _ in 0..MAX_TRIES {
        let before = current(server, target, key)?;
        let pod = before.to_value();
        let leave = if eviction::needs_no_leave(&pod) {
            let pinned = !eviction::is_going(&pod) && !options.names_revision();
            if pinned { Leave::Pinned(before.meta().revision, None) } else { Leave::Free }
        } else {
            ask_budget(server, &before, &pod, options)?
        };
        match (disrupt(server, target, key, options, &leave), leave) {
            (Ok(()), _) => return Ok(()),
            (Err(Failure::Refused(status)), _) => return Err(*status),
            (Err(Failure::Raced), Leave::Pinned(_, Some(budget))) => return Err(eviction::try_later(&budget)),
            (Err(Failure::Raced), _) if options.names_revision() => {
                return Err(Status::modified(&target.resource, &key.name));
            }
            (Err(Failure::Raced), _) => {}
        }
    }
    Err(Status::modified(&target.resource, &key.name))
}

/// Asks the budget that covers a pod, if any, for leave.
fn ask_budget(server: &ApiServer, pod: &Object, value: &Value, options: &Options) -> Result<Leave, Status> {
    let namespace = pod.meta().namespace.as_deref();
    // A server that does not serve budgets has none.
    let Ok(budgets) = server.target(&Request::new(Verb::List, BUDGETS, namespace, None)) else {
        return Ok(Leave::Free);
    };
    let (snapshot, _) = server.store.snapshot();
    let all = snapshot.range(budgets.index, namespace, None).map(|(_, budget)| budget);
    let covering: Vec<&Arc<Object>> =
        all.filter(|budget| eviction::covers(&budget.to_value(), &pod.meta().labels)).collect();
    let budget = match covering.as_slice() {
        [] => return Ok(Leave::Free),
        [budget] => *budget,
        _ => {
            let message =
                "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            let (status, message) = ("Failure".to_owned(), message.to_owned());
            return Err(Status { status, message, reason: None, details: None, code: 500, continue_token: None });
        }
    };
    if !eviction::is_ready(value) && eviction::lets_unhealthy_go(&budget.to_value()) {
        let name = Some(budget.meta().name.clone()).filter(|_| !options.names_revision());
        return Ok(Leave::Pinned(pod.meta().revision, name));
    }
    let (key, now) = (budget.meta().key(), server.now());
    for _ in 0..MAX_TRIES {
        let before = current(server, &budgets, &key)?;
        let mut changed = before.to_value();
        eviction::take(&mut changed, &pod.meta().name, now)?;
        if options.dry_run {
            return Ok(Leave::Free);
        }
        let expected = Expected::At(before.meta().revision);
        match server.store.commit(budgets.index, &key, expected, Change::Put(changed)) {
            Ok(_) => return Ok(Leave::Free),
            Err(CommitError::Conflict(_) | CommitError::Missing) => {}
            Err(error) => return Err(Status::internal(error)),
        }
    }
    let why = format!("couldn't update PodDisruptionBudget {:?} due to conflicts", budget.meta().name);
    Err(Status::failure(504, api::Reason::TIMEOUT, format!("Timeout: {why}")).with_retry_after(10))
}

/// Marks the pod and deletes it.
fn disrupt(
    server: &ApiServer,
    target: &Target<'_>,
    key: &api::ObjectKey,
    options: &Options,
    leave: &Leave,
) -> Result<(), Failure> {
    loop {
        let mut pod = current(server, target, key)?;
        if matches!(leave, Leave::Pinned(revision, _) if *revision != pod.meta().revision) {
            return Err(Failure::Raced);
        }
        options.check_preconditions(&POD, pod.meta())?;
        let mut value = pod.to_value();
        if !options.dry_run && eviction::mark(&mut value, server.now()) {
            let expected = Expected::At(pod.meta().revision);
            pod = match server.store.commit(target.index, key, expected, Change::Put(value)) {
                Ok(pod) => pod,
                Err(CommitError::Conflict(_) | CommitError::Missing) if matches!(leave, Leave::Free) => continue,
                Err(CommitError::Conflict(_) | CommitError::Missing) => return Err(Failure::Raced),
                Err(error) => return Err(Status::internal(error).into()),
            };
        }
        // The mark was this eviction's own write, so the revision that the client named is behind by now.
        match delete_one(server, target, &options.without_revision(), &pod) {
            Err(Failure::Raced) if matches!(leave, Leave::Free) => {}
            other => return other.map(drop),
        }
    }
}
