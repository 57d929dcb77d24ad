//! `v1 PodTemplate` (`pkg/registry/core/podtemplate/strategy.go`): a template that nothing acts on.

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::Value;

use crate::fields::child;
use crate::generation;
use crate::labels::format_labels;
use crate::pod_spec::{self, default_template, validate_template};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{NAME, container_cells, name, text_column};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "PodTemplate"),
    plural: "podtemplates",
    singular: "podtemplate",
    short_names: &[],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column("Containers", "Names of each container in the template."),
    text_column("Images", "Images referenced by each container in the template."),
    text_column("Pod Labels", "The labels for the pod template."),
];

/// The strategy of PodTemplates.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodTemplateStrategy;

impl Strategy for PodTemplateStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        default_template(child(object, "template"));
    }

    fn prepare_for_create(&self, object: &mut Value) {
        generation::begin(object);
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, _subresource: Option<&str>) {
        let changed = new.get("template") != old.get("template");
        generation::follow(new, old, changed);
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        let mut errors = FieldErrors::new();
        validate_template(&mut errors, &Path::new("template"), object.get("template").unwrap_or(&Value::Null));
        errors
    }

    fn validate_update(&self, new: &Value, _old: &Value, _subresource: Option<&str>) -> FieldErrors {
        self.validate_create(new)
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        let changed = old.is_none_or(|old| old.get("template") != new.get("template"));
        let template = new.get("template").filter(|_| changed);
        template.map_or_else(Vec::new, |template| pod_spec::warnings::warnings(&Path::new("template"), template))
    }

    fn columns(&self) -> &'static [Column] {
        COLUMNS
    }

    fn row(&self, object: &Value, _now: Timestamp) -> Row {
        let (containers, images) = container_cells(object.pointer("/template/spec").unwrap_or(&Value::Null));
        let labels = format_labels(object.pointer("/template/metadata/labels"));
        Row { cells: vec![name(object), containers.into(), images.into(), labels.into()], conditions: Vec::new() }
    }
}
