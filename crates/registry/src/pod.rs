//! `v1 Pod` (`pkg/registry/core/pod/strategy.go`).
//!
//! Creates from templates, `/status` and `/binding` are the hottest paths of the server: `/status` neither copies nor
//! validates the spec when the client left it as it was.

mod annotations;
mod binding;
mod ephemeral;
mod gated;
mod prepare;
pub(crate) mod qos;
mod resize;
mod status;
mod table;
mod update;

use api::field::{FieldErrors, Path};
use api::{Kind, names};
use jiff::Timestamp;
use serde_json::Value;

use crate::fields::{get, int, text};
use crate::pod_spec;
use crate::strategy::{Column, Descriptor, Row, Strategy};

pub use binding::{BindError, bind};

/// Seconds of grace when neither the client nor the pod says any.
const DEFAULT_GRACE_SECONDS: i64 = 30;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Pod"),
    plural: "pods",
    singular: "pod",
    short_names: &["po"],
    categories: &["all"],
    namespaced: true,
    subresources: &[
        "attach",
        "binding",
        "ephemeralcontainers",
        "eviction",
        "exec",
        "log",
        "portforward",
        "resize",
        "status",
    ],
};

/// The strategy of Pods.
#[derive(Clone, Copy, Debug, Default)]
pub struct PodStrategy;

impl Strategy for PodStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn default(&self, object: &mut Value) {
        prepare::default(object);
    }

    fn prepare_for_create(&self, object: &mut Value) {
        prepare::for_create(object);
    }

    fn prepare_for_update(&self, new: &mut Value, old: &Value, subresource: Option<&str>) {
        prepare::for_update(new, old, subresource);
    }

    fn reset_fields(&self, subresource: Option<&str>) -> &'static [&'static str] {
        match subresource {
            Some("status") => &["spec", "metadata.deletionTimestamp", "metadata.ownerReferences"],
            _ => &["status"],
        }
    }

    fn writable_fields(&self, subresource: Option<&str>) -> &'static [&'static str] {
        match subresource {
            Some("ephemeralcontainers") => &["spec.ephemeralContainers"],
            Some("resize") => &[
                "spec.containers.*.resources",
                "spec.containers.*.resizePolicy",
                "spec.initContainers.*.resources",
                "spec.initContainers.*.resizePolicy",
            ],
            _ => &[],
        }
    }

    fn validate_create(&self, object: &Value) -> FieldErrors {
        update::validate_create(object)
    }

    fn validate_update(&self, new: &Value, old: &Value, subresource: Option<&str>) -> FieldErrors {
        match subresource {
            Some("status") => status::validate(new, old),
            Some("binding") => FieldErrors::new(),
            Some("ephemeralcontainers") => ephemeral::validate(new, old),
            Some("resize") => resize::validate(new, old),
            _ => update::validate(new, old),
        }
    }

    fn warnings(&self, new: &Value, old: Option<&Value>) -> Vec<String> {
        // Upstream warns on create only: people seldom update pods, and machines do it often.
        if old.is_some() {
            return Vec::new();
        }
        let name = get(new, "metadata").map_or("", |metadata| text(metadata, "name"));
        let wrong = names::dns_label_errors(name);
        let mut warnings = Vec::new();
        if !wrong.is_empty() {
            warnings.push(format!(
                "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [{}]",
                wrong.join(" ")
            ));
        }
        warnings.extend(pod_spec::warnings::warnings(&Path::new(""), new));
        warnings
    }

    fn selectable_fields(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("spec.nodeName", "/spec/nodeName"),
            ("spec.restartPolicy", "/spec/restartPolicy"),
            ("spec.schedulerName", "/spec/schedulerName"),
            ("spec.serviceAccountName", "/spec/serviceAccountName"),
            ("spec.hostNetwork", "/spec/hostNetwork"),
            ("status.phase", "/status/phase"),
            ("status.podIP", "/status/podIP"),
            ("status.nominatedNodeName", "/status/nominatedNodeName"),
        ]
    }

    fn selectable_default(&self, field: &str) -> &'static str {
        if field == "spec.hostNetwork" { "false" } else { "" }
    }

    fn columns(&self) -> &'static [Column] {
        table::COLUMNS
    }

    fn row(&self, object: &Value, now: Timestamp) -> Row {
        table::row(object, now)
    }

    fn deletes_gracefully(&self) -> bool {
        true
    }

    /// `CheckGracefulDelete`: a pod that no kubelet runs, or that has ended, goes at once.
    fn grace_period_seconds(&self, object: &Value, requested: Option<i64>) -> i64 {
        let spec = object.get("spec").unwrap_or(&Value::Null);
        let phase = get(object, "status").map_or("", |status| text(status, "phase"));
        if text(spec, "nodeName").is_empty() || matches!(phase, "Succeeded" | "Failed") {
            return 0;
        }
        let own = || int(spec, "terminationGracePeriodSeconds").unwrap_or(DEFAULT_GRACE_SECONDS);
        match requested.unwrap_or_else(own) {
            ..0 => 1,
            seconds => seconds,
        }
    }

    fn returns_deleted_object(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
