//! Pods are defaulted, prepared, refused, bound, deleted and shown as upstream does.

mod prepare;
mod subresources;
mod table;
mod update;
