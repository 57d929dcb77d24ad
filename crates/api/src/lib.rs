//! The words every other crate speaks: stored objects and their keys, requests and replies, `Status` errors, field
//! errors, selectors and name rules. Pure: no runtime, no clock, no randomness, no logging.
//!
//! The Kubernetes types themselves come from `k8s-openapi`, re-exported once as [`k8s`], so that one version of them
//! is chosen in one place.

pub mod conditions;
pub mod field;
pub mod key;
pub mod logs;
pub mod names;
pub mod object;
pub mod quantity;
pub mod request;
pub mod resource;
pub mod selector;
pub mod session;
pub mod shared;
pub mod status;
pub mod text;
pub mod time;
pub mod user;

pub use k8s_openapi as k8s;
pub use key::{Gvr, Kind, ObjectKey, Revision, Uid};
pub use object::{Meta, Object, OwnerRef, WatchEvent};
pub use request::{Body, ObjectList, Options, PatchType, Reply, Request, Response, Verb};
pub use status::{Cause, Details, Reason, Status};
pub use user::User;
