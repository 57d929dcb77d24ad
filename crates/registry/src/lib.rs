//! One strategy per kind: defaults, preparation, validation, warnings, tables. Pure, and a strategy never reads the
//! store: whatever it decides on comes in as an argument.
//!
//! To add a kind is to add a file here and one line in the [`catalogue`].

pub mod catalogue;
pub mod strategy;

pub use catalogue::Catalogue;
pub use strategy::{Column, DefaultPropagation, Descriptor, Row, Strategy};
