//! The steps around a write: who did it, what is left to whom, since when
//! (`managedfieldsupdater.go`, `skipnonapplied.go`, `buildmanagerinfo.go`, `fieldmanager.go`).

use std::sync::Arc;

use api::{Kind, Status};
use fields::{Identity, Manager, Managers, Operation, Set};
use jiff::Timestamp;
use serde_json::Value;

use super::updater::{Merged, Reset, Scope, cap, strip};
use super::{Form, conflict, fieldset, last_applied, updater, validate};
use crate::schema::Struct;

/// Manages what was there before the first apply, when nobody else does.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Who writes, through what, and when.
#[derive(Clone, Copy)]
pub struct Writer<'a> {
    /// The schema of the object.
    pub st: &'static Struct,
    /// The kind of the object.
    pub kind: &'a Kind,
    /// The name of the manager.
    pub name: &'a str,
    /// The subresource that is written through, or nothing.
    pub subresource: &'a str,
    /// What such writes never change.
    pub reset: &'a Reset,
    /// The time.
    pub now: Timestamp,
}

impl Writer<'_> {
    fn identity(&self, operation: Operation) -> Identity {
        self.identity_of(if self.name.is_empty() { "unknown" } else { self.name }, operation)
    }

    fn identity_of(&self, name: &str, operation: Operation) -> Identity {
        Identity {
            name: name.into(),
            operation,
            api_version: self.kind.api_version().into(),
            subresource: self.subresource.into(),
        }
    }

    fn update(&self, who: Identity, live: &Value, new: &Value, managers: &Managers) -> Managers {
        let scope = Scope { st: self.st, api_version: &who.api_version, reset: self.reset };
        let mut all: Vec<Arc<Manager>> = managers.iter().cloned().collect();
        let own = strip(&updater::update(&scope, live, new, &mut all));
        if !own.is_empty() {
            let before = managers.iter().find(|manager| manager.identity.is(&who));
            // A writer that writes the same fields again and again keeps one set of them.
            let set = match before {
                Some(before) if own.is_subset(&before.set) => still_its_own(before, &all, own),
                _ => united(&who, &all, own),
            };
            all.retain(|manager| !manager.identity.is(&who));
            all.push(Arc::new(Manager::new(who, Some(self.now), set)));
        }
        cap(&mut all);
        Managers::new(all)
    }
}

fn united(who: &Identity, all: &[Arc<Manager>], own: Set) -> Arc<Set> {
    match all.iter().find(|manager| manager.identity.is(who)) {
        Some(rest) => Arc::new(own.union(&rest.set)),
        None => Arc::new(own),
    }
}

/// The set of a manager that wrote only what it had; when it lost nothing to removals either, its old set serves on.
fn still_its_own(before: &Manager, all: &[Arc<Manager>], own: Set) -> Arc<Set> {
    let now = united(&before.identity, all, own);
    if *now == *before.set { before.set.clone() } else { now }
}

/// The managers of a new object; `given` are those that its creator names.
pub fn created(writer: &Writer<'_>, object: &Value, given: &Managers) -> Managers {
    writer.update(writer.identity(Operation::Update), &Value::Null, object, given)
}

/// The managers of an object after a write that is no apply. An object without managers stays without them until it
/// is applied to.
pub fn updated(writer: &Writer<'_>, live: &Value, new: &Value, managers: &Managers) -> Managers {
    if managers.is_empty() {
        return Managers::default();
    }
    writer.update(writer.identity(Operation::Update), live, new, managers)
}

/// Managers named by a client, with their sets as the schema has them.
pub fn conform(st: &'static Struct, managers: &Managers) -> Managers {
    let of = |manager: &Arc<Manager>| {
        let set = Arc::new(fieldset::conform(st, &manager.set));
        Arc::new(Manager::new(manager.identity.clone(), manager.time, set))
    };
    Managers::new(managers.iter().map(of).collect())
}

/// What an apply made of an object.
#[derive(Debug)]
pub struct Applied {
    /// The object, when it is another than before. Nulls in it stand for what is to be absent.
    pub object: Option<Value>,
    /// Its managers.
    pub managers: Managers,
}

/// Applies a configuration to an object; `live` is null when there is none.
///
/// # Errors
/// 400 for a configuration of another kind or with `managedFields`, 500 for one that the schema does not allow (as
/// upstream answers), 409 for fields of other managers.
pub fn applied(
    writer: &Writer<'_>,
    live: &Value,
    config: &Value,
    managers: &Managers,
    force: bool,
) -> Result<Applied, Status> {
    check(writer, config)?;
    let who = writer.identity(Operation::Apply);
    let managers = if managers.is_empty() {
        let before = writer.identity_of(BEFORE_FIRST_APPLY, Operation::Update);
        writer.update(before, &Value::Null, live, managers)
    } else {
        managers.clone()
    };
    let scope = Scope { st: writer.st, api_version: &who.api_version, reset: writer.reset };
    let apply = |force| updater::apply(&scope, live, config, managers.iter().cloned().collect(), &who, force);
    let merged = match apply(force) {
        Err(conflicts) if writer.name == last_applied::MANAGER => {
            let left = last_applied::unexplained(&scope, live, conflicts);
            if left.is_empty() { apply(true) } else { Err(left) }
        }
        result => result,
    };
    let Merged { mut object, managers } = merged.map_err(|conflicts| conflict::refuse(&conflicts))?;
    let finish = |manager: Arc<Manager>| {
        if !manager.identity.is(&who) {
            return Some(manager);
        }
        let set = strip(&manager.set);
        let time = if object.is_some() { Some(writer.now) } else { manager.time };
        (!set.is_empty()).then(|| Arc::new(Manager::new(who.clone(), time, Arc::new(set))))
    };
    let managers = Managers::new(managers.into_iter().filter_map(finish).collect());
    if writer.name == last_applied::MANAGER {
        last_applied::renew(live, &mut object, config);
    }
    Ok(Applied { object, managers })
}

fn check(writer: &Writer<'_>, config: &Value) -> Result<(), Status> {
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if api_version != writer.kind.api_version() || kind != writer.kind.kind {
        let group_version = if api_version.contains('/') { api_version.to_owned() } else { format!("/{api_version}") };
        return Err(Status::bad_request(format!("invalid object type: {group_version}, Kind={kind}")));
    }
    if config["metadata"].get("managedFields").is_some_and(|fields| !fields.is_null()) {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    validate::config(writer.st, config).map_err(|why| {
        let name = |name: &str| config["metadata"][name].as_str().unwrap_or_default();
        let version = if api_version.contains('/') { api_version.to_owned() } else { format!("/{api_version}") };
        Status::unknown_failure(format!(
            "failed to create typed patch object ({}/{}; {version}, Kind={kind}): {why}",
            name("namespace"),
            name("name")
        ))
    })
}

/// Comparing and naming fields of what was sent, for the migration from client-side apply.
pub(super) fn sent_fields_that_hold(scope: &Scope<'_>, sent: &Value, live: &Value) -> Set {
    let diff = super::diff::objects(scope.st, (sent, Form::Sent), (live, Form::Object), None);
    fieldset::of(scope.st, sent).difference(&diff.changed).difference(&diff.removed)
}
