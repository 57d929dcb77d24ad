//! Sending objects of manifests: which URL each kind has, and creating them in order.

use std::sync::Arc;

use anyhow::Context as _;
use api::request::FieldValidation;
use api::resource::{MANIFEST_KINDS, Resource};
use api::{Body, Gvr, Object, Options, Reply, Request, Verb};
use client::Client;
use serde_json::Value;

use crate::exit::Failure;
use crate::manifest::Document;
use crate::screen::Screen;

/// Kinds that a real cluster may serve beside those that manifests of Jobs come with.
static APPS: [Resource; 3] = [
    Resource::known("apps", "v1", "Deployment", "deployments", true),
    Resource::known("apps", "v1", "StatefulSet", "statefulsets", true),
    Resource::known("apps", "v1", "DaemonSet", "daemonsets", true),
];

/// Where an object of a manifest goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Its resource.
    pub(crate) resource: Gvr,
    /// Its namespace, for kinds that live in one.
    pub(crate) namespace: Option<String>,
}

/// Whether the object is a Job.
pub(crate) fn is_job(value: &Value) -> bool {
    value["kind"] == "Job" && value["apiVersion"] == "batch/v1"
}

/// Finds where an object goes. `forced` is the namespace given as a flag.
///
/// # Errors
/// Kinds that nobody here knows; a namespace other than the one forced.
pub(crate) fn address(document: &Document, default: &str, forced: Option<&str>) -> Result<Address, Failure> {
    let text = |pointer: &str| document.value.pointer(pointer).and_then(Value::as_str);
    let (api_version, kind) = (text("/apiVersion").unwrap_or_default(), text("/kind").unwrap_or_default());
    let known = MANIFEST_KINDS.iter().chain(&APPS).find(|served| served.is_of(api_version, kind));
    let Some(Resource { gvr, namespaced, .. }) = known else {
        let file = document.source.file().unwrap_or_default();
        return Err(Failure::usage(format!(
            "error: resource mapping not found in \"{file}\": no matches for kind \"{kind}\" in version \"{api_version}\""
        )));
    };
    let resource = gvr.clone();
    if !namespaced {
        return Ok(Address { resource, namespace: None });
    }
    let own = text("/metadata/namespace").filter(|namespace| !namespace.is_empty());
    if let (Some(own), Some(forced)) = (own, forced)
        && own != forced
    {
        return Err(Failure::usage(format!(
            "error: the namespace from the provided object \"{own}\" does not match the namespace \"{forced}\". You must pass '--namespace={own}' to perform this operation."
        )));
    }
    Ok(Address { resource, namespace: Some(own.unwrap_or(default).to_owned()) })
}

/// Creates one object with every field checked, and passes the server's warnings on.
///
/// # Errors
/// The server's refusal, with the file in front of it.
pub(crate) async fn create(
    client: &Client,
    document: &Document,
    address: &Address,
    dry_run: bool,
    screen: Screen,
) -> anyhow::Result<Arc<Object>> {
    let reply = send(client, document, address, dry_run).await?;
    reply.warnings.iter().for_each(|warning| screen.warn(warning));
    reply.into_object().context("the server answered a create with no object")
}

/// Sends one object with every field checked. Warnings that begin with a field's path name its line too.
///
/// # Errors
/// The server's refusal, with the file in front of it.
pub(crate) async fn send(
    client: &Client,
    document: &Document,
    address: &Address,
    dry_run: bool,
) -> anyhow::Result<Reply> {
    let options = Options {
        dry_run,
        field_manager: Some("kubectl-job".to_owned()),
        field_validation: FieldValidation::Strict,
        ..Options::default()
    };
    let mut value = document.value.clone();
    if let Some(namespace) = &address.namespace {
        value["metadata"]["namespace"] = namespace.clone().into();
    }
    let request = Request::new(Verb::Create, address.resource.clone(), address.namespace.as_deref(), None)
        .options(options)
        .body(Body::Object(value));
    let sent = client.call(request).await.map_err(|error| placed(document, error));
    let mut reply = match document.source.file() {
        Some(file) => sent.with_context(|| format!("error when creating \"{file}\""))?,
        None => sent?,
    };
    for warning in &mut reply.warnings {
        let path = warning.split(':').next().unwrap_or_default();
        if let Some(place) = document.source.place(path) {
            *warning = format!("{warning} ({place})");
        }
    }
    Ok(reply)
}

/// A refusal that names unknown fields, with their places and what was probably meant.
fn placed(document: &Document, error: client::Error) -> client::Error {
    let client::Error::Status(mut status) = error else { return error };
    let unknown: Vec<String> = jobtest::unknown_fields(&status.message).into_iter().map(str::to_owned).collect();
    for field in unknown {
        let place = document.source.place(&field);
        let meant = jobtest::meant(&document.value, &field).map(|meant| format!("did you mean {meant}?"));
        let notes: Vec<String> = place.into_iter().chain(meant).collect();
        if !notes.is_empty() {
            let words = format!("unknown field {field:?}");
            status.message = status.message.replacen(&words, &format!("{words} ({})", notes.join("; ")), 1);
        }
    }
    client::Error::Status(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        crate::manifest::parse("x.yaml", text).expect("YAML").remove(0)
    }

    #[test]
    fn objects_go_to_their_own_namespace_or_the_default() {
        let job = document("apiVersion: batch/v1\nkind: Job\n");
        let place = address(&job, "team", None).expect("it is known");
        assert_eq!(place, Address { resource: api::resource::JOBS, namespace: Some("team".to_owned()) });
        let namespace = document("apiVersion: v1\nkind: Namespace\n");
        assert_eq!(address(&namespace, "team", None).expect("it is known").namespace, None);
    }

    #[test]
    fn an_unknown_field_is_told_with_its_line_and_what_was_meant() {
        let job = document("apiVersion: batch/v1\nkind: Job\nspec:\n  backofLimit: 1\n");
        let text = "strict decoding error: unknown field \"spec.backofLimit\"";
        let client::Error::Status(status) = placed(&job, client::Error::Status(api::Status::bad_request(text))) else {
            panic!("another error")
        };
        assert_eq!(status.message, format!("{text} (x.yaml:4; did you mean backoffLimit?)"));
    }

    #[test]
    fn a_namespace_given_twice_must_agree() {
        let job = document("apiVersion: batch/v1\nkind: Job\nmetadata: {namespace: a}\n");
        let refusal = address(&job, "b", Some("b")).expect_err("they differ").message;
        assert!(refusal.contains("the provided object \"a\" does not match the namespace \"b\""), "{refusal}");
        assert_eq!(address(&job, "b", None).expect("no flag").namespace.as_deref(), Some("a"));
    }

    #[test]
    fn unknown_kinds_are_refused_in_kubectls_words() {
        let refusal = address(&document("apiVersion: x/v1\nkind: Widget\n"), "d", None).expect_err("unknown").message;
        assert_eq!(
            refusal,
            "error: resource mapping not found in \"x.yaml\": no matches for kind \"Widget\" in version \"x/v1\""
        );
    }
}
