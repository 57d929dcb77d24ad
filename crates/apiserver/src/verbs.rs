//! The generic verbs (`k8s.io/apiserver/pkg/registry/generic/registry/store.go`). None of them names a kind; the
//! exceptions are subresources that are operations of their own, such as pods/binding and serviceaccounts/token.

mod admission;
mod apply;
pub(crate) mod binding;
mod body;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod eviction;
mod filter;
mod managers;
mod metadata;
mod moment;
pub(crate) mod read;
pub(crate) mod review;
pub(crate) mod scale;
pub(crate) mod token;
pub(crate) mod update;
pub(crate) mod versions;

pub(crate) use filter::Filter;

use std::sync::Arc;

use api::{Object, Status};
use fields::Managers;

/// Turns a value into an object without committing it.
fn uncommitted(value: &serde_json::Value) -> Result<Arc<Object>, Status> {
    Object::from_value(value).map(Arc::new).map_err(Status::internal)
}

/// What a dry run answers with.
fn rehearsed(value: &serde_json::Value, managers: Option<Arc<Managers>>) -> Result<Arc<Object>, Status> {
    let object = Object::from_value(value).map_err(Status::internal)?;
    Ok(Arc::new(object.with_managers(managers)))
}
