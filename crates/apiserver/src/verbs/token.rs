//! `serviceaccounts/token`: a signed token for a service account (`pkg/registry/core/serviceaccount/storage/token.go`).
//!
//! Differs: no token outlives what was asked for; upstream gives pods that ask for 3,607 seconds a year.

use api::field::{FieldErrors, Path};
use api::resource::{NODES, PODS, SECRETS};
use api::time::{rfc3339, whole_seconds};
use api::{Gvr, Kind, Meta, Reply, Request, Response, Status};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::read::{current, key};
use super::{body, metadata, uncommitted};
use crate::server::{ApiServer, Target};
use crate::tokens::{Bound, Claims, ISSUER, Named};

const KIND: Kind = Kind::known("authentication.k8s.io", "v1", "TokenRequest");
/// How upstream names the resource in conflicts.
const RESOURCE: Gvr = Gvr::known("authentication.k8s.io", "v1", "TokenRequest");

const DEFAULT_SECONDS: i64 = 60 * 60;
const MIN_SECONDS: i64 = 10 * 60;
const MAX_SECONDS: i64 = 1 << 32;

pub(crate) fn create(server: &ApiServer, target: &Target<'_>, mut request: Request) -> Result<Reply, Status> {
    let mut object = body::object(&mut request)?;
    body::check_kind(&KIND, &mut object)?;
    let warnings = body::check(&request, &KIND, &mut object)?;
    let key = key(target, &request)?;
    check_names(&object, &key.name, key.namespace_or_empty())?;
    let account = current(server, target, &key)?;
    let account = account.meta();
    let given = object["metadata"]["uid"].as_str().unwrap_or_default();
    if !given.is_empty() && given != account.uid.as_str() {
        let why = format!(
            "the UID in the token request ({given}) does not match the UID of the service account ({})",
            account.uid
        );
        return Err(Status::conflict(&RESOURCE, &key.name, &why));
    }
    let now = server.now();
    complete(&mut object, account, now);
    validate(&object)?;
    let bound = bind(server, &object, account)?;
    let claims = claims(server, &object, bound, now);
    let token = server.tokens.key()?.sign(&claims).map_err(Status::internal)?;
    let expires = Timestamp::from_second(claims.exp).map_err(Status::internal)?;
    object["status"] = json!({"token": token, "expirationTimestamp": rfc3339(expires)});
    Ok(Reply { response: Response::Object { object: uncommitted(&object)?, created: true }, warnings })
}

/// The body may name the account; then it must be that of the URL.
fn check_names(object: &Value, name: &str, namespace: &str) -> Result<(), Status> {
    for (field, what, wanted) in [("name", "name", name), ("namespace", "namespace", namespace)] {
        let given = object["metadata"][field].as_str().unwrap_or_default();
        if !given.is_empty() && given != wanted {
            let mut errors = FieldErrors::new();
            let detail = format!("must match the service account {what} if specified");
            errors.push(Path::new("metadata").child(field).invalid(given, detail));
            return Err(Status::invalid(&KIND, name, &errors));
        }
    }
    Ok(())
}

/// Fills in what the client left out.
fn complete(object: &mut Value, account: &Meta, now: Timestamp) {
    let metadata = metadata::of(object);
    metadata.insert("name".to_owned(), account.name.as_str().into());
    metadata.insert("namespace".to_owned(), account.namespace.as_deref().into());
    metadata.insert("uid".to_owned(), account.uid.as_str().into());
    metadata.insert("creationTimestamp".to_owned(), rfc3339(whole_seconds(now)).into());
    if !object["spec"].is_object() {
        object["spec"] = json!({});
    }
    let spec = &mut object["spec"];
    if spec["audiences"].as_array().is_none_or(Vec::is_empty) {
        spec["audiences"] = json!([ISSUER]);
    }
    if spec["expirationSeconds"].is_null() {
        spec["expirationSeconds"] = DEFAULT_SECONDS.into();
    }
    if spec["boundObjectRef"].is_null() {
        spec["boundObjectRef"] = Value::Null;
    }
}

fn seconds(object: &Value) -> i64 {
    object["spec"]["expirationSeconds"].as_i64().unwrap_or_default()
}

fn validate(object: &Value) -> Result<(), Status> {
    let detail = match seconds(object) {
        ..MIN_SECONDS => "may not specify a duration less than 10 minutes",
        MIN_SECONDS..=MAX_SECONDS => return Ok(()),
        _ => "may not specify a duration larger than 2^32 seconds",
    };
    let mut errors = FieldErrors::new();
    errors.push(Path::new("spec").child("expirationSeconds").invalid(seconds(object), detail));
    Err(Status::invalid(&KIND, "", &errors))
}

/// What the token is to be bound to besides the account.
fn bind(server: &ApiServer, object: &Value, account: &Meta) -> Result<Bound, Status> {
    let named = |meta: &Meta| Named { name: meta.name.clone(), uid: meta.uid.to_string() };
    let namespace = account.namespace.clone().unwrap_or_default();
    let mut bound = Bound { namespace, serviceaccount: named(account), ..Bound::default() };
    let reference = &object["spec"]["boundObjectRef"];
    if reference.is_null() {
        return Ok(bound);
    }
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let (api_version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
    let (group, version) = api::key::split_api_version(api_version);
    let within = Some(bound.namespace.as_str());
    let (meta, place) = match (group, kind) {
        ("", "Pod") => {
            let pod = server.meta_of(PODS, within, name)?;
            bound.node = node_of(server, within, name, &account.name)?;
            (pod, &mut bound.pod)
        }
        ("", "Node") => (server.meta_of(NODES, None, name)?, &mut bound.node),
        ("", "Secret") => (server.meta_of(SECRETS, within, name)?, &mut bound.secret),
        _ => {
            let why = format!("cannot bind token to object of type {group}/{version}, Kind={kind}");
            return Err(Status::bad_request(why));
        }
    };
    let uid = text("uid");
    if !uid.is_empty() && uid != meta.uid.as_str() {
        let why = format!(
            "the UID in the bound object reference ({uid}) does not match the UID in record. \
             The object might have been deleted and then recreated"
        );
        return Err(Status::conflict(&Gvr::new(group, version, kind), name, &why));
    }
    *place = Some(named(&meta));
    Ok(bound)
}

/// Where the pod runs; refuses a pod of another account.
fn node_of(server: &ApiServer, namespace: Option<&str>, pod: &str, account: &str) -> Result<Option<Named>, Status> {
    let request = Request::new(api::Verb::Get, PODS, namespace, Some(pod));
    let object = server.call(request)?.into_object().ok_or_else(|| Status::internal("a get answers an object"))?;
    let field = |pointer: &str| object.field(pointer).and_then(|value| value.as_str().map(str::to_owned));
    // A pod that names no account runs as the default one.
    let own = field("/spec/serviceAccountName").filter(|name| !name.is_empty());
    if own.as_deref().unwrap_or("default") != account {
        return Err(Status::bad_request(format!(
            "cannot bind token for serviceaccount {account:?} to pod running with different serviceaccount name."
        )));
    }
    let Some(name) = field("/spec/nodeName").filter(|name| !name.is_empty()) else { return Ok(None) };
    let uid = server.meta_of(NODES, None, &name).map(|meta| meta.uid.to_string()).unwrap_or_default();
    Ok(Some(Named { name, uid }))
}

fn claims(server: &ApiServer, object: &Value, bound: Bound, now: Timestamp) -> Claims {
    let audiences = object["spec"]["audiences"].as_array().into_iter().flatten();
    let iat = now.as_second();
    let expires = now.saturating_add(SignedDuration::from_secs(seconds(object))).expect("seconds keep their unit");
    Claims {
        aud: audiences.filter_map(|audience| audience.as_str().map(str::to_owned)).collect(),
        exp: expires.as_second(),
        iat,
        iss: ISSUER.to_owned(),
        jti: server.entropy.uid(),
        sub: format!("system:serviceaccount:{}:{}", bound.namespace, bound.serviceaccount.name),
        bound,
        nbf: iat,
    }
}
