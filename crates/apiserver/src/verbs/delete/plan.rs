//! What a delete makes of an object: `BeforeDelete` of `registry/rest/delete.go`, and
//! `updateForGracefulDeletionAndFinalizers` and `deletionFinalizersForGarbageCollection` of the generic store. Pure.

use std::collections::BTreeSet;

use api::Meta;
use api::resource::{FOREGROUND_FINALIZER, ORPHAN_FINALIZER};
use api::time::rfc3339;
use jiff::{SignedDuration, Timestamp};
use registry::{DefaultPropagation, Strategy};
use serde_json::Value;

use super::options::{Options, Propagation};
use crate::verbs::metadata;

/// What becomes of the object.
#[derive(Debug, PartialEq)]
pub(super) enum Plan {
    /// Nothing: it is going already, and the delete asks for nothing sooner.
    Pending,
    /// It stays, marked, until its grace is over and its finalizers are gone.
    Stays(Value),
    /// It goes now; its last state.
    Goes(Value),
}

/// Plans a delete of an object at `now`, in whole seconds.
pub(super) fn plan(strategy: &dyn Strategy, options: &Options, meta: &Meta, mut object: Value, now: Timestamp) -> Plan {
    let grace = match grace(strategy, options, meta, &object) {
        Grace::Pending => return Plan::Pending,
        Grace::None => None,
        Grace::Until { from, seconds } => {
            let due = from.unwrap_or(now).saturating_add(SignedDuration::from_secs(seconds));
            mark(&mut object, meta, due.expect("seconds keep their unit"), Some(seconds));
            Some(seconds)
        }
    };
    set_propagation_finalizer(strategy, options, &mut object);
    if meta.deletion_timestamp.is_none() {
        strategy.prepare_for_delete(&mut object);
    }
    let finalizers = object["metadata"]["finalizers"].as_array().is_some_and(|list| !list.is_empty());
    match grace {
        Some(seconds) if seconds > 0 || finalizers => Plan::Stays(object),
        None if finalizers => {
            let due = meta.deletion_timestamp.filter(|due| *due <= now).unwrap_or(now);
            mark(&mut object, meta, due, Some(0));
            Plan::Stays(object)
        }
        // What keeps such an object is not metadata, so it gets no seconds of grace.
        None if strategy.is_held(&object) => {
            mark(&mut object, meta, meta.deletion_timestamp.unwrap_or(now), None);
            Plan::Stays(object)
        }
        _ => Plan::Goes(object),
    }
}

enum Grace {
    /// The kind knows no grace, or the object was marked without one.
    None,
    /// The object has no more grace than the delete asks for.
    Pending,
    /// So many seconds, counted from now or from the first delete.
    Until { from: Option<Timestamp>, seconds: i64 },
}

fn grace(strategy: &dyn Strategy, options: &Options, meta: &Meta, object: &Value) -> Grace {
    // Negative seconds mean one.
    let positive = |seconds: i64| if seconds < 0 { 1 } else { seconds };
    let wanted = options.grace_period_seconds.map(positive);
    match (meta.deletion_timestamp, meta.deletion_grace_period_seconds.map(positive)) {
        _ if !strategy.deletes_gracefully() => Grace::None,
        (None, _) => Grace::Until { from: None, seconds: strategy.grace_period_seconds(object, wanted) },
        (Some(_), None) => Grace::None,
        (Some(due), Some(left)) => match wanted {
            Some(seconds) if seconds < left => {
                Grace::Until { from: due.checked_sub(SignedDuration::from_secs(left)).ok(), seconds }
            }
            _ => Grace::Pending,
        },
    }
}

/// Sets the time of deletion. The first mark raises the generation.
fn mark(object: &mut Value, meta: &Meta, due: Timestamp, grace_seconds: Option<i64>) {
    let metadata = metadata::of(object);
    if meta.deletion_timestamp.is_none() && meta.generation > 0 {
        metadata.insert("generation".to_owned(), (meta.generation + 1).into());
    }
    metadata.insert("deletionTimestamp".to_owned(), rfc3339(due).into());
    if let Some(seconds) = grace_seconds {
        metadata.insert("deletionGracePeriodSeconds".to_owned(), seconds.into());
    }
}

/// Puts the finalizer of the wanted propagation on the object and takes the other one off. The options win over
/// finalizers that are there, those over the kind's default.
fn set_propagation_finalizer(strategy: &dyn Strategy, options: &Options, object: &mut Value) {
    let metadata = metadata::of(object);
    let old = metadata.get("finalizers").and_then(Value::as_array).cloned().unwrap_or_default();
    let has = |name: &str| old.iter().any(|item| item == name);
    let wanted = match (strategy.default_propagation(), options.propagation) {
        (DefaultPropagation::Unsupported, _) => Propagation::Background,
        (_, Some(propagation)) => propagation,
        _ if has(ORPHAN_FINALIZER) => Propagation::Orphan,
        _ if has(FOREGROUND_FINALIZER) => Propagation::Foreground,
        (DefaultPropagation::Orphan { .. }, None) => Propagation::Orphan,
        (DefaultPropagation::Background, None) => Propagation::Background,
    };
    let mut new: Vec<Value> = old.clone();
    new.retain(|name| name != ORPHAN_FINALIZER && name != FOREGROUND_FINALIZER);
    match wanted {
        Propagation::Background => {}
        Propagation::Foreground => new.push(FOREGROUND_FINALIZER.into()),
        Propagation::Orphan => new.push(ORPHAN_FINALIZER.into()),
    }
    let set = |list: &[Value]| list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect::<BTreeSet<_>>();
    if set(&old) == set(&new) {
        return;
    }
    if new.is_empty() {
        metadata.remove("finalizers");
    } else {
        metadata.insert("finalizers".to_owned(), Value::Array(new));
    }
}

#[cfg(test)]
mod tests;
