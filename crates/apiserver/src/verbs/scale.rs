//! The `scale` subresource: the number of replicas of a kind, in the same shape for all kinds (`autoscaling/v1 Scale`),
//! with reads, updates and patches. Where the number stands is the strategy's to say.
//!
//! A write of a scale is an update of the object: its rules, revision and generation are the object's.

use std::sync::Arc;

use api::field::{FieldErrors, Path};
use api::{Body, Kind, Object, PatchType, Reply, Request, Response, Status, Verb};
use fields::Managers;
use machinery::apply::{Applied, Reset, Writer};
use machinery::schema;
use registry::strategy::Scale;
use serde_json::{Value, json};

use super::managers::{Given, Managed};
use super::{apply, body, read, update};
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
                return shown(scale, apply_to_object(server, target, scale, &request, &patch)?);
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

/// Applies a scale server-side. What it says of replicas is said, and managed, of the object
/// (`apimachinery/pkg/util/managedfields/scalehandler.go`).
fn apply_to_object(
    server: &ApiServer,
    target: &Target<'_>,
    scale: &Scale,
    request: &Request,
    config: &Value,
) -> Result<Reply, Status> {
    check_config(server, request, config)?;
    let name = request.name.as_deref().unwrap_or_default();
    let kind = &target.strategy.descriptor().kind;
    let mut of_object = match config.pointer("/spec/replicas") {
        None => json!({}),
        Some(replicas) => {
            let names = scale.spec_replicas.rsplit('/').filter(|name| !name.is_empty());
            names.fold(replicas.clone(), |value, name| json!({name: value}))
        }
    };
    of_object["apiVersion"] = kind.api_version().into();
    of_object["kind"] = kind.kind.to_string().into();
    of_object["metadata"] = json!({"name": name});
    update::write(server, target, request, |before, old| {
        let Applied { object, managers } = apply::merged(server, target, request, Some((before, old)), &of_object)?;
        let mut object = object.unwrap_or_else(|| old.clone());
        // Replicas that are applied no more are none, as a scale has it.
        if let Some((parent, field)) = scale.spec_replicas.rsplit_once('/')
            && let Some(Value::Object(parent)) = object.pointer_mut(parent)
        {
            parent.entry(field).or_insert_with(|| 0.into());
        }
        validate(&of(scale, &object), name)?;
        let warnings = apply::strict(request)?;
        update::check_identity(request, config)?;
        for field in ["resourceVersion", "uid"] {
            object["metadata"][field] = config["metadata"][field].clone();
        }
        Ok(update::Changed { object, warnings, managed: Managed::Known(managers) })
    })
}

/// Holds an applied configuration against what a scale is.
fn check_config(server: &ApiServer, request: &Request, config: &Value) -> Result<(), Status> {
    let st = schema::of_kind(&SCALE).ok_or_else(|| Status::internal("a scale has no schema"))?;
    let (reset, now) = (Reset::new(&[]), server.now());
    let name = request.options.field_manager.as_deref().unwrap_or_default();
    let writer = Writer { st, kind: &SCALE, name, subresource: "scale", reset: &reset, now };
    machinery::apply::applied(&writer, &Value::Null, config, &Managers::default(), true)?;
    let mut scale = config.clone();
    machinery::strict::check_type(&st.name, &mut scale).map(drop).map_err(Status::unknown_failure)
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
