//! Delete: graceful, with finalizers and propagation, of one object or a collection
//! (`k8s.io/apiserver/pkg/registry/rest/delete.go`, `generic/registry/store.go`).

mod options;

use std::sync::Arc;

use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::time::{rfc3339, whole_seconds};
use api::{Object, ObjectList, Reply, Request, Response, Status, Verb};
use jiff::{SignedDuration, Timestamp};
use registry::DefaultPropagation;
use serde_json::Value;
use store::{Change, CommitError};

use super::read::{current, key};
use super::update::commit_own;
use super::{metadata, read, uncommitted};
use crate::server::{ApiServer, Target};
use options::{Options, Propagation};

/// How a delete ended.
enum Outcome {
    /// The object stays until its grace is over and its finalizers are gone.
    Lingers(Arc<Object>),
    /// The object is gone; its last state.
    Gone(Arc<Object>),
}

pub(crate) fn delete(server: &ApiServer, target: &Target<'_>, request: &Request) -> Result<Reply, Status> {
    let (options, mut warnings) = Options::of(request)?;
    let key = key(target, request)?;
    loop {
        let before = current(server, target, &key)?;
        match delete_one(server, target, &options, &before) {
            Ok(outcome) => {
                warnings.extend(default_warning(target, &options, &before));
                return Ok(Reply { response: response(target, outcome), warnings });
            }
            Err(Failure::Raced) => {}
            Err(Failure::Refused(status)) => return Err(*status),
        }
    }
}

fn response(target: &Target<'_>, outcome: Outcome) -> Response {
    match outcome {
        Outcome::Gone(object) if !target.strategy.returns_deleted_object() => {
            let meta = object.meta();
            Response::Status(Status::success(&target.resource, &meta.name, meta.uid.as_str()))
        }
        Outcome::Gone(object) | Outcome::Lingers(object) => Response::Object { object, created: false },
    }
}

fn default_warning(target: &Target<'_>, options: &Options, object: &Object) -> Option<String> {
    let decided = options.propagation.is_some()
        || object.meta().has_finalizer(ORPHAN_FINALIZER)
        || object.meta().has_finalizer(FOREGROUND_FINALIZER);
    match target.strategy.default_propagation() {
        DefaultPropagation::Orphan { warning } if !decided => Some(warning.to_owned()),
        _ => None,
    }
}

pub(crate) fn collection(server: &ApiServer, target: &Target<'_>, request: &Request) -> Result<Reply, Status> {
    let (options, mut warnings) = Options::of(request)?;
    let mut listing = request.clone();
    listing.verb = Verb::List;
    let Response::List(list) = read::list(server, target, &listing)?.response else {
        return Err(Status::internal("a list answered with something else"));
    };
    let mut items = Vec::with_capacity(list.items.len());
    for object in list.items {
        let mut before = Some(object);
        while let Some(object) = before.take() {
            match delete_one(server, target, &options, &object) {
                Ok(Outcome::Gone(object) | Outcome::Lingers(object)) => {
                    warnings.extend(default_warning(target, &options, &object));
                    items.push(object);
                }
                Err(Failure::Raced) => before = server.store.get(target.index, &object.meta().key()),
                Err(Failure::Refused(status)) => return Err(*status),
            }
        }
    }
    warnings.dedup();
    Ok(Reply { response: Response::List(ObjectList { items, ..list }), warnings })
}

enum Failure {
    /// Somebody wrote in between: look again.
    Raced,
    Refused(Box<Status>),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

fn delete_one(
    server: &ApiServer,
    target: &Target<'_>,
    options: &Options,
    before: &Arc<Object>,
) -> Result<Outcome, Failure> {
    if let Some(why) = target.strategy.deletion_refusal(&before.meta().name) {
        return Err(Status::forbidden(&target.resource, &before.meta().name, why).into());
    }
    options.check_preconditions(&target.resource, before.meta())?;
    let mut object = before.to_value();
    set_propagation_finalizer(target, options, &mut object);
    let now = whole_seconds(server.clock.now());
    let wanted = target.strategy.grace_period_seconds(&object, options.grace_period_seconds);
    let grace_seconds = if wanted < 0 { 1 } else { wanted };
    mark(&mut object, before, now, grace_seconds);
    target.strategy.prepare_for_delete(&mut object);
    let gone = metadata::is_gone(&object) && !target.strategy.is_held(&object);
    if options.dry_run {
        let object = uncommitted(&object)?;
        return Ok(if gone { Outcome::Gone(object) } else { Outcome::Lingers(object) });
    }
    if !gone && object == before.to_value() {
        return Ok(Outcome::Lingers(before.clone()));
    }
    let change = if gone { Change::Delete(object) } else { Change::Put(object) };
    match commit_own(server, target, before, change) {
        Ok(object) if gone => Ok(Outcome::Gone(object)),
        Ok(object) => Ok(Outcome::Lingers(object)),
        Err(CommitError::Conflict(_) | CommitError::Missing) => Err(Failure::Raced),
        Err(error) => Err(Status::internal(error).into()),
    }
}

/// Sets the time of deletion. A second delete may only shorten the grace.
fn mark(object: &mut Value, before: &Object, now: Timestamp, grace_seconds: i64) {
    let due = now.saturating_add(SignedDuration::from_secs(grace_seconds)).expect("seconds keep their unit");
    if let Some(old_due) = before.meta().deletion_timestamp {
        let old_grace = before.meta().deletion_grace_period_seconds.unwrap_or(0);
        let shorter = old_grace > 0 && (grace_seconds == 0 || due < old_due);
        if !shorter {
            return;
        }
    }
    let generation = object["metadata"]["generation"].as_i64();
    let metadata = metadata::of(object);
    metadata.insert("deletionTimestamp".to_owned(), rfc3339(due).into());
    metadata.insert("deletionGracePeriodSeconds".to_owned(), grace_seconds.into());
    if let Some(generation) = generation.filter(|generation| *generation > 0) {
        metadata.insert("generation".to_owned(), (generation + 1).into());
    }
}

/// Puts the finalizer of the wanted propagation on the object and takes the other one off. The options win over
/// finalizers that are there, those over the kind's default.
fn set_propagation_finalizer(target: &Target<'_>, options: &Options, object: &mut Value) {
    let has = |name: &str| {
        object["metadata"]["finalizers"].as_array().is_some_and(|list| list.iter().any(|item| item == name))
    };
    let default = target.strategy.default_propagation();
    let wanted = match options.propagation {
        _ if default == DefaultPropagation::Unsupported => Propagation::Background,
        Some(propagation) => propagation,
        None if has(ORPHAN_FINALIZER) => Propagation::Orphan,
        None if has(FOREGROUND_FINALIZER) => Propagation::Foreground,
        None => match default {
            DefaultPropagation::Background | DefaultPropagation::Unsupported => Propagation::Background,
            DefaultPropagation::Orphan { .. } => Propagation::Orphan,
        },
    };
    let metadata = metadata::of(object);
    let mut finalizers = metadata.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    finalizers.retain(|name| name != ORPHAN_FINALIZER && name != FOREGROUND_FINALIZER);
    match wanted {
        Propagation::Background => {}
        Propagation::Foreground => finalizers.push(FOREGROUND_FINALIZER.into()),
        Propagation::Orphan => finalizers.push(ORPHAN_FINALIZER.into()),
    }
    if finalizers.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), Value::Array(finalizers));
    }
}
