//! One strategy per kind: defaults, preparation, validation, warnings, tables. Pure, and a strategy never reads the
//! store: whatever it decides on comes in as an argument.
//!
//! To add a kind is to add a file here and one line in the [`catalogue`].

pub mod catalogue;
pub mod config_map;
mod errors;
pub mod event;
mod fields;
#[cfg(test)]
mod fixtures;
pub mod job;
mod labels;
pub mod metadata;
pub mod namespace;
pub mod node;
pub mod pod;
pub mod pod_spec;
pub mod quantity;
pub mod review;
pub mod secret;
pub mod service_account;
pub mod strategy;
mod table;

pub use catalogue::Catalogue;
pub use strategy::{Column, DefaultPropagation, Descriptor, Row, Strategy, View};
