//! `authorization.k8s.io/v1 SelfSubjectRulesReview`: what `kubectl auth can-i --list` shows.

use api::{Kind, Status};
use serde_json::{Value, json};

use super::{Asked, Review};
use crate::fields::{at, text};
use crate::strategy::Descriptor;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("authorization.k8s.io", "v1", "SelfSubjectRulesReview"),
    plural: "selfsubjectrulesreviews",
    singular: "selfsubjectrulesreview",
    short_names: &[],
    categories: &[],
    namespaced: false,
    subresources: &[],
};

/// What may I do in a namespace?
#[derive(Clone, Copy, Debug, Default)]
pub struct SelfSubjectRulesReview;

impl Review for SelfSubjectRulesReview {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    /// Upstream's answer of the authorizer that allows everything. Its status has no place for a reason.
    fn answer(&self, object: Value, _asked: &Asked<'_>) -> Result<Value, Status> {
        if at(&object, &["spec"]).is_none_or(|spec| text(spec, "namespace").is_empty()) {
            return Err(Status::bad_request("no namespace on request"));
        }
        Ok(json!({
            "apiVersion": DESCRIPTOR.kind.api_version(),
            "kind": DESCRIPTOR.kind.kind,
            "metadata": {},
            "spec": {},
            "status": {
                "incomplete": false,
                "nonResourceRules": [{"nonResourceURLs": ["*"], "verbs": ["*"]}],
                "resourceRules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
            },
        }))
    }
}
