//! `rbac.authorization.k8s.io/v1`: Role, ClusterRole, RoleBinding and ClusterRoleBinding
//! (`pkg/registry/rbac`, `pkg/apis/rbac/validation`).
//!
//! Differs: the objects are stored and nobody reads them, since whoever holds the token may do everything. Every write
//! says so in a `Warning` header.

mod bindings;
mod roles;

use api::Kind;

use crate::strategy::Descriptor;

pub use bindings::RoleBindingStrategy;
pub use roles::RoleStrategy;

/// Where roles and bindings hold: both kinds come in two, which differ in little more than their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In one namespace: Role, RoleBinding.
    Namespace,
    /// Everywhere: ClusterRole, ClusterRoleBinding.
    Cluster,
}

const GROUP: &str = "rbac.authorization.k8s.io";

const NOT_ENFORCED: &str =
    "this server stores RBAC objects but does not enforce them: everyone with its token may do everything";

const fn descriptor(kind: &'static str, plural: &'static str, singular: &'static str, namespaced: bool) -> Descriptor {
    let kind = Kind::known(GROUP, "v1", kind);
    Descriptor { kind, plural, singular, short_names: &[], categories: &[], namespaced, subresources: &[] }
}

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
