//! RoleBinding and ClusterRoleBinding.

use api::field::{FieldErrors, Path};
use api::names;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{GROUP, Scope, descriptor, name_errors, warnings};
use crate::errors::extend_invalid;
use crate::fields::{child, default_text, default_to, drop_empty, get, items, items_mut, map_of, text};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column, wide_column};

static ROLE_BINDING: Descriptor = descriptor("RoleBinding", "rolebindings", "rolebinding", true);
static CLUSTER_ROLE_BINDING: Descriptor =
    descriptor("ClusterRoleBinding", "clusterrolebindings", "clusterrolebinding", false);

const COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Role",
        "RoleRef can reference a Role in the current namespace or a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
    ),
    AGE,
    wide_column("Users", "Users in the roleBinding"),
    wide_column("Groups", "Groups in the roleBinding"),
    wide_column("ServiceAccounts", "ServiceAccounts in the roleBinding"),
];

const CLUSTER_COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Role",
        "RoleRef can only reference a ClusterRole in the global namespace. If the RoleRef cannot be resolved, the Authorizer must return an error.",
    ),
    AGE,
    wide_column("Users", "Users in the clusterRoleBinding"),
    wide_column("Groups", "Groups in the clusterRoleBinding"),
    wide_column("ServiceAccounts", "ServiceAccounts in the clusterRoleBinding"),
];

/// The strategy of RoleBindings or ClusterRoleBindings.
#[derive(Clone, Copy, Debug)]
pub struct RoleBindingStrategy(pub Scope);

impl Strategy for RoleBindingStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        match self.0 {
            Scope::Namespace => &ROLE_BINDING,
            Scope::Cluster => &CLUSTER_ROLE_BINDING,
        }
    }

    fn default(&self, object: &mut Value) {
        default(object);
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validate(object, self.0)
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        validate_update(new, old, self.0)
    }

    fn name_errors(&self, name: &str) -> Vec<String> {
        name_errors(name)
    }

    fn warnings(&self, _new: &Value, _old: Option<&Value>) -> Vec<String> {
        warnings()
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        match self.0 {
            Scope::Namespace => COLUMNS,
            Scope::Cluster => CLUSTER_COLUMNS,
        }
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        row(object, now)
    }
}

fn default(binding: &mut Value) {
    let role = child(binding, "roleRef");
    map_of(role);
    default_text(role, "apiGroup", GROUP);
    default_to(role, "kind", "");
    default_to(role, "name", "");
    drop_empty(binding, &["subjects"]);
    for subject in items_mut(binding, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            default_text(subject, "apiGroup", GROUP);
        }
        default_to(subject, "name", "");
        drop_empty(subject, &["apiGroup", "namespace"]);
    }
}

fn validate_update(new: &Value, old: &Value, scope: Scope) -> FieldErrors {
    let mut errors = validate(new, scope);
    if get(new, "roleRef") != get(old, "roleRef") {
        // Upstream shows its internal type, whose fields have Go's names.
        let role = &new["roleRef"];
        let shown = json!({"APIGroup": text(role, "apiGroup"), "Kind": text(role, "kind"), "Name": text(role, "name")});
        errors.push(Path::new("roleRef").invalid(shown, "cannot change roleRef"));
    }
    errors
}

fn validate(binding: &Value, scope: Scope) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let (path, none) = (Path::new("roleRef"), &Value::Null);
    let role = binding.get("roleRef").unwrap_or(none);
    if text(role, "apiGroup") != GROUP {
        errors.push(path.child("apiGroup").not_supported(text(role, "apiGroup"), &[GROUP]));
    }
    let kinds: &[&str] = if scope == Scope::Namespace { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        errors.push(path.child("kind").not_supported(text(role, "kind"), kinds));
    }
    match text(role, "name") {
        "" => errors.push(path.child("name").required("")),
        name => extend_invalid(&mut errors, &path.child("name"), name, name_errors(name)),
    }
    for (index, subject) in items(binding, "subjects").iter().enumerate() {
        validate_subject(&mut errors, &Path::new("subjects").index(index), subject, scope);
    }
    errors
}

/// `ValidateRoleBindingSubject`.
fn validate_subject(errors: &mut FieldErrors, path: &Path, subject: &Value, scope: Scope) {
    let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
    if name.is_empty() {
        errors.push(path.child("name").required(""));
    }
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() {
                extend_invalid(errors, &path.child("name"), name, names::dns_subdomain_errors(name));
            }
            if !group.is_empty() {
                errors.push(path.child("apiGroup").not_supported(group, &[""]));
            }
            if scope == Scope::Cluster && text(subject, "namespace").is_empty() {
                errors.push(path.child("namespace").required(""));
            }
        }
        "User" | "Group" => {
            if group != GROUP {
                errors.push(path.child("apiGroup").not_supported(group, &[GROUP]));
            }
        }
        other => errors.push(path.child("kind").not_supported(other, &["ServiceAccount", "User", "Group"])),
    }
}

fn row(binding: &Value, now: Timestamp) -> Row {
    let role = binding.get("roleRef").unwrap_or(&Value::Null);
    let of_kind = |kind: &str, show: fn(&Value) -> String| {
        let subjects = items(binding, "subjects").iter().filter(|subject| text(subject, "kind") == kind);
        subjects.map(show).collect::<Vec<_>>().join(", ")
    };
    let plain: fn(&Value) -> String = |subject| text(subject, "name").to_owned();
    let account: fn(&Value) -> String = |subject| format!("{}/{}", text(subject, "namespace"), text(subject, "name"));
    let cells = vec![
        name(binding),
        format!("{}/{}", text(role, "kind"), text(role, "name")).into(),
        age(binding, now),
        of_kind("User", plain).into(),
        of_kind("Group", plain).into(),
        of_kind("ServiceAccount", account).into(),
    ];
    Row { cells, conditions: Vec::new() }
}
