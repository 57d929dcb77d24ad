//! Validation of projected volumes and of the files that volumes show.

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use super::paths::{validate_local_path, validate_mode};
use crate::errors::extend_invalid;
use crate::fields::{entries, get, int, items, number, text};
use crate::labels::validate_selector;
use crate::pod_spec::env::{VOLUME_FIELDS, validate_field, validate_resource_field};

const MIN_TOKEN_SECONDS: i64 = 600;
const MAX_TOKEN_SECONDS: i64 = 1 << 32;
const KEY_TYPES: &[&str] = &["RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"];
const MIN_CERTIFICATE_SECONDS: i64 = 3600;
const MAX_CERTIFICATE_SECONDS: i64 = 91 * 24 * 60 * 60;
const MAX_KUBERNETES_CERTIFICATE_SECONDS: i64 = 24 * 60 * 60;
const CONFLICT: &str = "conflicting duplicate paths";

/// The paths that the sources of one volume use.
type Used<'a> = HashSet<&'a str>;

/// `validateProjectedVolumeSource`.
pub(super) fn validate(errors: &mut FieldErrors, path: &Path, source: &Value) {
    validate_mode(errors, &path.child("defaultMode"), int(source, "defaultMode"));
    let mut used = Used::new();
    for (index, projection) in items(source, "sources").iter().enumerate() {
        let item = path.child("sources").index(index);
        let mut count = 0;
        for kind in
            ["secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", "podCertificate"]
        {
            let Some(projection) = get(projection, kind) else { continue };
            count += 1;
            let item = item.child(kind);
            match kind {
                "downwardAPI" => validate_downward(errors, (path, &item), projection, &mut used),
                "serviceAccountToken" => validate_token(errors, (path, &item), projection),
                "clusterTrustBundle" => validate_bundle(errors, (path, &item), projection, &mut used),
                "podCertificate" => validate_certificate(errors, (path, &item), projection, &mut used),
                _ => validate_keys(errors, (path, &item), projection, &mut used),
            }
        }
        if count > 1 {
            errors.push(item.forbidden("may not specify more than 1 volume type per source"));
        }
    }
}

/// Of each pair of paths, the first names the volume and the second the source.
fn validate_keys<'a>(errors: &mut FieldErrors, (path, item): (&Path, &Path), source: &'a Value, used: &mut Used<'a>) {
    let name = text(source, "name");
    if name.is_empty() {
        errors.push(item.child("name").required(""));
    }
    for (index, file) in items(source, "items").iter().enumerate() {
        validate_key_to_path(errors, &item.child("items").index(index), file);
        let target = text(file, "path");
        if !target.is_empty() && !used.insert(target) {
            errors.push(path.invalid(name, CONFLICT));
        }
    }
}

fn validate_downward<'a>(
    errors: &mut FieldErrors,
    (path, item): (&Path, &Path),
    source: &'a Value,
    used: &mut Used<'a>,
) {
    for file in items(source, "items") {
        validate_downward_file(errors, item, file);
        if !text(file, "path").is_empty() {
            claim(errors, path, text(file, "path"), used);
        }
    }
}

fn claim<'a>(errors: &mut FieldErrors, path: &Path, target: &'a str, used: &mut Used<'a>) {
    if !used.insert(target) {
        errors.push(path.invalid(target, CONFLICT));
    }
}

fn validate_token(errors: &mut FieldErrors, (path, item): (&Path, &Path), token: &Value) {
    let seconds = number(token, "expirationSeconds");
    let item = item.child("expirationSeconds");
    if seconds < MIN_TOKEN_SECONDS {
        errors.push(item.invalid(seconds, "may not specify a duration less than 10 minutes"));
    }
    if seconds > MAX_TOKEN_SECONDS {
        errors.push(item.invalid(seconds, "may not specify a duration larger than 2^32 seconds"));
    }
    match text(token, "path") {
        "" => errors.push(path.child("path").required("")),
        target => validate_local_path(errors, &path.child("path"), target),
    }
}

fn validate_bundle<'a>(errors: &mut FieldErrors, (path, item): (&Path, &Path), bundle: &'a Value, used: &mut Used<'a>) {
    let name = get(bundle, "name").and_then(Value::as_str);
    let signer = get(bundle, "signerName").and_then(Value::as_str);
    match (name, signer) {
        (Some(_), Some(_)) => {
            errors.push(crate::errors::invalid_as(
                item,
                "ClusterTrustBundleProjection",
                Some(bundle),
                "only one of name and signerName may be used",
            ));
        }
        (Some(name), None) => validate_bundle_name(errors, item, name, bundle),
        (None, Some(signer)) => {
            if signer.is_empty() {
                errors.push(item.child("signerName").required("must be a valid signer name"));
            }
            validate_signer(errors, &item.child("signerName"), signer);
            if let Some(selector) = get(bundle, "labelSelector") {
                validate_selector(errors, &item.child("labelSelector"), selector);
            }
        }
        (None, None) => errors.push(item.required("either name or signerName must be specified")),
    }
    let target = text(bundle, "path");
    if target.is_empty() {
        errors.push(item.child("path").required(""));
    }
    validate_local_path(errors, &item.child("path"), target);
    claim(errors, path, target, used);
}

fn validate_bundle_name(errors: &mut FieldErrors, item: &Path, name: &str, bundle: &Value) {
    let path = item.child("name");
    if name.is_empty() {
        errors.push(path.required("must be a valid object name"));
    }
    // A bundle of a signer is named after it, with colons for slashes.
    let own = name.rsplit_once(':').map_or(name, |(_, own)| own);
    for why in names::dns_subdomain_errors(own) {
        errors.push(path.invalid(name, format!("not a valid clustertrustbundlename: {why}")));
    }
    if let Some(selector) = get(bundle, "labelSelector") {
        let path = item.child("labelSelector");
        let detail = "labelSelector must be unset if name is specified";
        errors.push(crate::errors::invalid_as(&path, "*LabelSelector", Some(selector), detail));
    }
}

/// `ValidateSignerName`.
fn validate_signer(errors: &mut FieldErrors, path: &Path, signer: &str) {
    if signer.is_empty() {
        errors.push(path.required(""));
        return;
    }
    let Some((domain, name)) = signer.split_once('/').filter(|(_, name)| !name.contains('/')) else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.push(path.invalid(signer, detail));
        return;
    };
    if domain.len() > 253 {
        errors.push(path.too_long(253));
    }
    let first_wrong = |text: &str, rule: fn(&str) -> Vec<String>| {
        text.split('.').map(|label| (label.to_owned(), rule(label))).find(|(_, wrong)| !wrong.is_empty())
    };
    for (shown, rule) in
        [(domain, names::dns_label_errors as fn(&str) -> Vec<String>), (name, names::dns_subdomain_errors)]
    {
        for (label, why) in
            first_wrong(shown, rule).iter().flat_map(|(label, wrong)| wrong.iter().map(move |why| (label, why)))
        {
            errors.push(path.invalid(shown, format!("validating label {label:?}: {why}")));
        }
        if shown == domain && !domain.contains('.') {
            errors.push(path.invalid(domain, "should be a domain with at least two segments separated by dots"));
        }
    }
}

fn validate_certificate<'a>(
    errors: &mut FieldErrors,
    (path, item): (&Path, &Path),
    certificate: &'a Value,
    used: &mut Used<'a>,
) {
    let signer = text(certificate, "signerName");
    validate_signer(errors, &item.child("signerName"), signer);
    for (key, _) in entries(certificate, "userAnnotations") {
        extend_invalid(errors, &item.child("userAnnotations"), key, names::qualified_name_errors(&key.to_lowercase()));
    }
    let kind = text(certificate, "keyType");
    if !KEY_TYPES.contains(&kind) {
        errors.push(item.child("keyType").not_supported(kind, KEY_TYPES));
    }
    if let Some(seconds) = int(certificate, "maxExpirationSeconds") {
        validate_certificate_age(errors, &item.child("maxExpirationSeconds"), seconds, signer);
    }
    let mut count = 0;
    for name in ["credentialBundlePath", "keyPath", "certificateChainPath"] {
        let target = text(certificate, name);
        if !target.is_empty() {
            count += 1;
            validate_local_path(errors, &item.child(name), target);
            claim(errors, path, target, used);
        }
    }
    if count == 0 {
        let detail = "specify at least one of credentialBundlePath, keyPath, and certificateChainPath";
        errors.push(item.required(detail));
    }
}

fn validate_certificate_age(errors: &mut FieldErrors, path: &Path, seconds: i64, signer: &str) {
    if seconds < MIN_CERTIFICATE_SECONDS {
        let detail = format!("if provided, maxExpirationSeconds must be >= {MIN_CERTIFICATE_SECONDS}");
        errors.push(path.invalid(seconds, detail));
    }
    let domain = signer.split('/').next().unwrap_or_default();
    let is_own = domain == "kubernetes.io" || domain.ends_with(".kubernetes.io");
    let max = if is_own { MAX_KUBERNETES_CERTIFICATE_SECONDS } else { MAX_CERTIFICATE_SECONDS };
    if seconds > max {
        errors.push(path.invalid(seconds, format!("if provided, maxExpirationSeconds must be <= {max}")));
    }
}

/// `validateKeyToPath`.
pub(super) fn validate_key_to_path(errors: &mut FieldErrors, path: &Path, item: &Value) {
    for name in ["key", "path"] {
        if text(item, name).is_empty() {
            errors.push(path.child(name).required(""));
        }
    }
    validate_local_path(errors, &path.child("path"), text(item, "path"));
    validate_mode(errors, &path.child("mode"), int(item, "mode"));
}

/// `validateDownwardAPIVolumeFile`.
pub(super) fn validate_downward_file(errors: &mut FieldErrors, path: &Path, file: &Value) {
    if text(file, "path").is_empty() {
        errors.push(path.child("path").required(""));
    }
    validate_local_path(errors, &path.child("path"), text(file, "path"));
    match (get(file, "fieldRef"), get(file, "resourceFieldRef")) {
        (Some(field), resource) => {
            validate_field(errors, &path.child("fieldRef"), field, VOLUME_FIELDS);
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(path.invalid("resource", detail));
            }
        }
        (None, Some(resource)) => validate_resource_field(errors, &path.child("resourceFieldRef"), resource, true),
        (None, None) => errors.push(path.required("one of fieldRef and resourceFieldRef is required")),
    }
    validate_mode(errors, &path.child("mode"), int(file, "mode"));
}
