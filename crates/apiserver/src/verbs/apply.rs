//! Server-side apply: PATCH with `application/apply-patch+yaml`, which creates what is not there
//! (`k8s.io/apiserver/pkg/endpoints/handlers/patch.go`, `applyPatcher`).

use api::request::FieldValidation;
use api::{Object, Reason, Reply, Request, Status};
use machinery::apply::{self, Applied};
use serde_json::Value;

use super::managers::{self, Managed};
use super::read::key;
use super::update::{Changed, check_identity, write};
use super::{create, metadata};
use crate::server::{ApiServer, Target};

/// How often an object that comes and goes in between is tried again.
const MAX_RACES: usize = 100;

pub(super) fn apply(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    config: Value,
) -> Result<Reply, Status> {
    let key = key(target, request)?;
    let mut config = config;
    target.strategy.to_stored(&mut config);
    for _ in 0..MAX_RACES {
        let there = server.store.get(target.index, &key).is_some();
        // A subresource never brings its object into being.
        if !there && request.subresource.is_some() {
            return Err(Status::not_found(&target.resource, &key.name));
        }
        let reply =
            if there { change(server, target, request, &config) } else { add(server, target, request, &config) };
        match reply {
            Err(status) if there && status.is(&Reason::NOT_FOUND) => {}
            Err(status) if !there && status.is(&Reason::ALREADY_EXISTS) => {}
            reply => return reply,
        }
    }
    Err(Status::modified(&target.resource, &key.name))
}

fn change(server: &ApiServer, target: &Target<'_>, request: &Request, config: &Value) -> Result<Reply, Status> {
    write(server, target, request, |before, old| {
        let Applied { object, managers } = merged(server, target, request, Some((before, old)), config)?;
        let object = match object {
            None => old.clone(),
            Some(object) => usable(server, target, config, object)?,
        };
        let warnings = strict(request)?;
        check_identity(request, &object)?;
        Ok(Changed { object, warnings, managed: Managed::Known(managers) })
    })
}

fn add(server: &ApiServer, target: &Target<'_>, request: &Request, config: &Value) -> Result<Reply, Status> {
    let Applied { object, managers } = merged(server, target, request, None, config)?;
    let mut object = usable(server, target, config, object.unwrap_or_else(|| config.clone()))?;
    let warnings = strict(request)?;
    let name = request.name.as_deref().unwrap_or_default();
    let metadata = metadata::of(&mut object);
    let uid = metadata::text(metadata, "uid");
    if !uid.is_empty() {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(Status::conflict(&target.resource, name, &why));
    }
    if metadata::text(metadata, "name").is_empty() {
        let why = format!("the name of the object ({name} based on URL) was undeterminable: name must be provided");
        return Err(Status::bad_request(why));
    }
    metadata.remove("resourceVersion");
    check_identity(request, &object)?;
    let reply = create::commit_new(server, target, request, object, Managed::Known(managers))?;
    Ok(Reply { warnings: [warnings, reply.warnings].concat(), ..reply })
}

/// The object with a configuration merged in, and who manages it then.
pub(super) fn merged(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    before: Option<(&Object, &Value)>,
    config: &Value,
) -> Result<Applied, Status> {
    let applied = managers::with_writer(server, target, request, |writer| {
        let managers = before.and_then(|(object, _)| object.managers()).cloned().unwrap_or_default();
        let live = before.map_or(&Value::Null, |(_, old)| old);
        apply::applied(writer, live, config, &managers, request.options.force)
    });
    applied.unwrap_or_else(|| Err(Status::internal("the kind has no schema")))
}

/// The merged object as Go's types would hold it: without nulls, and with its scalars in their usual form.
fn usable(server: &ApiServer, target: &Target<'_>, config: &Value, mut object: Value) -> Result<Value, Status> {
    let kind = &server.catalogue().at(target.index.0).descriptor().kind;
    let definition = machinery::schema::of_kind(kind).map_or("", |st| &st.name);
    machinery::strict::check_type(definition, &mut object).map_err(|why| {
        let text = |name: &str| config["metadata"][name].as_str().unwrap_or_default();
        let version = if kind.group.is_empty() { format!("/{}", kind.version) } else { kind.api_version() };
        Status::unknown_failure(format!(
            "failed to convert new object ({}/{}; {version}, Kind={}) to proper version: \
             unable to convert unstructured object to {version}, Kind={}: {why}",
            text("namespace"),
            text("name"),
            kind.kind,
            kind.kind
        ))
    })?;
    Ok(object)
}

/// What the decoder held against the body: fields that occur twice.
///
/// Differs: upstream's YAML decoder names lines, this one fields.
pub(super) fn strict(request: &Request) -> Result<Vec<String>, Status> {
    let errors = &request.strict_errors;
    match request.options.field_validation {
        FieldValidation::Warn => Ok(errors.clone()),
        FieldValidation::Strict if !errors.is_empty() => {
            Err(Status::bad_request(format!("error strict decoding YAML: {}", errors.join(", "))))
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(Vec::new()),
    }
}
