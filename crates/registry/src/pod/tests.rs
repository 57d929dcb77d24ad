//! Pods are defaulted, prepared, refused, bound, deleted and shown as upstream does.

mod prepare;
mod table;
mod update;
