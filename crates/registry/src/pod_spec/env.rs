//! Validation of `env` and `envFrom` (`ValidateEnv`, `ValidateEnvFrom`) and of downward API selectors.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{get, items, text};
use crate::pod_spec::volumes::paths::forbid_backsteps;
use crate::quantity::Quantity;

const ENV_FIELDS: &[&str] = &[
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// The fields that a downward API volume may show.
pub(crate) const VOLUME_FIELDS: &[&str] =
    &["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];
const RESOURCES: &[&str] = &[
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const ENV_NAME_RULE: &str =
    "a valid environment variable name must consist only of printable ASCII characters other than '='";

/// Validates the environment of one container.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, container: &Value) {
    for (index, variable) in items(container, "env").iter().enumerate() {
        let path = path.child("env").index(index);
        match text(variable, "name") {
            "" => errors.push(path.child("name").required("")),
            name => extend_invalid(errors, &path.child("name"), name, env_name_errors(name)),
        }
        if let Some(source) = get(variable, "valueFrom") {
            validate_source(errors, &path.child("valueFrom"), source, text(variable, "value"));
        }
    }
    let path = path.child("envFrom");
    for (index, source) in items(container, "envFrom").iter().enumerate() {
        validate_env_from(errors, &path, index, source);
    }
}

fn env_name_errors(name: &str) -> Vec<String> {
    let right = name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=');
    if right { Vec::new() } else { vec![ENV_NAME_RULE.to_owned()] }
}

fn validate_source(errors: &mut FieldErrors, path: &Path, source: &Value, value: &str) {
    let mut sources = 0;
    if let Some(field) = get(source, "fieldRef") {
        sources += 1;
        validate_field(errors, &path.child("fieldRef"), field, ENV_FIELDS);
    }
    if let Some(resource) = get(source, "resourceFieldRef") {
        sources += 1;
        validate_resource_field(errors, &path.child("resourceFieldRef"), resource, false);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        if let Some(reference) = get(source, name) {
            sources += 1;
            validate_key_reference(errors, &path.child(name), reference);
        }
    }
    if let Some(reference) = get(source, "fileKeyRef") {
        sources += 1;
        validate_file_reference(errors, &path.child("fileKeyRef"), reference);
    }
    let detail = match sources {
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        _ if !value.is_empty() => "may not be specified when `value` is not empty",
        1 => return,
        _ => "may not have more than one field specified at a time",
    };
    errors.push(path.invalid("", detail));
}

/// `validateFileKeySelector`.
fn validate_file_reference(errors: &mut FieldErrors, path: &Path, reference: &Value) {
    for name in ["key", "volumeName", "path"] {
        let (path, value) = (path.child(name), text(reference, name));
        match name {
            _ if value.is_empty() => errors.push(path.required("")),
            "key" => extend_invalid(errors, &path, value, env_name_errors(value)),
            "volumeName" => extend_invalid(errors, &path, value, names::dns_label_errors(value)),
            _ => forbid_backsteps(errors, &path, value),
        }
    }
}

fn validate_key_reference(errors: &mut FieldErrors, path: &Path, reference: &Value) {
    let (name, key) = (text(reference, "name"), text(reference, "key"));
    extend_invalid(errors, &path.child("name"), name, names::dns_subdomain_errors(name));
    match key {
        "" => errors.push(path.child("key").required("")),
        key => extend_invalid(errors, &path.child("key"), key, names::config_key_errors(key)),
    }
}

/// `validateObjectFieldSelector`.
pub(crate) fn validate_field(errors: &mut FieldErrors, path: &Path, selector: &Value, known: &[&str]) {
    let (version, field) = (text(selector, "apiVersion"), text(selector, "fieldPath"));
    for (name, value) in [("apiVersion", version), ("fieldPath", field)] {
        if value.is_empty() {
            errors.push(path.child(name).required(""));
            return;
        }
    }
    let field_path = path.child("fieldPath");
    if version != "v1" {
        let why = format!("error converting fieldPath: unsupported pod version: {version}");
        errors.push(field_path.invalid(field, why));
        return;
    }
    if let Some((map, key)) = field.strip_suffix("']").and_then(|rest| rest.split_once("['")) {
        match map {
            "metadata.annotations" => {
                let key = key.to_ascii_lowercase();
                extend_invalid(errors, path, &key, names::qualified_name_errors(&key));
            }
            "metadata.labels" => extend_invalid(errors, path, key, names::qualified_name_errors(key)),
            _ => {
                let why = format!("error converting fieldPath: field label does not support subscript: {field}");
                errors.push(field_path.invalid(field, why));
            }
        }
        return;
    }
    let field = if field == "spec.host" { "spec.nodeName" } else { field };
    if known.contains(&field) {
        return;
    }
    let convertible =
        ["metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase"];
    if convertible.contains(&field) || ENV_FIELDS.contains(&field) {
        errors.push(field_path.not_supported(field, known));
    } else {
        errors
            .push(field_path.invalid(field, format!("error converting fieldPath: field label not supported: {field}")));
    }
}

/// `validateContainerResourceFieldSelector`.
pub(crate) fn validate_resource_field(errors: &mut FieldErrors, path: &Path, selector: &Value, volume: bool) {
    let resource = text(selector, "resource");
    let huge = resource.starts_with("limits.hugepages-") || resource.starts_with("requests.hugepages-");
    if volume && text(selector, "containerName").is_empty() {
        errors.push(path.child("containerName").required(""));
    } else if resource.is_empty() {
        errors.push(path.child("resource").required(""));
    } else if !RESOURCES.contains(&resource) && !huge {
        errors.push(path.child("resource").not_supported(resource, RESOURCES));
    }
    let Some(Ok(divisor)) = get(selector, "divisor").map(Quantity::of) else { return };
    if divisor.nanos() != 0 {
        validate_divisor(errors, &path.child("divisor"), resource, &divisor.to_string());
    }
}

fn validate_divisor(errors: &mut FieldErrors, path: &Path, resource: &str, divisor: &str) {
    const SIZES: &str = "1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei";
    let kind = match resource {
        "limits.cpu" | "requests.cpu" if !matches!(divisor, "1" | "1m") => {
            errors.push(path.invalid(resource, "only divisor's values 1m and 1 are supported with the cpu resource"));
            return;
        }
        "limits.cpu" | "requests.cpu" => return,
        "limits.memory" | "requests.memory" => "memory",
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => "local ephemeral storage",
        _ if resource.contains(".hugepages-") => "hugepages",
        _ => return,
    };
    if !SIZES.split(", ").any(|size| size == divisor) {
        errors.push(
            path.invalid(resource, format!("only divisor's values {SIZES} are supported with the {kind} resource")),
        );
    }
}

fn validate_env_from(errors: &mut FieldErrors, path: &Path, index: usize, source: &Value) {
    let item = path.index(index);
    let prefix = text(source, "prefix");
    extend_invalid(errors, &item.child("prefix"), prefix, env_name_errors(prefix));
    let mut sources = 0;
    for name in ["configMapRef", "secretRef"] {
        let Some(reference) = get(source, name) else { continue };
        sources += 1;
        let path = item.child(name).child("name");
        match text(reference, "name") {
            "" => errors.push(path.required("")),
            name => extend_invalid(errors, &path, name, prefix_errors(name)),
        }
    }
    // Upstream names the list here, not the item.
    match sources {
        0 => errors.push(path.invalid("", "must specify one of: `configMapRef` or `secretRef`")),
        1 => {}
        _ => errors.push(path.invalid("", "may not have more than one field specified at a time")),
    }
}

/// The name rule as for a prefix: a trailing dash is let through, as upstream does here.
fn prefix_errors(name: &str) -> Vec<String> {
    names::dns_subdomain_errors(name.strip_suffix('-').filter(|rest| !rest.is_empty()).unwrap_or(name))
}
