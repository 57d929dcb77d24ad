//! Server-side apply, and who manages which fields: structured-merge-diff v6 over the compiled schema, and the steps
//! that upstream wraps around it (`k8s.io/apimachinery/pkg/util/managedfields/internal`).
//!
//! Pure: a [`Writer`] says who writes, through what, and when. [`created`] and [`updated`] keep the managers of a plain
//! write; [`applied`] merges an applied configuration and finds conflicts. Objects come without `managedFields`.
//!
//! Objects count as upstream's Go objects do: a struct held by value is there even when the JSON lacks it, and an empty
//! list or map is not (`Form::Object`). A configuration counts as it was sent (`Form::Sent`).
//!
//! Differs: objects come in the stored version of their kind, so managers of another version are dropped, as upstream
//! drops those of versions that it no longer knows.

mod conflict;
mod diff;
mod fieldset;
mod last_applied;
mod merge;
mod remove;
mod shape;
mod updater;
mod validate;
mod writer;

#[cfg(test)]
mod tests;

pub use last_applied::LAST_APPLIED;
pub use updater::Reset;
pub use writer::{Applied, Writer, applied, conform, created, updated};

/// How absent and empty values of an object count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As in upstream's Go objects.
    Object,
    /// As they stand in the JSON.
    Sent,
}
