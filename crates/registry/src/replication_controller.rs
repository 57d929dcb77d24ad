//! `v1 ReplicationController` (`pkg/registry/core/replicationcontroller/strategy.go`, `SetDefaults_ReplicationController`).

mod validation;

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{child, child_map, default_to, drop_empty, drop_nulls, get, is_empty_map, map_of, number};
use crate::labels::format_labels;
use crate::pod_spec::{self, default_template};
use crate::strategy::{Column, DefaultPropagation, Descriptor, Row, Scale, Strategy};
use crate::table::{AGE, NAME, age, container_cells, name, text_column, wide_column};
use crate::{generation, metadata};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "ReplicationController"),
    plural: "replicationcontrollers",
    singular: "replicationcontroller",
    short_names: &["rc"],
    categories: &["all"],
    namespaced: true,
    subresources: &["scale", "status"],
};

const COLUMNS: &[Column] = &[
    NAME,
    integer_column(
        "Desired",
        "Replicas is the number of desired replicas. This is a pointer to distinguish between explicit zero and unspecified. Defaults to 1. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    integer_column(
        "Current",
        "Replicas is the most recently observed number of replicas. More info: https://kubernetes.io/docs/concepts/workloads/controllers/replicationcontroller#what-is-a-replicationcontroller",
    ),
    integer_column("Ready", "The number of ready replicas for this replication controller."),
    AGE,
    wide_column("Containers", "Names of each container in the template."),
    wide_column("Images", "Images referenced by each container in the template."),
    wide_column(
        "Selector",
        "Selector is a label query over pods that should match the Replicas count. If Selector is empty, it is defaulted to the labels present on the Pod template. Label keys and values that must match in order to be controlled by this replication controller, if empty defaulted to labels on Pod template. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors",
    ),
];

const fn integer_column(name: &'static str, description: &'static str) -> Column {
    Column { column_type: "integer", ..text_column(name, description) }
}

/// What `omitempty` leaves out of the status; `replicas` is always written.
const STATUS_OMITTED: &[&str] =
    &["availableReplicas", "conditions", "fullyLabeledReplicas", "observedGeneration", "readyReplicas"];

static SCALE: Scale = Scale { spec_replicas: "/spec/replicas", status_replicas: "/status/replicas", selector };

/// The selector as text (`labels.SelectorFromSet`).
fn selector(controller: &Value) -> String {
    let selector = controller.pointer("/spec/selector");
    selector
        .filter(|_| !is_empty_map(&controller["spec"], "selector"))
        .map_or_else(String::new, |map| format_labels(Some(map)))
}

/// The strategy of ReplicationControllers.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplicationControllerStrategy;

impl Strategy for ReplicationControllerStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        let spec = child(object, "spec");
        map_of(spec).retain(|_, value| !value.is_null());
        drop_empty(spec, &["minReadySeconds", "selector"]);
        default_to(spec, "replicas", 1);
        if get(spec, "template").is_some() {
            default_template(child(spec, "template"));
        }
        default_labels(object);
        clean_status(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        object["status"] = json!({"replicas": 0});
        generation::begin(object);
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        generation::prepare_for_update(new, old, subresource, clean_status);
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validation::validate(object)
    }

    fn validate_update(&self, new: &Value, _old: &Value, subresource: Option<&str>) -> FieldErrors {
        if subresource == Some("status") { validation::validate_status(new) } else { validation::validate(new) }
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let changed = old.is_none_or(|old| old.get("spec") != new.get("spec"));
        let template = new.pointer("/spec/template").filter(|_| changed);
        let path = Path::new("spec").child("template");
        let name = metadata::pod_name_warning(new).filter(|_| old.is_none());
        let of_template = template.map_or_else(Vec::new, |template| pod_spec::warnings::warnings(&path, template));
        name.into_iter().chain(of_template).collect()
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[("status.replicas", "/status/replicas")]
    }

    fn selectable_default(&self, field: &str) -> &'static str {
        if field == "status.replicas" { "0" } else { "" }
    }

    fn scale(&self) -> Option<&'static Scale> {
        Some(&SCALE)
    }

    fn default_propagation(&self) -> DefaultPropagation {
        DefaultPropagation::Orphan { warning: None }
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        let (spec, status) = (object.get("spec").unwrap_or(&Value::Null), object.get("status").unwrap_or(&Value::Null));
        let (containers, images) = container_cells(object.pointer("/spec/template/spec").unwrap_or(&Value::Null));
        let cells = vec![
            name(object),
            number(spec, "replicas").into(),
            number(status, "replicas").into(),
            number(status, "readyReplicas").into(),
            age(object, now),
            containers.into(),
            images.into(),
            format_labels(get(spec, "selector")).into(),
        ];
        Row { cells, conditions: Vec::new() }
    }
}

/// Labels of the template stand in for a missing selector and for missing labels.
fn default_labels(controller: &mut Value) {
    let Some(labels) = controller.pointer("/spec/template/metadata/labels").filter(|labels| labels.is_object()) else {
        return;
    };
    let labels = labels.clone();
    let spec = child(controller, "spec");
    if is_empty_map(spec, "selector") {
        map_of(spec).insert("selector".to_owned(), labels.clone());
    }
    if is_empty_map(child(controller, "metadata"), "labels") {
        child_map(controller, "metadata").insert("labels".to_owned(), labels);
    }
}

fn clean_status(controller: &mut Value) {
    let status = child(controller, "status");
    map_of(status);
    drop_nulls(status);
    drop_empty(status, STATUS_OMITTED);
    default_to(status, "replicas", 0);
}

#[cfg(test)]
mod tests;
