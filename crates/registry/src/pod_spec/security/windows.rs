//! Validation of `windowsOptions` (`validateWindowsSecurityContextOptions`).

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::extend_invalid;
use crate::fields::get;

const MAX_SPEC_KIB: usize = 64;
const MAX_DOMAIN_BYTES: usize = 256;
const MAX_USER_BYTES: usize = 104;
const FORBIDDEN_IN_USER: &[char] = &['"', '/', '\\', ':', ';', '|', '=', ',', '+', '*', '?', '<', '>', '@', '[', ']'];

pub(super) fn validate(errors: &mut FieldErrors, path: &Path, options: Option<&Value>) {
    let Some(options) = options else { return };
    let text = |name: &str| get(options, name).and_then(Value::as_str);
    if let Some(name) = text("gmsaCredentialSpecName") {
        extend_invalid(errors, &path.child("gmsaCredentialSpecName"), name, names::dns_subdomain_errors(name));
    }
    if let Some(spec) = text("gmsaCredentialSpec") {
        let path = path.child("gmsaCredentialSpec");
        if spec.is_empty() {
            errors.push(path.invalid("", "gmsaCredentialSpec cannot be an empty string"));
        } else if spec.len() > MAX_SPEC_KIB * 1024 {
            errors.push(path.invalid(spec, format!("gmsaCredentialSpec size must be under {MAX_SPEC_KIB} KiB")));
        }
    }
    if let Some(name) = text("runAsUserName") {
        for why in user_errors(name) {
            errors.push(path.child("runAsUserName").invalid(name, format!("runAsUserName{why}")));
        }
    }
}

/// What is wrong with `[DOMAIN\]USER`, each text to follow the field's name.
fn user_errors(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec![" cannot be an empty string".to_owned()];
    }
    if name.bytes().any(|byte| byte.is_ascii_control()) {
        return vec![" cannot contain control characters".to_owned()];
    }
    let (domain, user) = match name.split('\\').collect::<Vec<_>>().as_slice() {
        [user] => (None, *user),
        [domain, user] => (Some(*domain), *user),
        _ => return vec![" cannot contain more than one backslash".to_owned()],
    };
    let mut errors = Vec::new();
    if let Some(domain) = domain {
        if domain.len() >= MAX_DOMAIN_BYTES {
            errors.push(format!("'s Domain length must be under {MAX_DOMAIN_BYTES} characters"));
        }
        if !is_net_bios(domain) && !is_dns(domain) {
            errors.push("'s Domain doesn't match the NetBios nor the DNS format".to_owned());
        }
    }
    if user.is_empty() {
        errors.push("'s User cannot be empty".to_owned());
    } else if user.len() > MAX_USER_BYTES {
        errors.push(format!("'s User length must not be longer than {MAX_USER_BYTES} characters"));
    }
    if !user.is_empty() && user.chars().all(|letter| matches!(letter, '.' | ' ')) {
        errors.push("'s User cannot contain only periods or spaces".to_owned());
    }
    if user.contains(FORBIDDEN_IN_USER) {
        errors.push("'s User cannot contain the following characters: \"/\\:;|=,+*?<>@[]".to_owned());
    }
    errors
}

fn is_net_bios(domain: &str) -> bool {
    let length = domain.chars().count();
    (1..=15).contains(&length)
        && !domain.starts_with('.')
        && !domain.contains(['\\', '/', ':', '*', '?', '"', '<', '>', '|'])
}

fn is_dns(domain: &str) -> bool {
    domain.split('.').all(|label| {
        let bytes = label.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        bytes.len() <= 63
            && ends.is_some_and(|(first, last)| first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    })
}
