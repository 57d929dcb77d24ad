//! One strategy per kind: defaults, preparation, validation, warnings, tables. Pure, and a strategy never reads the
//! store: whatever it decides on comes in as an argument.
//!
//! To add a kind is to add a file here and one line in the [`catalogue`].

pub mod admission;
pub mod catalogue;
pub mod config_map;
pub mod cron_job;
mod diff;
pub mod disruption_budget;
pub mod endpoint_slice;
pub mod endpoints;
mod errors;
pub mod event;
pub mod eviction;
mod fields;
#[cfg(test)]
mod fixtures;
mod generation;
mod internal;
mod ip;
pub mod job;
mod labels;
pub mod lease;
pub mod limit_range;
pub mod metadata;
pub mod namespace;
pub mod node;
pub mod pod;
pub mod pod_spec;
pub mod pod_template;
pub mod priority_class;
pub mod quantity;
pub mod rbac;
pub mod replication_controller;
mod resource_names;
pub mod resource_quota;
pub mod review;
pub mod runtime_class;
pub mod secret;
pub mod service;
pub mod service_account;
pub mod strategy;
pub mod surroundings;
mod table;

pub use catalogue::Catalogue;
pub use strategy::{Column, DefaultPropagation, Descriptor, Row, Strategy, View};
pub use surroundings::Surroundings;
