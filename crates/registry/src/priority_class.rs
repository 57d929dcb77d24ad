//! `scheduling.k8s.io/v1 PriorityClass` (`pkg/registry/scheduling/priorityclass/strategy.go`), and the two classes that
//! every cluster has.

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::errors::require_unchanged;
use crate::fields::{child_map, default_to, drop_empty, flag, get, map_of, number, take_from, text};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, wide_column};

/// Classes of people may not go above this (`HighestUserDefinablePriority`).
const HIGHEST_OF_USERS: i64 = 1_000_000_000;
/// The priority from which on pods are critical to the system (`SystemCriticalPriority`).
const SYSTEM_CRITICAL: i64 = 2_000_000_000;
/// Names with this prefix are the system's.
const SYSTEM_PREFIX: &str = "system-";
/// The class of pods that must not leave their node.
const NODE_CRITICAL: &str = "system-node-critical";
/// The class of pods that the cluster cannot do without.
const CLUSTER_CRITICAL: &str = "system-cluster-critical";

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("scheduling.k8s.io", "v1", "PriorityClass"),
    plural: "priorityclasses",
    singular: "priorityclass",
    short_names: &["pc"],
    categories: &[],
    namespaced: false,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    NAME,
    Column {
        name: "Value",
        column_type: "integer",
        format: "",
        description: "value represents the integer value of this priority class. This is the actual priority that pods receive when they have the name of this class in their pod spec.",
        priority: 0,
    },
    Column {
        name: "Global-Default",
        column_type: "boolean",
        format: "",
        description: "globalDefault specifies whether this PriorityClass should be considered as the default priority for pods that do not have any priority class. Only one PriorityClass can be marked as `globalDefault`. However, if more than one PriorityClasses exists with their `globalDefault` field set to true, the smallest value of such global default PriorityClasses will be used as the default priority.",
        priority: 0,
    },
    AGE,
    wide_column(
        "PreemptionPolicy",
        "preemptionPolicy is the Policy for preempting pods with lower priority. One of Never, PreemptLowerPriority. Defaults to PreemptLowerPriority if unset.",
    ),
];

/// The strategy of PriorityClasses.
#[derive(Clone, Copy, Debug, Default)]
pub struct PriorityClassStrategy;

impl Strategy for PriorityClassStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        default_to(object, "preemptionPolicy", "PreemptLowerPriority");
        default_to(object, "value", 0);
        drop_empty(object, &["description", "globalDefault"]);
        map_of(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        child_map(object, "metadata").insert("generation".to_owned(), 1.into());
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, _subresource: Option<&str>) {
        let none = &Value::Null;
        take_from(&mut new["metadata"], old.get("metadata").unwrap_or(none), "generation");
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let class = get(object, "metadata").map_or("", |metadata| text(metadata, "name"));
        let value = number(object, "value");
        if class.starts_with(SYSTEM_PREFIX) {
            if let Err(why) = check_system_class(class, value, flag(object, "globalDefault")) {
                let detail = format!(
                    "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {why}"
                );
                errors.push(Path::new("metadata").child("name").forbidden(detail));
            }
        } else if value > HIGHEST_OF_USERS {
            let detail = format!("maximum allowed value of a user defined priority is {HIGHEST_OF_USERS}");
            errors.push(Path::new("value").forbidden(detail));
        }
        validate_policy(&mut errors, object);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        if number(new, "value") != number(old, "value") {
            errors.push(Path::new("value").forbidden("may not be changed in an update."));
        }
        let policy = "preemptionPolicy";
        require_unchanged(&mut errors, &Path::new(policy), get(new, policy), get(old, policy));
        errors
    }

    fn deletion_refusal(&self, name: &str) -> Option<&'static str> {
        let is_system = matches!(name, NODE_CRITICAL | CLUSTER_CRITICAL);
        is_system.then_some("this is a system priority class and cannot be deleted")
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let cells = vec![
            name(object),
            number(object, "value").into(),
            flag(object, "globalDefault").into(),
            age(object, now),
            text(object, "preemptionPolicy").into(),
        ];
        Row { cells, conditions: Vec::new() }
    }
}

fn validate_policy(errors: &mut FieldErrors, class: &Value) {
    let path = Path::new("preemptionPolicy");
    match text(class, "preemptionPolicy") {
        "PreemptLowerPriority" | "Never" => {}
        "" => errors.push(path.required("")),
        other => errors.push(path.not_supported(other, &["PreemptLowerPriority", "Never"])),
    }
}

/// `IsKnownSystemPriorityClass`.
fn check_system_class(class: &str, value: i64, global_default: bool) -> Result<(), String> {
    let expected = match class {
        NODE_CRITICAL => SYSTEM_CRITICAL + 1000,
        CLUSTER_CRITICAL => SYSTEM_CRITICAL,
        other => return Err(format!("{other} is not a known system priority class")),
    };
    if value != expected {
        return Err(format!("value of {class} PriorityClass must be {expected}"));
    }
    if global_default {
        return Err(format!("globalDefault of {class} PriorityClass must be false"));
    }
    Ok(())
}

/// The classes that every cluster has from its start.
pub fn system_classes() -> [Value; 2] {
    let class = |name: &str, value: i64, description: &str| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "description": description,
        })
    };
    [
        class(
            NODE_CRITICAL,
            SYSTEM_CRITICAL + 1000,
            "Used for system critical pods that must not be moved from their current node.",
        ),
        class(
            CLUSTER_CRITICAL,
            SYSTEM_CRITICAL,
            "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
        ),
    ]
}
