//! `node.k8s.io/v1 RuntimeClass` (`pkg/registry/node/runtimeclass/strategy.go`).

use api::field::{FieldErrors, Path};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::errors::{extend_invalid, require_unchanged};
use crate::fields::{child, default_to, entries, get, items, map_of, text};
use crate::labels::validate_labels;
use crate::pod_spec::{canonical_list, validate_resources, validate_tolerations};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("node.k8s.io", "v1", "RuntimeClass"),
    plural: "runtimeclasses",
    singular: "runtimeclass",
    short_names: &[],
    categories: &[],
    namespaced: false,
    subresources: &[],
};

// Differs: upstream looks for this description in the wrong place and has none.
const COLUMNS: &[Column] = &[NAME, text_column("Handler", "The runtime that runs pods of this class."), AGE];

/// The labels of nodes that went out of use, and what upstream says of each (`deprecatedNodeLabels`).
const DEPRECATED_LABELS: &[(&str, &str)] = &[
    ("app.kubernetes.io/created-by", "deprecated since v1.9"),
    ("beta.kubernetes.io/arch", "deprecated since v1.14; use \"kubernetes.io/arch\" instead"),
    ("beta.kubernetes.io/instance-type", "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"),
    ("beta.kubernetes.io/os", "deprecated since v1.14; use \"kubernetes.io/os\" instead"),
    (
        "failure-domain.beta.kubernetes.io/region",
        "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead",
    ),
    ("failure-domain.beta.kubernetes.io/zone", "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"),
    ("node-role.kubernetes.io/master", "use \"node-role.kubernetes.io/control-plane\" instead"),
    ("scheduler.alpha.kubernetes.io/preferAvoidPods", "deprecated since v1.22; use Taints and Tolerations instead"),
];

/// The strategy of RuntimeClasses.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuntimeClassStrategy;

impl Strategy for RuntimeClassStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        default_to(object, "handler", "");
        map_of(object).retain(|_, value| !value.is_null());
        if let Some(overhead) = object.get_mut("overhead") {
            canonical_list(child(overhead, "podFixed"));
            map_of(overhead).retain(|_, value| !value.is_null());
        }
        if let Some(scheduling) = object.get_mut("scheduling") {
            map_of(scheduling).retain(|_, value| !value.is_null());
        }
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        let path = Path::new("handler");
        match text(object, "handler") {
            "" => errors.push(path.required("")),
            handler => extend_invalid(&mut errors, &path, handler, names::dns_label_errors(handler)),
        }
        if let Some(overhead) = get(object, "overhead") {
            let limits = json!({"limits": get(overhead, "podFixed")});
            validate_resources(&mut errors, &Path::new("overhead"), &limits, &[]);
        }
        if let Some(scheduling) = get(object, "scheduling") {
            validate_scheduling(&mut errors, &Path::new("scheduling"), scheduling);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value, _subresource: Option<&str>) -> FieldErrors {
        let mut errors = FieldErrors::new();
        require_unchanged(&mut errors, &Path::new("handler"), get(new, "handler"), get(old, "handler"));
        errors
    }

    fn warnings(&self, new: &Value, _old: Option<&Value>) -> Vec<String> {
        let Some(scheduling) = get(new, "scheduling") else { return Vec::new() };
        let deprecated = |(key, _): (&String, &Value)| {
            let known = DEPRECATED_LABELS.iter().find(|(label, _)| label == key);
            known.map(|(_, message)| format!("scheduling.nodeSelector: {message}"))
        };
        entries(scheduling, "nodeSelector").filter_map(deprecated).collect()
    }

    fn allows_unconditional_update(&self) -> bool {
        false
    }

    fn allows_create_on_update(&self) -> bool {
        true
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let cells = vec![name(object), text(object, "handler").into(), age(object, now)];
        Row { cells, conditions: Vec::new() }
    }
}

fn validate_scheduling(errors: &mut FieldErrors, path: &Path, scheduling: &Value) {
    validate_labels(errors, &path.child("nodeSelector"), scheduling, "nodeSelector");
    let tolerations = items(scheduling, "tolerations");
    let path = path.child("tolerations");
    validate_tolerations(errors, &path, tolerations);
    let same = |a: &Value, b: &Value| {
        ["key", "operator", "value", "effect"].iter().all(|field| text(a, field) == text(b, field))
    };
    for (index, toleration) in tolerations.iter().enumerate() {
        if tolerations[..index].iter().any(|earlier| same(earlier, toleration)) {
            errors.push(path.index(index).duplicate(toleration.clone()));
        }
    }
}
