//! All that ever happened in a cluster, commit by commit, and what must never be so.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Arc;

use api::resource::{CONFIG_MAPS, EVENTS, JOBS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS};
use api::{Gvr, Object};
use cluster::{Commit, View};
use explain::Collector;
use parking_lot::Mutex;
use serde_json::Value;

use super::snapshot::{Snapshot, State};
use crate::event_log;

/// What a fresh cluster has before the first commit that is recorded.
const FIRST: [Gvr; 4] = [NAMESPACES, NODES, SERVICE_ACCOUNTS, CONFIG_MAPS];

/// Follows a cluster's commits.
pub(super) struct Recorder(Mutex<Record>);

struct Record {
    /// The state before the history.
    first: State,
    history: Vec<Commit>,
    state: State,
    never: Vec<Never>,
    /// The first condition that came true and must not.
    broken: Option<String>,
}

/// A condition that must never be true.
struct Never {
    condition: Box<dyn Fn(&Snapshot<'_>) -> bool + Send>,
    place: &'static Location<'static>,
}

impl Never {
    /// What is wrong, if the condition is true now.
    fn look(&self, state: &State, after: &str) -> Option<String> {
        let snapshot = Snapshot::of(state);
        let came = match catch_unwind(AssertUnwindSafe(|| (self.condition)(&snapshot))) {
            Ok(false) => return None,
            Ok(true) => "came true",
            Err(_) => "panicked",
        };
        let (revision, now) = (state.revision, state.now);
        Some(format!(
            "what must never be so (never at {}) {came} at revision {revision}, {now}, after {after}",
            self.place
        ))
    }
}

impl Recorder {
    pub(super) fn new(view: &View<'_>) -> Self {
        let mut first = State { now: view.now(), ..State::default() };
        for resource in FIRST {
            for object in view.list(&resource, None, "") {
                first.take(&resource, object, false);
            }
        }
        let (history, never) = (Vec::new(), Vec::new());
        Self(Mutex::new(Record { state: first.clone(), first, history, never, broken: None }))
    }

    /// Takes in a commit.
    pub(super) fn take(&self, commit: &Commit) {
        let mut record = self.0.lock();
        let record = &mut *record;
        record.state.apply(commit);
        record.history.push(commit.clone());
        if record.broken.is_none() {
            let state = &record.state;
            record.broken = record.never.iter().find_map(|never| never.look(state, &after(commit)));
        }
    }

    /// Forbids a condition, from the first commit on: those that were are looked at now.
    pub(super) fn forbid(
        &self,
        condition: Box<dyn Fn(&Snapshot<'_>) -> bool + Send>,
        place: &'static Location<'static>,
    ) {
        let never = Never { condition, place };
        let mut record = self.0.lock();
        if record.broken.is_none() {
            let mut state = record.first.clone();
            let broken = never.look(&state, "the start").or_else(|| {
                record.history.iter().find_map(|commit| {
                    state.apply(commit);
                    never.look(&state, &after(commit))
                })
            });
            record.broken = broken;
        }
        record.never.push(never);
    }

    /// What must never have been so and was. It is told once, and nothing is looked at after it.
    pub(super) fn take_broken(&self) -> Option<String> {
        let mut record = self.0.lock();
        let broken = record.broken.take()?;
        record.never.clear();
        Some(broken)
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.lock().broken.is_some()
    }

    /// Looks at the state as it is now.
    pub(super) fn now<T>(&self, look: impl FnOnce(&Snapshot<'_>) -> T) -> T {
        look(&Snapshot::of(&self.0.lock().state))
    }

    /// Every commit as a line of text.
    pub(super) fn event_log(&self) -> String {
        let mut text = String::new();
        for commit in &self.0.lock().history {
            event_log::write(&mut text, commit);
        }
        text
    }

    /// A Job as it was seen last, whether it still is or not.
    pub(super) fn job(&self, namespace: &str, name: &str) -> Option<Value> {
        let record = self.0.lock();
        let is_it = |commit: &&Commit| {
            let meta = commit.object.meta();
            commit.resource == JOBS && meta.name == name && meta.namespace.as_deref() == Some(namespace)
        };
        record.history.iter().rfind(is_it).map(|commit| commit.object.to_value())
    }

    /// Every pod that this object ever controlled, as it was seen last.
    pub(super) fn pods(&self, controller: &str) -> Vec<Value> {
        let mut pods = Collector::default();
        for commit in self.0.lock().history.iter().filter(|commit| commit.resource == PODS) {
            let owner = commit.object.meta().controller();
            if owner.is_some_and(|owner| owner.uid.as_str() == controller) {
                let pod = commit.object.to_value();
                if commit.verb == "DELETED" { pods.gone(&pod) } else { pods.saw(&pod) }
            }
        }
        pods.into_pods()
    }

    /// The Events about these objects, oldest first, each as it was seen last.
    pub(super) fn events(&self, uids: &[&str]) -> Vec<Value> {
        let mut events: Vec<(Arc<str>, Value)> = Vec::new();
        for commit in
            self.0.lock().history.iter().filter(|commit| commit.resource == EVENTS && commit.verb != "DELETED")
        {
            let about = commit.object.field("/involvedObject/uid");
            if !about.as_ref().and_then(Value::as_str).is_some_and(|uid| uids.contains(&uid)) {
                continue;
            }
            let (key, event) = (commit.object.meta().key().name, commit.object.to_value());
            match events.iter_mut().find(|(known, _)| *known == key) {
                Some((_, known)) => *known = event,
                None => events.push((key, event)),
            }
        }
        events.into_iter().map(|(_, event)| event).collect()
    }

    /// The Jobs that ever were, in the order of their first commits: namespace and name.
    pub(super) fn jobs(&self) -> Vec<(String, String)> {
        let mut jobs = Vec::new();
        for commit in self.0.lock().history.iter().filter(|commit| commit.resource == JOBS) {
            let meta = commit.object.meta();
            let job = (meta.namespace.as_deref().unwrap_or_default().to_owned(), meta.name.to_string());
            if !jobs.contains(&job) {
                jobs.push(job);
            }
        }
        jobs
    }
}

impl State {
    fn apply(&mut self, commit: &Commit) {
        self.now = commit.time;
        self.revision = commit.object.meta().revision;
        self.take(&commit.resource, commit.object.clone(), commit.verb == "DELETED");
    }

    fn take(&mut self, resource: &Gvr, object: Arc<Object>, is_gone: bool) {
        let objects = self.objects.entry(resource.clone()).or_default();
        let key = object.meta().key();
        if is_gone { drop(objects.remove(&key)) } else { drop(objects.insert(key, object)) }
    }
}

fn after(commit: &Commit) -> String {
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = write!(text, "{} {} {}", commit.verb, commit.resource.plural, commit.object.meta().key());
    text
}
