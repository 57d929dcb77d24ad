//! Update and patch: read, change, note who manages what, compare and commit.

use std::sync::Arc;

use api::field::{ErrorType, FieldError, FieldErrors, Path};
use api::{Body, Gvr, Kind, Object, PatchType, Reply, Request, Response, Status};
use fields::Managers;
use machinery::schema;
use serde_json::Value;
use store::{Change, CommitError, Expected};

use super::admission::{self, Refusal};
use super::managers::{self, Given, Managed};
use super::read::{current, key};
use super::{apply, body, create, metadata, moment, rehearsed};
use crate::server::{ApiServer, Target};

/// How often a write that names no revision is tried again when others write in between.
const MAX_RACES: usize = 1_000;

/// What a request makes of the current object.
pub(super) struct Changed {
    pub(super) object: Value,
    pub(super) warnings: Vec<String>,
    pub(super) managed: Managed,
}

pub(crate) fn update(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let kind = &target.strategy.descriptor().kind;
    let mut object = body::object(&mut request)?;
    body::check_kind(kind, &mut object)?;
    let warnings = body::check(&request, kind, &mut object)?;
    target.strategy.to_stored(&mut object);
    check_identity(&request, &object)?;
    let given = Given::take(&mut object);
    let names_revision = object["metadata"]["resourceVersion"].as_str().is_some_and(|text| !text.is_empty());
    if request.subresource.is_none() && creates(server, target, &request)? {
        let name = request.name.take().unwrap_or_default();
        metadata::of(&mut object).insert("name".to_owned(), name.into());
        let reply = create::commit_new(server, target, &request, object, Managed::Compare(given))?;
        return Ok(Reply { warnings: [warnings, reply.warnings].concat(), ..reply });
    }
    if !names_revision && !target.strategy.allows_unconditional_update() {
        // That there is no such object is said first.
        current(server, target, &key(target, &request)?)?;
        return Err(unconditional(target, request.name.as_deref().unwrap_or_default()));
    }
    let mut object = Some(object);
    let modified = Status::modified(&target.resource, request.name.as_deref().unwrap_or_default());
    write(server, target, &request, |_, _| {
        // A write that names its revision is tried once, so only others need the object kept for another try.
        let taken = if names_revision { object.take() } else { object.clone() };
        let object = taken.ok_or_else(|| modified.clone())?;
        Ok(Changed { object, warnings: warnings.clone(), managed: Managed::Compare(given.clone()) })
    })
}

/// Whether an update is to create the object, since there is none.
fn creates(server: &ApiServer, target: &Target<'_>, request: &Request) -> Result<bool, Status> {
    let missing = || Ok::<_, Status>(server.store.get(target.index, &key(target, request)?).is_none());
    Ok(target.strategy.allows_create_on_update() && missing()?)
}

/// Refuses an update that names no revision. Upstream's store knows the resource only, and says that for the kind.
fn unconditional(target: &Target<'_>, name: &str) -> Status {
    let path = Path::new("metadata").child("resourceVersion");
    let body = "Invalid value: 0x0: must be specified for an update".to_owned();
    let mut errors = FieldErrors::new();
    errors.push(FieldError { error_type: ErrorType::Invalid, field: path.to_string(), body });
    let Gvr { group, version, plural } = target.resource.clone();
    Status::invalid(&Kind { group, version, kind: plural }, name, &errors)
}

/// Refuses a body that is about another object than the URL.
pub(super) fn check_identity(request: &Request, object: &Value) -> Result<(), Status> {
    let given = |name: &str| object["metadata"][name].as_str().filter(|text| !text.is_empty());
    let (name, namespace) = (request.name.as_deref().unwrap_or_default(), request.namespace.as_deref());
    if let Some(other) = given("name").filter(|other| *other != name) {
        let message = format!("the name of the object ({other}) does not match the name on the URL ({name})");
        return Err(Status::bad_request(message));
    }
    if given("namespace").is_some_and(|other| namespace.is_some_and(|namespace| other != namespace)) {
        return Err(Status::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

pub(crate) fn patch(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let kind = &target.strategy.descriptor().kind;
    let Body::Patch(patch_type, patch) = std::mem::take(&mut request.body) else {
        return Err(Status::bad_request("the request has no patch"));
    };
    if patch_type == PatchType::Apply {
        return apply::apply(server, target, &request, patch);
    }
    let with_managers = !request.trusted && managers::concerns(&patch);
    let schema = if patch_type == PatchType::StrategicMerge { schema::of_kind(kind) } else { None };
    write(server, target, &request, |before, old| {
        let mut object = if with_managers { before.to_wire_value() } else { old.clone() };
        target.strategy.from_stored(&mut object);
        let held = machinery::patch::apply(&mut object, patch_type, patch.clone(), schema)?;
        body::check_kind(kind, &mut object)?;
        let warnings = body::check_patched(&request, kind, &mut object, (patch_type, &patch), held)?;
        target.strategy.to_stored(&mut object);
        let given = Given::take(&mut object);
        Ok(Changed { object, warnings, managed: Managed::Compare(given) })
    })
}

/// The loop that all of these verbs share.
pub(super) fn write(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    mut change: impl FnMut(&Object, &Value) -> Result<Changed, Status>,
) -> Result<Reply, Status> {
    let key = key(target, request)?;
    let _exclusive = moment::exclusive(server, target);
    for _ in 0..MAX_RACES {
        let before = current(server, target, &key)?;
        let old = before.to_value();
        let Changed { object: mut new, mut warnings, managed } = change(&before, &old)?;
        check_preconditions(target, &before, &new)?;
        default(target, request, &mut new, &old);
        let managers = managers::after(server, target, request, Some((&before, &old)), &new, managed);
        prepare(server, target, request, &mut new, &old)?;
        if !request.trusted && request.subresource.as_deref() != Some("status") {
            warnings.extend(server.warnings(target, &new, Some(&old)));
        }
        let committed = if request.options.dry_run {
            admission::charges(server, target, request, &new, Some(&old))?;
            Some(rehearsed(&new, Some(managers))?)
        } else if new == old && managers::are_unchanged(&before, &managers) {
            Some(before)
        } else {
            commit_changed(server, target, request, (&before, &old), (new, managers))?
        };
        // Without an object somebody wrote in between: the next round sees it, and refuses if the client named its
        // revision.
        if let Some(object) = committed {
            return Ok(Reply { response: Response::Object { object, created: false }, warnings });
        }
    }
    Err(Status::modified(&target.resource, &key.name))
}

/// Commits a changed object with what it costs; `None` when somebody wrote the object in between.
fn commit_changed(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    (before, old): (&Object, &Value),
    (mut new, managers): (Value, Arc<Managers>),
) -> Result<Option<Arc<Object>>, Status> {
    let gone = metadata::is_gone(&new) && !target.strategy.is_held(&new);
    let (key, expected) = (before.meta().key(), Expected::At(before.meta().revision));
    for _ in 0..MAX_RACES {
        let charges = if gone { Vec::new() } else { admission::charges(server, target, request, &new, Some(old))? };
        // The object is needed once more only when a quota may have to be read again.
        let value = if charges.is_empty() { std::mem::take(&mut new) } else { new.clone() };
        let change = if gone { Change::Delete(value) } else { Change::PutManaged(value, managers.clone()) };
        match admission::commit(server, (target.index, &key), expected, change, charges) {
            Ok(object) => return Ok(Some(object)),
            Err(Refusal::Outdated) => {}
            Err(Refusal::Write(CommitError::Conflict(_) | CommitError::Missing)) => return Ok(None),
            Err(Refusal::Write(error)) => return Err(Status::internal(error)),
        }
    }
    Err(Status::modified(&target.resource, &key.name))
}

/// Compares what the client says of revision and UID.
fn check_preconditions(target: &Target<'_>, before: &Object, new: &Value) -> Result<(), Status> {
    let meta = before.meta();
    let given = |name: &str| new["metadata"][name].as_str().filter(|text| !text.is_empty());
    let old_revision = meta.revision.to_string();
    if given("resourceVersion").is_some_and(|revision| revision != old_revision) {
        return Err(Status::modified(&target.resource, &meta.name));
    }
    if let Some(uid) = given("uid").filter(|uid| *uid != meta.uid.as_str()) {
        let why = format!("Precondition failed: UID in precondition: {uid}, UID in object meta: {}", meta.uid);
        return Err(Status::conflict(&target.resource, &meta.name, &why));
    }
    Ok(())
}

fn default(target: &Target<'_>, request: &Request, new: &mut Value, old: &Value) {
    metadata::for_update(new, old);
    if request.subresource.is_none() {
        target.strategy.default(new);
    }
}

fn prepare(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    new: &mut Value,
    old: &Value,
) -> Result<(), Status> {
    let (strategy, subresource) = (target.strategy, request.subresource.as_deref());
    if subresource.is_none() {
        admission::mutate(server, target, request, new, Some(old))?;
        moment::allocate(server, target, new, Some(old))?;
    }
    strategy.prepare_for_update(new, old, subresource);
    let mut errors: FieldErrors = registry::metadata::validate_update(&new["metadata"], &old["metadata"]);
    errors.extend(strategy.validate_update(new, old, subresource));
    if errors.is_empty() {
        return admission::validate(server, target, request, new, Some(old));
    }
    let name = old["metadata"]["name"].as_str().unwrap_or_default();
    Err(Status::invalid(&strategy.descriptor().kind, name, &errors))
}

/// Commits a change that the server itself makes to an object, such as a deletion mark.
pub(super) fn commit_own(
    server: &ApiServer,
    target: &Target<'_>,
    before: &Object,
    change: Change,
) -> Result<Arc<Object>, CommitError> {
    server.store.commit(target.index, &before.meta().key(), Expected::At(before.meta().revision), change)
}
