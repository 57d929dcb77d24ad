//! What a decision may read besides the object it is about: the state as of one moment, handed in by the generic verbs.
//! Keeps strategies and admission pure: neither knows where the objects come from.

use std::sync::Arc;

use api::{Gvr, Object};

use crate::service::ServiceRange;

/// The state as of one moment.
pub trait Surroundings {
    /// One object.
    fn get(&self, resource: &Gvr, namespace: Option<&str>, name: &str) -> Option<Arc<Object>>;

    /// The objects of a resource, of one namespace or of all.
    fn list(&self, resource: &Gvr, namespace: Option<&str>) -> Vec<Arc<Object>>;

    /// Where the addresses of Services come from.
    fn service_range(&self) -> ServiceRange {
        ServiceRange::default()
    }

    /// Any number below a bound that is not zero.
    fn draw(&self, bound: u32) -> u32;
}
