//! Admission in the generic verbs: the one place where they ask what the cluster's objects say of a write. Which objects
//! these are, and of which kinds, is `registry::admission`'s to know.

use std::sync::Arc;

use api::{Object, ObjectKey, Request, Status};
use registry::admission::quota::{Charge, QUOTAS, charges as quota_charges};
use registry::admission::{self, Attempt};
use serde_json::Value;
use store::{Change, CommitError, Expected, ResourceIndex, Write};

use super::moment::Moment;
use crate::server::{ApiServer, Target};

fn attempt<'a>(target: &'a Target<'_>, request: &'a Request, object: &'a Value, old: Option<&'a Value>) -> Attempt<'a> {
    Attempt {
        resource: &target.resource,
        namespace: request.namespace.as_deref().filter(|_| target.strategy.descriptor().namespaced),
        name: object["metadata"]["name"].as_str().unwrap_or_default(),
        subresource: request.subresource.as_deref(),
        old,
    }
}

/// Changes the object as the cluster's objects ask.
pub(super) fn mutate(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let attempt = Attempt { name: &name, ..attempt(target, request, &Value::Null, old) };
    admission::mutate(&attempt, object, &Moment::new(server))
}

/// Checks the object as it is about to be stored.
pub(super) fn validate(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    admission::validate(&attempt(target, request, object, old), object, &Moment::new(server))
}

/// What the write costs the quotas of its namespace.
pub(super) fn charges(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    object: &Value,
    old: Option<&Value>,
) -> Result<Vec<Charge>, Status> {
    quota_charges(&attempt(target, request, object, old), object, &Moment::new(server))
}

/// Why a write and its charges were not committed.
pub(super) enum Refusal {
    /// A quota changed since it was read: reckon anew.
    Outdated,
    /// The write itself cannot be done.
    Write(CommitError),
}

/// Commits a write together with its charges: all or nothing, so that no quota is ever exceeded.
pub(super) fn commit(
    server: &ApiServer,
    (resource, key): (ResourceIndex, &ObjectKey),
    expected: Expected,
    change: Change,
    charges: Vec<Charge>,
) -> Result<Arc<Object>, Refusal> {
    let quotas = server.catalogue().find(&QUOTAS).map(|served| ResourceIndex(served.stored));
    let Some(quotas) = quotas.filter(|_| !charges.is_empty()) else {
        return server.store.commit(resource, key, expected, change).map_err(Refusal::Write);
    };
    let charge = |charge: Charge| {
        let meta = charge.before.meta();
        let (key, expected) = (meta.key(), Expected::At(meta.revision));
        Write { resource: quotas, key, expected, change: Change::Put(charge.after) }
    };
    let mut writes: Vec<Write> = charges.into_iter().map(charge).collect();
    let last = writes.len();
    writes.push(Write { resource, key: key.clone(), expected, change });
    match server.store.commit_together(writes) {
        Ok(mut objects) => Ok(objects.pop().expect("one object per write")),
        Err((position, why)) if position == last => Err(Refusal::Write(why)),
        Err(_) => Err(Refusal::Outdated),
    }
}
