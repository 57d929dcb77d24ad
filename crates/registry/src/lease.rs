//! `coordination.k8s.io/v1 Lease` (`pkg/registry/coordination/lease/strategy.go`). Leader election renews one every few
//! seconds, so nothing here copies.

use api::Kind;
use api::field::{FieldErrors, Path};
use jiff::Timestamp;
use serde_json::Value;

use crate::errors::NOT_NEGATIVE;
use crate::fields::{child, get, int, map_of, text};
use crate::strategy::{Column, Descriptor, Row, Strategy};
use crate::table::{AGE, NAME, age, name, text_column};

static DESCRIPTOR: Descriptor = Descriptor {
    kind: Kind::known("coordination.k8s.io", "v1", "Lease"),
    plural: "leases",
    singular: "lease",
    short_names: &[],
    categories: &[],
    namespaced: true,
    subresources: &[],
};

const COLUMNS: &[Column] = &[
    NAME,
    text_column(
        "Holder",
        "holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
    ),
    AGE,
];

/// The strategy of Leases.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeaseStrategy;

impl Strategy for LeaseStrategy {
    fn descriptor(&self) -> &'static Descriptor {
        &DESCRIPTOR
    }

    /// `strategy` and `preferredHolder` belong to a feature that is off by default; upstream drops them as well.
    fn default(&self, object: &mut Value) {
        let spec = map_of(child(object, "spec"));
        spec.retain(|name, value| !value.is_null() && name != "strategy" && name != "preferredHolder");
    }

    fn prepare_for_create(&self, _object: &mut Value) {}

    fn prepare_for_update(&self, _new: &mut Value, _old: &Value, _subresource: Option<&str>) {}

    fn validate_create(&self, object: &Value) -> FieldErrors {
        validate(object)
    }

    fn validate_update(&self, new: &Value, _old: &Value, _subresource: Option<&str>) -> FieldErrors {
        validate(new)
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
        let holder = get(object, "spec").map_or("", |spec| text(spec, "holderIdentity"));
        Row { cells: vec![name(object), holder.into(), age(object, now)], conditions: Vec::new() }
    }
}

/// `ValidateLeaseSpec`.
fn validate(lease: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let path = Path::new("spec");
    let Some(spec) = get(lease, "spec") else { return errors };
    if let Some(seconds) = int(spec, "leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        errors.push(path.child("leaseDurationSeconds").invalid(seconds, "must be greater than 0"));
    }
    if let Some(count) = int(spec, "leaseTransitions").filter(|count| *count < 0) {
        errors.push(path.child("leaseTransitions").invalid(count, NOT_NEGATIVE));
    }
    errors
}
