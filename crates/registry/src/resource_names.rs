//! Names of resources as quotas and limit ranges use them (`pkg/apis/core/helper/helpers.go`).

use api::field::{FieldErrors, Path};
use api::names;

use crate::errors::extend_invalid;
use crate::pod_spec::{is_huge_page, is_native};

/// What a quota may bound by a bare name.
const QUOTA: &[&str] = &[
    "configmaps",
    "cpu",
    "ephemeral-storage",
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "memory",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
    "requests.storage",
    "resourcequotas",
    "secrets",
    "services",
    "services.loadbalancers",
    "services.nodeports",
];

/// Whether a quota may bound this resource by its bare name (`IsStandardQuotaResourceName`).
pub(crate) fn is_standard_for_quota(name: &str) -> bool {
    QUOTA.contains(&name) || is_huge_page(name) || name.starts_with("requests.hugepages-")
}

fn is_standard(name: &str) -> bool {
    is_standard_for_quota(name) || name == "storage"
}

/// Resources that are no amounts but counts (`IsIntegerResourceName`).
pub(crate) fn is_integer(name: &str) -> bool {
    let counted = ["pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps"];
    let more = ["persistentvolumeclaims", "services.nodeports", "services.loadbalancers"];
    counted.contains(&name) || more.contains(&name) || is_extended(name)
}

/// Resources that are somebody else's than Kubernetes' (`IsExtendedResourceName`).
pub(crate) fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified_name_errors(&format!("requests.{name}")).is_empty()
}

/// `validateResourceName`. Returns whether the name is right.
pub(crate) fn validate(errors: &mut FieldErrors, path: &Path, name: &str) -> bool {
    let wrong = names::qualified_name_errors(name);
    if !wrong.is_empty() {
        extend_invalid(errors, path, name, wrong);
        return false;
    }
    let right = name.contains('/') || is_standard(name);
    if !right {
        errors.push(path.invalid(name, "must be a standard resource type or fully qualified"));
    }
    right
}

/// `validateContainerResourceName`.
pub(crate) fn validate_for_containers(errors: &mut FieldErrors, path: &Path, name: &str) {
    validate(errors, path, name);
    if !name.contains('/') {
        let known = matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge_page(name);
        if !known {
            errors.push(path.invalid(name, "must be a standard resource for containers"));
        }
    } else if !is_native(name) && !is_extended(name) {
        errors.push(path.invalid(name, "doesn't follow extended resource name standard"));
    }
}

/// `ValidateResourceQuotaResourceName`.
pub(crate) fn validate_for_quota(errors: &mut FieldErrors, path: &Path, name: &str) {
    validate(errors, path, name);
    if !name.contains('/') && !is_standard_for_quota(name) {
        errors.push(path.invalid(name, "must be a standard resource for quota"));
    }
}
