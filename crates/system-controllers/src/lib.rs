//! The controllers that every cluster has besides those of Jobs: namespaces, service accounts, the root certificate,
//! quotas, ReplicationControllers, Endpoints, the scheduler, disruption budgets, the garbage collectors of objects and of
//! pods, and the end of Events. Each speaks to the API only through [`client`], and knows nothing of the others, so each
//! also runs against a real cluster's API.

pub mod disruption;
pub mod endpoints;
pub mod event_expiry;
pub mod garbage;
pub mod namespaces;
mod per_namespace;
pub mod pod_gc;
mod quotas;
pub mod replication;
pub mod root_certificate;
pub mod scheduler;
pub mod service_accounts;
mod start;

#[cfg(test)]
mod tests;

pub use garbage::Resource;
pub use start::{Config, SystemControllers};

/// Whether a create was refused because its namespace is being deleted; that is nobody's fault
/// (`NamespaceTerminatingCause`).
fn namespace_terminates(error: &client::Error) -> bool {
    let details = error.status().and_then(|status| status.details.as_ref());
    details.is_some_and(|details| details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating"))
}
