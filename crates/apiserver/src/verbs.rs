//! The generic verbs (`k8s.io/apiserver/pkg/registry/generic/registry/store.go`). None of them names a kind; the
//! exceptions are subresources that are operations of their own, such as pods/binding and serviceaccounts/token.

pub(crate) mod binding;
mod body;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod eviction;
mod filter;
mod metadata;
mod moment;
pub(crate) mod read;
pub(crate) mod review;
pub(crate) mod token;
pub(crate) mod update;
pub(crate) mod versions;

pub(crate) use filter::Filter;

use api::{Object, Status};
use std::sync::Arc;

/// Turns a value into an object without committing it: what a dry run answers with.
fn uncommitted(value: &serde_json::Value) -> Result<Arc<Object>, Status> {
    Object::from_value(value).map(Arc::new).map_err(Status::internal)
}
