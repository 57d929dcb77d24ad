//! Create: default, note who manages what, admit, prepare, validate, commit.

use std::sync::Arc;

use api::field::FieldErrors;
use api::{Object, ObjectKey, Reply, Request, Response, Status};
use fields::Managers;
use serde_json::Value;
use store::{Change, CommitError, Expected};

use super::admission::{self, Refusal};
use super::managers::{self, Given, Managed};
use super::{body, metadata, moment, rehearsed};
use crate::server::{ApiServer, Target};

/// How often a taken generated name is drawn anew (upstream's `maxNameGenerationCreateAttempts`).
const NAME_ATTEMPTS: usize = 8;
/// How often quotas are read again when others change them in between.
const MAX_ROUNDS: usize = 1_000;

pub(crate) fn create(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let kind = &target.strategy.descriptor().kind;
    let mut object = body::object(&mut request)?;
    body::check_kind(kind, &mut object)?;
    let warnings = body::check(&request, kind, &mut object)?;
    target.strategy.to_stored(&mut object);
    let given = Given::take(&mut object);
    let reply = commit_new(server, target, &request, object, Managed::Compare(given))?;
    Ok(Reply { warnings: [warnings, reply.warnings].concat(), ..reply })
}

/// Creates a checked object.
pub(super) fn commit_new(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    mut object: Value,
    managed: Managed,
) -> Result<Reply, Status> {
    let strategy = target.strategy;
    let generated = metadata::for_create(server, target, request, &mut object)?;
    let namespace = request.namespace.as_deref();
    metadata::admit_namespace(server, target, namespace, object["metadata"]["name"].as_str().unwrap_or_default())?;
    strategy.default(&mut object);
    let managers = managers::after(server, target, request, None, &object, managed);
    admission::mutate(server, target, request, &mut object, None)?;
    let _exclusive = moment::exclusive(server, target);
    moment::allocate(server, target, &mut object, None)?;
    strategy.prepare_for_create(&mut object);
    validate(target, &object)?;
    admission::validate(server, target, request, &object, None)?;
    let warnings = if request.trusted { Vec::new() } else { server.warnings(target, &object, None) };
    let object = commit(server, target, request, object, generated, &managers)?;
    Ok(Reply { response: Response::Object { object, created: true }, warnings })
}

fn validate(target: &Target<'_>, object: &Value) -> Result<(), Status> {
    let strategy = target.strategy;
    let descriptor = strategy.descriptor();
    let rule = |name: &str| strategy.name_errors(name);
    let mut errors: FieldErrors =
        registry::metadata::validate_create(&object["metadata"], descriptor.namespaced, &rule);
    errors.extend(strategy.validate_create(object));
    if errors.is_empty() {
        return Ok(());
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Err(Status::invalid(&descriptor.kind, name, &errors))
}

fn key(target: &Target<'_>, request: &Request, object: &Value) -> ObjectKey {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    match request.namespace.as_deref().filter(|_| target.strategy.descriptor().namespaced) {
        Some(namespace) => ObjectKey::namespaced(namespace, name),
        None => ObjectKey::cluster(name),
    }
}

fn commit(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    mut object: Value,
    generated: bool,
    managers: &Arc<Managers>,
) -> Result<Arc<Object>, Status> {
    let mut attempts = if generated { NAME_ATTEMPTS } else { 1 };
    let mut rounds = MAX_ROUNDS;
    loop {
        let key = key(target, request, &object);
        let charges = admission::charges(server, target, request, &object, None)?;
        if server.store.get(target.index, &key).is_none() {
            if request.options.dry_run {
                return rehearsed(&object, Some(managers.clone()));
            }
            // The clone is needed only when a generated name may have to be drawn again, or a quota read again.
            let again = generated || !charges.is_empty();
            let value = if again { object.clone() } else { std::mem::take(&mut object) };
            let change = Change::PutManaged(value, managers.clone());
            let place = (target.index, &key);
            match admission::commit(server, place, Expected::Absent, change, charges) {
                Ok(object) => return Ok(object),
                Err(Refusal::Outdated) if rounds > 0 => {
                    rounds -= 1;
                    continue;
                }
                Err(Refusal::Outdated) => return Err(Status::modified(&target.resource, &key.name)),
                Err(Refusal::Write(CommitError::Exists)) => {}
                Err(Refusal::Write(error)) => return Err(Status::internal(error)),
            }
        }
        attempts -= 1;
        if attempts == 0 {
            return Err(taken(target, &object, &key));
        }
        metadata::generate_name(server, metadata::of(&mut object));
    }
}

/// 409; a generated name that is taken asks for another try.
fn taken(target: &Target<'_>, object: &Value, key: &ObjectKey) -> Status {
    let status = Status::already_exists(&target.resource, &key.name);
    if object["metadata"]["generateName"].as_str().unwrap_or_default().is_empty() {
        return status;
    }
    let message = format!("{status}, the server was not able to generate a unique name for the object");
    Status { message, ..status }.with_retry_after(1)
}
