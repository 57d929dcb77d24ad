//! Validation of what kubelets report in a pod's status: addresses, the users of containers, claims. What did not change
//! was right when it came in.

use std::collections::HashSet;

use api::field::{FieldErrors, Path};
use api::names;
use serde_json::Value;

use crate::errors::{extend_invalid, invalid_as};
use crate::fields::{at, get, items, number, text};
use crate::ip;

const LISTS: [&str; 3] = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
const ID_RANGE: &str = "must be between 0 and 2147483647, inclusive";

/// `validatePodIPs` and `validateHostIPs`.
pub(super) fn validate_addresses(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    for list in ["podIPs", "hostIPs"] {
        let addresses = items(new, list);
        let path = path.child(list);
        if list == "hostIPs"
            && let Some(first) = addresses.first().map(|first| text(first, "ip"))
            && first != text(new, "hostIP")
        {
            errors.push(path.index(0).child("ip").invalid(first, "must be equal to `hostIP`"));
        }
        if new.get(list) == old.get(list) {
            continue;
        }
        let known: Vec<&str> = items(old, list).iter().map(|address| text(address, "ip")).collect();
        let mut are_right = true;
        for (index, address) in addresses.iter().enumerate() {
            are_right &= ip::validate(errors, &path.index(index), text(address, "ip"), &known);
        }
        let families: Vec<bool> = addresses.iter().map(|address| ip::is_v6(text(address, "ip"))).collect();
        let is_pair = families.len() == 2 && families[0] != families[1];
        if are_right && families.len() > 1 && !is_pair {
            let detail = "may specify no more than one IP for each IP family";
            errors.push(invalid_as(&path, "[]PodIP", get(new, list), detail));
        }
    }
}

/// `ValidateEphemeralContainerStateTransition`: a container for a look inside runs once.
pub(super) fn forbid_rerun(errors: &mut FieldErrors, path: &Path, new: &Value, old: &Value) {
    let list = "ephemeralContainerStatuses";
    for (index, before) in items(old, list).iter().enumerate() {
        if at(before, &["state", "terminated"]).is_none() {
            continue;
        }
        let now = items(new, list).iter().filter(|status| text(status, "name") == text(before, "name"));
        for _ in now.filter(|now| at(now, &["state", "terminated"]).is_none()) {
            let path = path.child(list).index(index).child("state");
            errors.push(path.forbidden("may not be transitioned to non-terminated state"));
        }
    }
}

/// `validateContainerStatusUsers`.
pub(super) fn validate_users(errors: &mut FieldErrors, path: &Path, status: &Value, spec: &Value) {
    let os = at(spec, &["os", "name"]).and_then(Value::as_str).unwrap_or("linux");
    for list in LISTS {
        for (index, container) in items(status, list).iter().enumerate() {
            let Some(user) = at(container, &["user", "linux"]) else { continue };
            let path = path.child(list).index(index).child("user").child("linux");
            match os {
                "windows" => errors.push(path.forbidden("cannot be set for a windows pod")),
                "linux" => validate_user(errors, &path, user),
                _ => {}
            }
        }
    }
}

fn validate_user(errors: &mut FieldErrors, path: &Path, user: &Value) {
    let mut require = |path: Path, id: i64| {
        if !(0..=i64::from(i32::MAX)).contains(&id) {
            errors.push(path.invalid(id, ID_RANGE));
        }
    };
    require(path.child("uid"), number(user, "uid"));
    require(path.child("gid"), number(user, "gid"));
    for (index, group) in items(user, "supplementalGroups").iter().enumerate() {
        require(path.child("supplementalGroups").index(index), group.as_i64().unwrap_or_default());
    }
}

/// `validatePodResourceClaimStatuses`.
pub(super) fn validate_claims(errors: &mut FieldErrors, path: &Path, status: &Value, spec: &Value) {
    let known: HashSet<&str> = items(spec, "resourceClaims").iter().map(|claim| text(claim, "name")).collect();
    let mut seen = HashSet::new();
    for (index, claim) in items(status, "resourceClaimStatuses").iter().enumerate() {
        let path = path.child("resourceClaimStatuses").index(index);
        let name = text(claim, "name");
        if !known.contains(name) {
            let detail = "must match the name of an entry in `spec.resourceClaims`";
            errors.push(path.child("name").invalid(name, detail));
        }
        if !seen.insert(name) {
            errors.push(path.child("name").duplicate(name));
        }
        if let Some(name) = get(claim, "resourceClaimName").and_then(Value::as_str) {
            extend_invalid(errors, &path.child("resourceClaimName"), name, names::dns_subdomain_errors(name));
        }
    }
}
