//! Role and ClusterRole.

use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::Value;

use super::{Scope, descriptor, name_errors, warnings};
use crate::fields::{get, items, items_mut, map_of};
use crate::labels::validate_selector;
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{CREATED_AT, NAME, created_at, name};

static ROLE: Descriptor = descriptor("Role", "roles", "role", true);
static CLUSTER_ROLE: Descriptor = descriptor("ClusterRole", "clusterroles", "clusterrole", false);

const COLUMNS: &[Column] = &[NAME, CREATED_AT];

/// The strategy of Roles or ClusterRoles.
#[derive(Clone, Copy, Debug)]
pub struct RoleStrategy(pub Scope);

impl Strategy for RoleStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        match self.0 {
            Scope::Namespace => &ROLE,
            Scope::Cluster => &CLUSTER_ROLE,
        }
    }

    fn default(&self, object: &mut Value) {
        default(object);
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = validate_rules(object, self.0);
        if self.0 == Scope::Cluster {
            validate_aggregation(&mut errors, object);
        }
        errors
    }

    fn validate_update(&self, new: &Value, _old: &Value, _subresource: Option<&str>) -> FieldErrors {
        self.validate_create(new)
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
        COLUMNS
    }

    fn row(&self, object: &Value, _now: Timestamp) -> Row {
        Row { cells: vec![name(object), created_at(object)], conditions: Vec::new() }
    }
}

/// `rules` is written always, as `null` when there are none.
fn default(role: &mut Value) {
    let map = map_of(role);
    map.entry("rules").or_insert(Value::Null);
    if map.get("aggregationRule").is_some_and(Value::is_null) {
        map.remove("aggregationRule");
    }
    for rule in items_mut(role, "rules") {
        map_of(rule).retain(|name, value| name == "verbs" || value.as_array().is_some_and(|list| !list.is_empty()));
        map_of(rule).entry("verbs").or_insert(Value::Null);
    }
}

/// `ValidatePolicyRule` of every rule.
fn validate_rules(role: &Value, scope: Scope) -> FieldErrors {
    let mut errors = FieldErrors::new();
    for (index, rule) in items(role, "rules").iter().enumerate() {
        let path = Path::new("rules").index(index);
        if items(rule, "verbs").is_empty() {
            errors.push(path.child("verbs").required("verbs must contain at least one value"));
        }
        let given = |field: &str| !items(rule, field).is_empty();
        if given("nonResourceURLs") {
            let (path, urls) = (path.child("nonResourceURLs"), &rule["nonResourceURLs"]);
            if scope == Scope::Namespace {
                errors.push(path.invalid(urls.clone(), "namespaced rules cannot apply to non-resource URLs"));
            }
            if given("apiGroups") || given("resources") || given("resourceNames") {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                errors.push(path.invalid(urls.clone(), detail));
            }
            continue;
        }
        if !given("apiGroups") {
            errors.push(path.child("apiGroups").required("resource rules must supply at least one api group"));
        }
        if !given("resources") {
            errors.push(path.child("resources").required("resource rules must supply at least one resource"));
        }
    }
    errors
}

fn validate_aggregation(errors: &mut FieldErrors, role: &Value) {
    let Some(rule) = get(role, "aggregationRule") else { return };
    let path = Path::new("aggregationRule").child("clusterRoleSelectors");
    let selectors = items(rule, "clusterRoleSelectors");
    if selectors.is_empty() {
        errors.push(path.required("at least one clusterRoleSelector required if aggregationRule is non-nil"));
    }
    for (index, selector) in selectors.iter().enumerate() {
        validate_selector(errors, &path.index(index), selector);
    }
}
