//! How managers gain and lose fields (`structured-merge-diff/merge/update.go`).

use std::collections::BTreeMap;
use std::sync::Arc;

use fields::{Identity, Manager, Node, Operation, Path, PathElement, Set};
use serde_json::Value;

use super::conflict::Conflict;
use super::diff::{self, Diff};
use super::{Form, fieldset, merge, remove};
use crate::schema::Struct;

/// Fields that a write through one door never changes, such as `status` in a write of the main resource. They are
/// neither compared nor managed.
#[derive(Clone, Debug)]
pub struct Reset(Filter);

#[derive(Clone, Debug)]
enum Filter {
    /// These paths and what is below them.
    Only(Set),
    /// All but these paths, what is below them and what leads to them; a step of none is any step.
    AllBut(Vec<Vec<Option<PathElement>>>),
}

impl Reset {
    /// Reads dotted paths, such as `metadata.ownerReferences`.
    pub fn new(paths: &[&str]) -> Self {
        let path = |path: &&str| path.split('.').map(PathElement::field).collect::<Path>();
        Self(Filter::Only(paths.iter().map(path).collect()))
    }

    /// The reverse: nothing but these paths may change; `*` is any step.
    pub fn all_but(paths: &[&str]) -> Self {
        let step = |step: &str| (step != "*").then(|| PathElement::field(step));
        Self(Filter::AllBut(paths.iter().map(|path| path.split('.').map(step).collect()).collect()))
    }

    fn exclude(&self) -> Option<&Set> {
        match &self.0 {
            Filter::Only(set) => (!set.is_empty()).then_some(set),
            Filter::AllBut(_) => None,
        }
    }

    fn filter(&self, set: Set) -> Set {
        match &self.0 {
            Filter::Only(exclude) if exclude.is_empty() => set,
            Filter::Only(exclude) => set.recursive_difference(exclude),
            Filter::AllBut(paths) => matching(&set, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        }
    }
}

fn matching(set: &Set, paths: &[&[Option<PathElement>]]) -> Set {
    let mut out = Set::default();
    for node in set.nodes() {
        let leads = |path: &&[Option<PathElement>]| match path {
            [first, rest @ ..] if first.as_ref().is_none_or(|step| *step == node.element) => Some(rest.to_vec()),
            _ => None,
        };
        let rest: Vec<_> = paths.iter().filter_map(leads).collect();
        if rest.iter().any(Vec::is_empty) {
            out.push(node.clone());
        } else if !rest.is_empty() {
            let rest: Vec<_> = rest.iter().map(Vec::as_slice).collect();
            let below = node.children.as_deref().map(|set| matching(set, &rest)).unwrap_or_default();
            out.push(Node::new(node.element.clone(), node.member, below));
        }
    }
    out
}

/// The object that all of this is about.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) st: &'static Struct,
    pub(super) api_version: &'a str,
    pub(super) reset: &'a Reset,
}

impl Scope<'_> {
    pub(super) fn diff(&self, lhs: (&Value, Form), rhs: (&Value, Form)) -> Diff {
        let diff = diff::objects(self.st, lhs, rhs, self.reset.exclude());
        match self.reset.0 {
            Filter::Only(_) => diff,
            Filter::AllBut(_) => {
                Diff { changed: self.reset.filter(diff.changed), removed: self.reset.filter(diff.removed) }
            }
        }
    }
}

/// What the managers of an object become when somebody changes it: each loses what was changed or removed. Returns
/// what the change itself brought.
pub(super) fn update(scope: &Scope<'_>, live: &Value, new: &Value, managers: &mut Vec<Arc<Manager>>) -> Set {
    let diff = scope.diff((live, Form::Object), (new, Form::Object));
    take_away(scope, &diff, managers, None);
    diff.changed
}

/// Takes changed and removed fields away from all managers but one.
fn take_away(scope: &Scope<'_>, diff: &Diff, managers: &mut Vec<Arc<Manager>>, but: Option<&Identity>) {
    managers.retain(|manager| *manager.identity.api_version == *scope.api_version);
    if diff.is_empty() {
        return;
    }
    for manager in managers.iter_mut().filter(|manager| but.is_none_or(|but| !but.is(&manager.identity))) {
        if manager.set.intersects(&diff.changed) || manager.set.intersects(&diff.removed) {
            let left = manager.set.difference(&diff.changed).difference(&diff.removed);
            *manager = Arc::new(Manager::new(manager.identity.clone(), manager.time, Arc::new(left)));
        }
    }
    managers.retain(|manager| !manager.set.is_empty());
}

/// What an apply made.
pub(super) struct Merged {
    /// The object, when it is another than before.
    pub(super) object: Option<Value>,
    /// All managers, the applying one among them, with the time that it had.
    pub(super) managers: Vec<Arc<Manager>>,
}

/// Merges a configuration into an object.
///
/// # Errors
/// The fields of other managers that it would change, unless it is forced.
pub(super) fn apply(
    scope: &Scope<'_>,
    live: &Value,
    config: &Value,
    mut managers: Vec<Arc<Manager>>,
    who: &Identity,
    force: bool,
) -> Result<Merged, Vec<Conflict>> {
    let set = scope.reset.filter(fieldset::of(scope.st, config));
    let last = managers.iter().position(|manager| manager.identity.is(who)).map(|at| managers.remove(at));
    let time = last.as_ref().and_then(|last| last.time);
    managers.push(Arc::new(Manager::new(who.clone(), time, Arc::new(set))));
    let mut object = merge::objects(scope.st, live, config);
    let last = last.filter(|last| !last.set.is_empty() && *last.identity.api_version == *scope.api_version);
    if let Some(last) = last {
        object = prune(scope, object, &managers, &last.set);
    }
    let diff = scope.diff((live, Form::Object), (&object, Form::Sent));
    if !force {
        let conflicts = conflicts(&diff, &managers, who);
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
    }
    take_away(scope, &diff, &mut managers, Some(who));
    managers.retain(|manager| !manager.set.is_empty());
    Ok(Merged { object: (object != *live).then_some(object), managers })
}

fn conflicts(diff: &Diff, managers: &[Arc<Manager>], who: &Identity) -> Vec<Conflict> {
    let mut others: Vec<&Arc<Manager>> = managers.iter().filter(|manager| !manager.identity.is(who)).collect();
    others.sort_by_cached_key(|manager| manager.identity.key());
    let of = |manager: &&Arc<Manager>| {
        let paths = manager.set.intersection(&diff.changed).paths();
        let identity = manager.identity.clone();
        paths.into_iter().map(move |path| Conflict { manager: identity.clone(), path }).collect::<Vec<_>>()
    };
    others.iter().flat_map(of).collect()
}

/// Removes what this manager applied last time, does not apply now, and nobody else has.
fn prune(scope: &Scope<'_>, merged: Value, managers: &[Arc<Manager>], last: &Set) -> Value {
    let complete = |set: &Set| fieldset::with_named_fields(scope.st, set);
    let fields_of = |object: &Value| complete(&fieldset::of(scope.st, object));
    let last = complete(last);
    let pruned = remove::items(scope.st, &merged, &last);
    // Back comes what some manager has, the applying one with its new configuration included.
    let mut managed = Set::default();
    for manager in managers.iter().filter(|manager| *manager.identity.api_version == *scope.api_version) {
        managed = managed.union(&manager.set);
    }
    let all = fields_of(&merged);
    let kept = fields_of(&pruned).union(&complete(&managed));
    let pruned = remove::items(scope.st, &merged, &all.difference(&kept));
    // Back comes what this manager never applied.
    let gone = all.difference(&fields_of(&pruned)).intersection(&last);
    remove::items(scope.st, &merged, &gone)
}

/// Fields that nobody manages: they are the system's (upstream's `stripMetaManager`).
pub(super) fn strip(set: &Set) -> Set {
    const TOP: [&str; 3] = ["apiVersion", "kind", "metadata"];
    const METADATA: [&str; 9] = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    static STRIPPED: std::sync::OnceLock<Set> = std::sync::OnceLock::new();
    let stripped = STRIPPED.get_or_init(|| {
        let mut set = Set::default();
        let metadata: Set = METADATA.iter().map(|name| vec![PathElement::field(name)]).collect();
        for name in TOP {
            let below = if name == "metadata" { metadata.clone() } else { Set::default() };
            set.push(Node::new(PathElement::field(name), true, below));
        }
        set
    });
    if set.intersects(stripped) { set.difference(stripped) } else { set.clone() }
}

/// Merges the oldest update managers into one, so that there are no more than ten (upstream's `capManagersManager`).
pub(super) fn cap(managers: &mut Vec<Arc<Manager>>) {
    const MAX_UPDATE_MANAGERS: usize = 10;
    let is_update = |manager: &Arc<Manager>| manager.identity.operation == Operation::Update;
    let mut length = managers.iter().filter(|manager| is_update(manager)).count();
    if length <= MAX_UPDATE_MANAGERS {
        return;
    }
    let mut updaters: Vec<Arc<Manager>> = managers.iter().filter(|manager| is_update(manager)).cloned().collect();
    updaters.sort_by_cached_key(|manager| (manager.time.map_or(0, jiff::Timestamp::as_second), manager.identity.key()));
    // All managers have one version here, so there is one bucket.
    let Some(first) = updaters.first().cloned() else { return };
    let bucket = Identity {
        name: "ancient-changes".into(),
        operation: Operation::Update,
        api_version: first.identity.api_version.clone(),
        subresource: "".into(),
    };
    let (first, bucket_key) = (first.identity.key(), bucket.key());
    let mut left: BTreeMap<String, Arc<Manager>> =
        managers.drain(..).map(|manager| (manager.identity.key(), manager)).collect();
    for manager in &updaters[1..] {
        if length <= MAX_UPDATE_MANAGERS {
            break;
        }
        let holder = left.remove(&bucket_key).or_else(|| left.remove(&first));
        let held = holder.map_or_else(|| manager.set.clone(), |holder| Arc::new(manager.set.union(&holder.set)));
        left.insert(bucket_key.clone(), Arc::new(Manager::new(bucket.clone(), manager.time, held)));
        left.remove(&manager.identity.key());
        length -= 1;
    }
    managers.extend(left.into_values());
}
