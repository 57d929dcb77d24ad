//! The `scale` subresource: the number of replicas of a kind, in the same shape for all kinds (`autoscaling/v1 Scale`),
//! with reads, updates and patches. Where the number stands is the strategy's to say.
//!
//! A write of a scale is an update of the object: its rules, revision and generation are the object's.

use std::sync::Arc;

use api::field::{FieldErrors, Path};
use api::{Body, Kind, Object, PatchType, Reason, Reply, Request, Response, Status, Verb};
use machinery::schema;
use registry::strategy::Scale;
use serde_json::{Value, json};

use super::managers::{Given, Managed};
use super::{body, read, update};
use crate::server::{ApiServer, Target};

static SCALE: Kind = Kind::known("autoscaling", "v1", "Scale");

pub(crate) fn call(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let scale = target.strategy.scale().ok_or_else(Status::no_such_resource)?;
    let reply = match request.verb {
        Verb::Get => read::get(server, target, &request)?,
        Verb::Update => {
            let mut wanted = body::object(&mut request)?;
            body::check_kind(&SCALE, &mut wanted)?;
            let warnings = body::check(&request, &SCALE, &mut wanted)?;
            update::check_identity(&request, &wanted)?;
            write(server, target, scale, request, |_| Ok((wanted.clone(), warnings.clone())))?
        }
        Verb::Patch => {
            let Body::Patch(patch_type, patch) = std::mem::take(&mut request.body) else {
                return Err(Status::bad_request("the request has no patch"));
            };
            if patch_type == PatchType::Apply {
                return Err(no_apply());
            }
            let context = request.clone();
            write(server, target, scale, request, |old| {
                let mut wanted = of(scale, old);
                let schema = schema::of_kind(&SCALE).filter(|_| patch_type == PatchType::StrategicMerge);
                let held = machinery::patch::apply(&mut wanted, patch_type, patch.clone(), schema)?;
                body::check_kind(&SCALE, &mut wanted)?;
                let warnings = body::check_patched(&context, &SCALE, &mut wanted, (patch_type, &patch), held)?;
                Ok((wanted, warnings))
            })?
        }
        _ => return Err(Status::method_not_allowed()),
    };
    shown(scale, reply)
}

/// Performs an update of the object by what a scale of it becomes.
fn write(
    server: &ApiServer,
    target: &Target<'_>,
    scale: &Scale,
    request: Request,
    wanted: impl Fn(&Value) -> Result<(Value, Vec<String>), Status>,
) -> Result<Reply, Status> {
    let name = request.name.clone().unwrap_or_default();
    update::write(server, target, &request, |_, old| {
        let (wanted, warnings) = wanted(old)?;
        validate(&wanted, &name)?;
        let mut object = old.clone();
        for field in ["resourceVersion", "uid"] {
            object["metadata"][field] = wanted["metadata"][field].clone();
        }
        if let Some(replicas) = object.pointer_mut(scale.spec_replicas) {
            *replicas = wanted.pointer("/spec/replicas").cloned().unwrap_or_else(|| 0.into());
        }
        Ok(update::Changed { object, warnings, managed: Managed::Compare(Given::Nothing) })
    })
}

/// Differs: upstream also applies scales server-side; no client of ours does.
fn no_apply() -> Status {
    let message = "the body of the request was in an unknown format - accepted media types include: \
                   application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json";
    Status::failure(415, Reason::UNSUPPORTED_MEDIA_TYPE, message)
}

/// `ValidateScale`.
fn validate(scale: &Value, name: &str) -> Result<(), Status> {
    let replicas = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or_default();
    if replicas >= 0 {
        return Ok(());
    }
    let mut errors = FieldErrors::new();
    let path = Path::new("spec").child("replicas");
    errors.push(path.invalid(replicas, "must be greater than or equal to 0"));
    Err(Status::invalid(&SCALE, name, &errors))
}

/// The scale of an object.
fn of(scale: &Scale, object: &Value) -> Value {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64).unwrap_or_default();
    let mut metadata = serde_json::Map::new();
    for field in ["creationTimestamp", "name", "namespace", "resourceVersion", "uid"] {
        if let Some(value) = object["metadata"].get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    }
    let mut status = json!({"replicas": number(scale.status_replicas)});
    let selector = (scale.selector)(object);
    if !selector.is_empty() {
        status["selector"] = selector.into();
    }
    let mut spec = json!({});
    if number(scale.spec_replicas) != 0 {
        spec["replicas"] = number(scale.spec_replicas).into();
    }
    json!({
        "kind": SCALE.kind,
        "apiVersion": SCALE.api_version(),
        "metadata": metadata,
        "spec": spec,
        "status": status,
    })
}

/// A reply that shows the scale in place of the object.
fn shown(scale: &Scale, reply: Reply) -> Result<Reply, Status> {
    let Response::Object { object, created } = reply.response else { return Ok(reply) };
    let object = Object::from_value(&of(scale, &object.to_value())).map_err(Status::internal)?;
    Ok(Reply { response: Response::Object { object: Arc::new(object), created }, warnings: reply.warnings })
}
