//! The controllers that every cluster has besides those of its workloads: namespaces, service accounts, the root
//! certificate, quotas, the scheduler, disruption budgets, the garbage collector and the end of Events. Each speaks to
//! the API only through [`client`], and knows nothing of the others, so each also runs against a real cluster's API.

pub mod disruption;
pub mod event_expiry;
pub mod garbage;
pub mod namespaces;
mod per_namespace;
mod quotas;
pub mod root_certificate;
pub mod scheduler;
pub mod service_accounts;
mod start;

#[cfg(test)]
mod tests;

pub use garbage::Resource;
pub use start::{Config, SystemControllers};
