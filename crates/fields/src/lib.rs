//! Field sets: which fields of an object somebody manages, their text form `FieldsV1`, and `metadata.managedFields`.
//!
//! What `sigs.k8s.io/structured-merge-diff/v6/fieldpath` and the wire side of `k8s.io/apimachinery/pkg/util/managedfields`
//! know. Nothing here looks at a schema: `machinery::apply` does, and makes these sets.
//!
//! Sets are values that share what they have in common: an operation copies the nodes on the way to a difference and
//! nothing else, so that keeping managers on every write costs little.

mod element;
mod managers;
mod set;
mod shared;
mod v1;

pub use element::{Name, Path, PathElement, show};
pub use managers::{Identity, Manager, Managers, Operation};
pub use set::{Node, Set};
pub use shared::RecentManagers;
