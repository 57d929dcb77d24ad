//! The way from client-side apply to server-side apply: the annotation that `kubectl apply` leaves excuses conflicts
//! over what it says, and is kept up to date (`lastappliedmanager.go`, `lastappliedupdater.go`). Only for the manager
//! `kubectl`; other names opt out.

use serde_json::{Map, Value};

use super::conflict::Conflict;
use super::updater::Scope;
use super::validate;
use super::writer::sent_fields_that_hold;

/// The annotation.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// The manager that all of this is for.
pub(super) const MANAGER: &str = "kubectl";
/// Bytes at the most that the annotations of an object may have.
const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    object["metadata"]["annotations"].get(LAST_APPLIED)?.as_str().filter(|text| !text.is_empty())
}

/// The conflicts that are not over fields that client-side apply set and nobody changed since.
pub(super) fn unexplained(scope: &Scope<'_>, live: &Value, conflicts: Vec<Conflict>) -> Vec<Conflict> {
    let sent: Option<Value> = annotation(live).and_then(|text| serde_json::from_str(text).ok());
    let usable = |sent: &Value| sent["apiVersion"] == *scope.api_version && validate::config(scope.st, sent).is_ok();
    let Some(sent) = sent.filter(usable) else { return conflicts };
    let allowed = sent_fields_that_hold(scope, &sent, live);
    conflicts.into_iter().filter(|conflict| !allowed.has(&conflict.path)).collect()
}

/// Writes the configuration into the annotation, if the object has it.
pub(super) fn renew(live: &Value, object: &mut Option<Value>, config: &Value) {
    if annotation(object.as_ref().unwrap_or(live)).is_none() {
        return;
    }
    let text = encode(config);
    let current = object.as_ref().unwrap_or(live);
    if annotation(current) == Some(&text) {
        return;
    }
    let new = object.get_or_insert_with(|| live.clone());
    let Some(annotations) = new["metadata"]["annotations"].as_object_mut() else { return };
    annotations.insert(LAST_APPLIED.to_owned(), text.into());
    let bytes: usize = annotations.iter().map(|(name, value)| name.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MAX_ANNOTATION_BYTES {
        annotations.remove(LAST_APPLIED);
    }
}

/// The configuration without the annotation, as Go's encoder writes it: with a line end.
fn encode(config: &Value) -> String {
    let mut config = config.clone();
    if let Some(annotations) = config["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    sorted(&mut config);
    let mut text = config.to_string();
    for (letter, escape) in [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026")] {
        text = text.replace(letter, escape);
    }
    text.push('\n');
    text
}

/// Orders the entries of all maps by name, whatever order the JSON library keeps them in.
fn sorted(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = std::mem::take(map).into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            entries.iter_mut().for_each(|(_, value)| sorted(value));
            *map = entries.into_iter().collect::<Map<_, _>>();
        }
        Value::Array(items) => items.iter_mut().for_each(sorted),
        _ => {}
    }
}
