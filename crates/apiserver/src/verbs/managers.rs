//! `metadata.managedFields`: kept on every write, beside the object (`api::Object::managers`).
//!
//! Values that travel through the verbs have no `managedFields`: what a client sends is taken out at the door
//! ([`Given::take`]), and what it gets is put in when the object leaves the process.

use std::sync::Arc;

use api::{Object, Request};
use fields::Managers;
use machinery::apply::{self, Reset, Writer};
use machinery::schema::{self, Struct};
use serde_json::Value;

use crate::server::{ApiServer, Target};

/// What a client says of the managers of an object that it writes.
#[derive(Clone, Debug)]
pub(super) enum Given {
    /// Nothing, or nothing that can be read: those of the stored object hold.
    Nothing,
    /// `[]` or `[{}]`: there are to be none.
    Reset,
    /// These.
    Entries(Managers),
}

impl Given {
    /// Takes `managedFields` out of an object.
    pub(super) fn take(object: &mut Value) -> Self {
        let entries = object.get_mut("metadata").and_then(Value::as_object_mut);
        let Some(Value::Array(entries)) = entries.and_then(|metadata| metadata.remove("managedFields")) else {
            return Self::Nothing;
        };
        let is_empty = |entry: &Value| entry.as_object().is_some_and(serde_json::Map::is_empty);
        match entries.as_slice() {
            [] => return Self::Reset,
            [one] if is_empty(one) => return Self::Reset,
            _ => {}
        }
        // As upstream: a list that is none does not fail the write.
        Managers::from_value(&Value::Array(entries)).map_or(Self::Nothing, Self::Entries)
    }

    /// The managers that a write starts from. A subresource is no door for them.
    fn or_those_of(self, before: Option<&Object>, subresource: bool, st: &'static Struct) -> Arc<Managers> {
        let stored = || before.and_then(Object::managers).cloned().unwrap_or_default();
        match self {
            Self::Entries(managers) if !subresource => Arc::new(apply::conform(st, &managers)),
            Self::Reset if !subresource => Arc::default(),
            _ => stored(),
        }
    }
}

/// How the managers of an object after a write are found.
#[derive(Debug)]
pub(super) enum Managed {
    /// By comparing the object with what it was.
    Compare(Given),
    /// They are known: an apply found them.
    Known(Managers),
}

/// Whether a patch may depend on, or change, the managers.
pub(super) fn concerns(patch: &Value) -> bool {
    let whole = |operation: &Value| {
        ["path", "from"].iter().any(|name| matches!(operation[*name].as_str(), Some("" | "/metadata")))
    };
    patch.as_array().is_some_and(|operations| operations.iter().any(whole))
        || patch.to_string().contains("managedFields")
}

/// The managers after a create, or an update of `before`. `new` has its defaults and is not prepared yet: what the
/// strategy sets is nobody's.
pub(super) fn after(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    before: Option<(&Object, &Value)>,
    new: &Value,
    managed: Managed,
) -> Arc<Managers> {
    let given = match managed {
        Managed::Known(managers) => return Arc::new(managers),
        Managed::Compare(given) => given,
    };
    with_writer(server, target, request, |writer| {
        let start = given.or_those_of(before.map(|(object, _)| object), request.subresource.is_some(), writer.st);
        match before {
            None => share(server, &apply::created(writer, new, &start)),
            Some((_, old)) if old == new => start,
            Some((_, old)) => share(server, &apply::updated(writer, old, new, &start)),
        }
    })
    .unwrap_or_default()
}

/// Holds what many objects have in common once.
fn share(server: &ApiServer, managers: &Managers) -> Arc<Managers> {
    Arc::new(server.managers.lock().share(managers))
}

/// Runs something as the writer of a request; `None` for a kind without a schema.
pub(super) fn with_writer<T>(
    server: &ApiServer,
    target: &Target<'_>,
    request: &Request,
    act: impl FnOnce(&Writer<'_>) -> T,
) -> Option<T> {
    // Objects, and so their fields, are those of the stored version.
    // Differs: upstream names the fields of an Event as the version that it was written in has them.
    let kind = &server.catalogue().at(target.index.0).descriptor().kind;
    let st = schema::of_kind(kind)?;
    let subresource = request.subresource.as_deref();
    let reset = match target.strategy.writable_fields(subresource) {
        [] => Reset::new(target.strategy.reset_fields(subresource)),
        fields => Reset::all_but(fields),
    };
    let name = request.options.field_manager.as_deref().unwrap_or_default();
    let now = api::time::whole_seconds(server.clock.now());
    Some(act(&Writer { st, kind, name, subresource: subresource.unwrap_or_default(), reset: &reset, now }))
}

/// Whether a write leaves the managers as they were. Times alone are no change, as in upstream's
/// `IgnoreManagedFieldsTimestampsTransformer`.
pub(super) fn are_unchanged(before: &Object, after: &Arc<Managers>) -> bool {
    match before.managers() {
        None => after.is_empty(),
        Some(managers) => Arc::ptr_eq(managers, after) || managers.same_but_for_times(after),
    }
}
