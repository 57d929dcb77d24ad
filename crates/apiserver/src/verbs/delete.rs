//! Delete: graceful, with finalizers and propagation, of one object or a collection
//! (`k8s.io/apiserver/pkg/registry/rest/delete.go`, `generic/registry/store.go`).

mod options;
mod plan;

use std::sync::Arc;

use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::time::whole_seconds;
use api::{Object, ObjectList, Reply, Request, Response, Status, Verb};
use registry::DefaultPropagation;
use store::{Change, CommitError};

use super::read::{current, key};
use super::update::commit_own;
use super::{read, rehearsed};
use crate::server::{ApiServer, Target};
pub(super) use options::Options;
use plan::{Plan, plan};

/// How a delete ended.
pub(super) enum Outcome {
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
        DefaultPropagation::Orphan { warning } if !decided => warning.map(str::to_owned),
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

/// Why an object was not deleted.
pub(super) enum Failure {
    /// Somebody wrote in between: look again.
    Raced,
    /// The client is to know.
    Refused(Box<Status>),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

/// Deletes one object as it was read.
pub(super) fn delete_one(
    server: &ApiServer,
    target: &Target<'_>,
    options: &Options,
    before: &Arc<Object>,
) -> Result<Outcome, Failure> {
    let (strategy, meta) = (target.strategy, before.meta());
    if let Some(why) = strategy.deletion_refusal(&meta.name) {
        return Err(Status::forbidden(&target.resource, &meta.name, why).into());
    }
    options.check_preconditions(&strategy.descriptor().kind, meta)?;
    let now = whole_seconds(server.clock.now());
    let (object, gone) = match plan(strategy, options, meta, before.to_value(), now) {
        Plan::Pending => return Ok(Outcome::Lingers(before.clone())),
        Plan::Stays(object) => (object, false),
        Plan::Goes(object) => (object, true),
    };
    if options.dry_run {
        let object = rehearsed(&object, before.managers().cloned())?;
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
