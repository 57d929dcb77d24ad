//! `v1 bindings`: the old way to bind a pod, which names the pod in the body (`LegacyBindingREST`).

use api::{Gvr, Kind, Status};
use serde_json::Value;

use super::{Asked, Review};
use crate::strategy::Descriptor;

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("", "v1", "Binding"),
    plural: "bindings",
    singular: "binding",
    short_names: &[],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

/// Binds the pod that the body names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bindings;

impl Review for Bindings {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    fn answer(&self, _object: Value, _asked: &Asked<'_>) -> Result<Value, Status> {
        Err(Status::method_not_allowed())
    }

    fn stands_for(&self) -> Option<(Gvr, &'static str)> {
        Some((api::resource::PODS, "binding"))
    }
}
