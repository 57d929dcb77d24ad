//! `rbac.authorization.k8s.io/v1`: Role, ClusterRole, RoleBinding and ClusterRoleBinding
//! (`pkg/registry/rbac`, `pkg/apis/rbac/validation`).
//!
//! Differs: the objects are stored and nobody reads them, since whoever holds the token may do everything. Every write
//! says so in a `Warning` header.

mod bindings;
mod roles;

pub use bindings::{ClusterRoleBindingStrategy, RoleBindingStrategy};
pub use roles::{ClusterRoleStrategy, RoleStrategy};

const GROUP: &str = "rbac.authorization.k8s.io";

const NOT_ENFORCED: &str =
    "this server stores RBAC objects but does not enforce them: everyone with its token may do everything";

fn warnings() -> Vec<String> {
    vec![NOT_ENFORCED.to_owned()]
}

/// Names may hold whatever a path segment may (`IsPathSegmentName`).
fn name_errors(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    let illegal = ["/", "%"].into_iter().filter(|text| name.contains(text));
    illegal.map(|text| format!("may not contain '{text}'")).collect()
}
