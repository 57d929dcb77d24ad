//! `authentication.k8s.io/v1 SelfSubjectReview`: what `kubectl auth whoami` shows.

use api::time::{rfc3339, whole_seconds};
use api::{Kind, Status};
use serde_json::{Value, json};

use super::{Asked, Review};
use crate::strategy::Descriptor;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("authentication.k8s.io", "v1", "SelfSubjectReview"),
    plural: "selfsubjectreviews",
    singular: "selfsubjectreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    subresources: &[],
};

/// Who am I?
#[derive(Clone, Copy, Debug, Default)]
pub struct SelfSubjectReview;

impl Review for SelfSubjectReview {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn answer(&self, _object: Value, asked: &Asked<'_>) -> Result<Value, Status> {
        Ok(json!({
            "apiVersion": DESCRIPTOR.kind.api_version(),
            "kind": DESCRIPTOR.kind.kind,
            "metadata": {"creationTimestamp": rfc3339(whole_seconds(asked.now))},
            "status": {"userInfo": asked.user},
        }))
    }
}
