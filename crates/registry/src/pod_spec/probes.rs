//! Validation of probes and lifecycle hooks.

mod signals;

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::errors::{extend_invalid, require_not_negative};
use crate::fields::{get, int, items, number, text};

const PROBE_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "grpc"];
const HOOK_HANDLERS: &[&str] = &["exec", "httpGet", "tcpSocket", "sleep"];

/// Validates the three probes and the hooks of one container.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, container: &Value, grace: Option<i64>, os: Option<&str>) {
    if let Some(lifecycle) = get(container, "lifecycle") {
        let path = path.child("lifecycle");
        for hook in ["postStart", "preStop"] {
            if let Some(handler) = get(lifecycle, hook) {
                validate_handler(errors, &path.child(hook), handler, HOOK_HANDLERS, grace);
            }
        }
        if let Some(signal) = get(lifecycle, "stopSignal").and_then(Value::as_str) {
            signals::validate(errors, &path.child("stopSignal"), signal, os);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = get(container, name) {
            validate_probe(errors, &path.child(name), probe, name, grace);
        }
    }
}

fn validate_probe(errors: &mut FieldErrors, path: &Path, probe: &Value, kind: &str, grace: Option<i64>) {
    validate_handler(errors, path, probe, PROBE_HANDLERS, grace);
    for name in ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"] {
        require_not_negative(errors, &path.child(name), int(probe, name));
    }
    let seconds = int(probe, "terminationGracePeriodSeconds");
    if let Some(seconds) = seconds.filter(|seconds| *seconds <= 0) {
        errors.push(path.child("terminationGracePeriodSeconds").invalid(seconds, "must be greater than 0"));
    }
    if kind == "readinessProbe" {
        if let Some(seconds) = seconds {
            let detail = "must not be set for readinessProbes";
            errors.push(path.child("terminationGracePeriodSeconds").invalid(seconds, detail));
        }
    } else if number(probe, "successThreshold") != 1 {
        errors.push(path.child("successThreshold").invalid(number(probe, "successThreshold"), "must be 1"));
    }
}

fn validate_handler(errors: &mut FieldErrors, path: &Path, handler: &Value, kinds: &[&str], grace: Option<i64>) {
    let mut found = false;
    for kind in kinds {
        let Some(action) = get(handler, kind) else { continue };
        let path = path.child(kind);
        if found {
            errors.push(path.forbidden("may not specify more than 1 handler type"));
            continue;
        }
        found = true;
        match *kind {
            "exec" if items(action, "command").is_empty() => errors.push(path.child("command").required("")),
            "httpGet" => validate_http_get(errors, &path, action),
            "tcpSocket" | "grpc" => validate_port(errors, &path.child("port"), get(action, "port")),
            "sleep" => validate_sleep(errors, &path, number(action, "seconds"), grace),
            _ => {}
        }
    }
    if !found {
        errors.push(path.required("must specify a handler type"));
    }
}

fn validate_sleep(errors: &mut FieldErrors, path: &Path, seconds: i64, grace: Option<i64>) {
    let Some(grace) = grace else { return };
    if seconds < 0 || seconds > grace {
        let detail = format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})");
        errors.push(path.invalid(seconds, detail));
    }
}

fn validate_http_get(errors: &mut FieldErrors, path: &Path, action: &Value) {
    if text(action, "path").is_empty() {
        errors.push(path.child("path").required(""));
    }
    validate_port(errors, &path.child("port"), get(action, "port"));
    let scheme = text(action, "scheme");
    if !matches!(scheme, "HTTP" | "HTTPS") {
        errors.push(path.child("scheme").not_supported(scheme, &["HTTP", "HTTPS"]));
    }
    for header in items(action, "httpHeaders") {
        let name = text(header, "name");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            let rule = "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')";
            errors.push(path.child("httpHeaders").invalid(name, rule));
        }
    }
}

fn validate_port(errors: &mut FieldErrors, path: &Path, port: Option<&Value>) {
    match port {
        Some(Value::String(name)) => extend_invalid(errors, path, name, port_name_errors(name)),
        port => validate_port_number(errors, path, port.and_then(Value::as_i64).unwrap_or_default()),
    }
}

/// Adds an error unless the number is a port.
pub(crate) fn validate_port_number(errors: &mut FieldErrors, path: &Path, port: i64) {
    if !(1..=65_535).contains(&port) {
        errors.push(path.invalid(port, "must be between 1 and 65535, inclusive"));
    }
}

/// `IsValidPortName`.
pub(crate) fn port_name_errors(name: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let mut require = |right: bool, text: &str| {
        if !right {
            errors.push(text.to_owned());
        }
    };
    require(name.len() <= 15, "must be no more than 15 characters");
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let charset = !name.is_empty() && name.bytes().all(known);
    require(charset, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    let letter = name.bytes().any(|byte| byte.is_ascii_lowercase());
    require(letter, "must contain at least one letter (a-z)");
    require(!name.contains("--"), "must not contain consecutive hyphens");
    require(!name.starts_with('-') && !name.ends_with('-'), "must not begin or end with a hyphen");
    errors
}
