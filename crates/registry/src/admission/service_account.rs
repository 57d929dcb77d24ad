//! ServiceAccount (`plugin/pkg/admission/serviceaccount`): every pod runs as an account that exists.
//!
//! Differs: no volume `kube-api-access-…` is added for the token. Nothing mounts volumes into a local process, so it would
//! show a file that is not there; the kubelet hands the token out by way of `KUBECONFIG` instead.

use api::Status;
use api::resource::SERVICE_ACCOUNTS;
use serde_json::{Value, json};

use super::Attempt;
use crate::fields::{at, child, get, items, map_of, text};
use crate::surroundings::Surroundings;

/// The account of pods that name none.
pub(super) const DEFAULT: &str = "default";
const MOUNTABLE: &str = "kubernetes.io/enforce-mountable-secrets";

/// Whether a pod runs as the account that a controller makes.
pub(super) fn is_default(spec: &Value) -> bool {
    let named = [text(spec, "serviceAccountName"), text(spec, "serviceAccount")];
    named.into_iter().find(|name| !name.is_empty()).is_none_or(|name| name == DEFAULT)
}

/// Names the account, and takes over its pull secrets.
pub(super) fn assign(attempt: &Attempt<'_>, pod: &mut Value, around: &dyn Surroundings) -> Result<(), Status> {
    let namespace = attempt.namespace.unwrap_or_default();
    let spec = child(pod, "spec");
    if text(spec, "serviceAccountName").is_empty() {
        for field in ["serviceAccount", "serviceAccountName"] {
            map_of(spec).insert(field.to_owned(), DEFAULT.into());
        }
    }
    let name = text(spec, "serviceAccountName").to_owned();
    let Some(account) = around.get(&SERVICE_ACCOUNTS, Some(namespace), &name) else {
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount \"{name}\" not found");
        return Err(attempt.forbidden(why));
    };
    if items(spec, "imagePullSecrets").is_empty() {
        let secrets = account.field("/imagePullSecrets");
        let names = secrets.iter().flat_map(Value::as_array).flatten();
        let names: Vec<Value> = names.map(|secret| json!({"name": text(secret, "name")})).collect();
        if !names.is_empty() {
            map_of(spec).insert("imagePullSecrets".to_owned(), names.into());
        }
    }
    let annotations = account.field("/metadata/annotations").unwrap_or(Value::Null);
    if !matches!(text(&annotations, MOUNTABLE), "1" | "t" | "T" | "true" | "TRUE" | "True") {
        return Ok(());
    }
    check_secrets(spec, &account.to_value(), &name).map_err(|why| attempt.forbidden(why))
}

/// A pod of an account that says so may use that account's secrets only (`limitSecretReferences`).
fn check_secrets(spec: &Value, account: &Value, name: &str) -> Result<(), String> {
    let lists = |list: &str, secret: &str| items(account, list).iter().any(|own| text(own, "name") == secret);
    let refused = format!("is not allowed because service account {name} does not reference that");
    for volume in items(spec, "volumes") {
        if let Some(secret) = get(volume, "secret").map(|secret| text(secret, "secretName"))
            && !lists("secrets", secret)
        {
            return Err(format!("volume with secret.secretName=\"{secret}\" {refused} secret"));
        }
    }
    for (list, what) in [("initContainers", "init container"), ("containers", "container")] {
        for container in items(spec, list) {
            let holder = format!("{what} {}", text(container, "name"));
            for (how, secret) in secrets_of(container) {
                if !lists("secrets", secret) {
                    let how = format!("{holder} with {how} referencing secret.secretName=\"{secret}\"");
                    return Err(format!("{how} {refused} secret"));
                }
            }
        }
    }
    for (index, secret) in items(spec, "imagePullSecrets").iter().enumerate() {
        let secret = text(secret, "name");
        if !lists("imagePullSecrets", secret) {
            return Err(format!("imagePullSecrets[{index}].name=\"{secret}\" {refused} imagePullSecret"));
        }
    }
    Ok(())
}

/// How a container uses secrets, and which.
fn secrets_of(container: &Value) -> Vec<(String, &str)> {
    let variables = items(container, "env").iter().filter_map(|variable| {
        let secret = at(variable, &["valueFrom", "secretKeyRef"])?;
        Some((format!("envVar {}", text(variable, "name")), text(secret, "name")))
    });
    let whole = items(container, "envFrom").iter().filter_map(|source| get(source, "secretRef"));
    variables.chain(whole.map(|secret| ("envFrom".to_owned(), text(secret, "name")))).collect()
}
