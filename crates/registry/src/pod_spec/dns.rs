//! Validation of what names and addresses a pod has: `dnsConfig`, `hostAliases`, `hostname` and its override.

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::{flag, get, items, text};
use crate::ip;

const MAX_NAMESERVERS: usize = 3;
const MAX_SEARCH_PATHS: usize = 32;
const MAX_SEARCH_BYTES: usize = 2048;
const MAX_HOSTNAME_BYTES: usize = 64;

/// `validatePodDNSConfig`.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let config = get(spec, "dnsConfig");
    if text(spec, "dnsPolicy") == "None" {
        let Some(config) = config else {
            errors.push(path.required("must provide `dnsConfig` when `dnsPolicy` is None"));
            return;
        };
        if items(config, "nameservers").is_empty() {
            let detail = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            errors.push(path.child("nameservers").required(detail));
            return;
        }
    }
    let Some(config) = config else { return };
    validate_nameservers(errors, &path.child("nameservers"), items(config, "nameservers"));
    validate_searches(errors, &path.child("searches"), items(config, "searches"));
    for (index, option) in items(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            errors.push(path.child("options").index(index).required("must not be empty"));
        }
    }
}

fn validate_nameservers(errors: &mut FieldErrors, path: &Path, servers: &[Value]) {
    if servers.len() > MAX_NAMESERVERS {
        let detail = format!("must not have more than {MAX_NAMESERVERS} nameservers");
        errors.push(path.invalid(servers.to_vec(), detail));
    }
    for (index, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        ip::validate(errors, &path.index(index), server, &[]);
    }
}

fn validate_searches(errors: &mut FieldErrors, path: &Path, searches: &[Value]) {
    if searches.len() > MAX_SEARCH_PATHS {
        let detail = format!("must not have more than {MAX_SEARCH_PATHS} search paths");
        errors.push(path.invalid(searches.to_vec(), detail));
    }
    let texts = || searches.iter().filter_map(Value::as_str);
    let bytes = texts().map(str::len).sum::<usize>() + searches.len().saturating_sub(1);
    if bytes > MAX_SEARCH_BYTES {
        let detail =
            format!("must not have more than {MAX_SEARCH_BYTES} characters (including spaces) in the search list");
        errors.push(path.invalid(searches.to_vec(), detail));
    }
    for (index, search) in texts().enumerate().filter(|(_, search)| *search != ".") {
        let search = search.strip_suffix('.').unwrap_or(search);
        extend_invalid(errors, &path.index(index), search, names::dns_subdomain_with_underscore_errors(search));
    }
}

/// `ValidateHostAliases`.
pub(crate) fn validate_aliases(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    for (index, alias) in items(spec, "hostAliases").iter().enumerate() {
        let path = path.index(index);
        ip::validate(errors, &path.child("ip"), text(alias, "ip"), &[]);
        for (index, name) in items(alias, "hostnames").iter().filter_map(Value::as_str).enumerate() {
            let path = path.child("hostnames").index(index);
            extend_invalid(errors, &path, name, names::dns_subdomain_errors(name));
        }
    }
}

/// `validatePodHostName`.
pub(crate) fn validate_hostname_override(errors: &mut FieldErrors, path: &Path, spec: &Value) {
    let Some(name) = get(spec, "hostnameOverride").and_then(Value::as_str) else { return };
    let path = path.child("hostnameOverride");
    if flag(spec, "setHostnameAsFQDN") {
        errors.push(path.forbidden("may not be specified when setHostnameAsFQDN is true"));
    }
    if flag(spec, "hostNetwork") {
        errors.push(path.forbidden("may not be specified when hostNetwork is true"));
    }
    if name.len() > MAX_HOSTNAME_BYTES {
        errors.push(path.too_long(MAX_HOSTNAME_BYTES));
    }
    extend_invalid(errors, &path, name, names::dns_subdomain_errors(name));
}
