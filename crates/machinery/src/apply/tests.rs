//! Server-side apply as upstream has it: vectors after the facts of structured-merge-diff's and the field manager's
//! tests, and laws.

mod hostile;
mod laws;
mod managing;
mod merging;
mod migration;

use api::Status;
use fields::Managers;
use serde_json::{Value, json};

use super::*;
use crate::schema;

/// One object and its managers, written to by name.
#[derive(Clone, Debug)]
struct Live {
    object: Value,
    managers: Managers,
    seconds: i64,
}

fn kind() -> api::Kind {
    api::Kind::known("", "v1", "Pod")
}

impl Live {
    fn none() -> Self {
        Self { object: Value::Null, managers: Managers::default(), seconds: 0 }
    }

    fn with<T>(&mut self, name: &str, act: impl FnOnce(&Writer<'_>, &mut Self) -> T) -> T {
        self.through(name, "", &["status"], act)
    }

    fn through<T>(
        &mut self,
        name: &str,
        subresource: &str,
        reset: &[&str],
        act: impl FnOnce(&Writer<'_>, &mut Self) -> T,
    ) -> T {
        self.seconds += 1;
        let (kind, reset) = (kind(), Reset::new(reset));
        let now = jiff::Timestamp::from_second(self.seconds).unwrap();
        let st = schema::of_kind(&kind).unwrap();
        act(&Writer { st, kind: &kind, name, subresource, reset: &reset, now }, self)
    }

    fn create(&mut self, name: &str, object: Value) {
        self.with(name, |writer, live| {
            live.managers = created(writer, &object, &live.managers);
            live.object = object;
        });
    }

    fn update(&mut self, name: &str, object: Value) {
        self.with(name, |writer, live| {
            live.managers = updated(writer, &live.object, &object, &live.managers);
            live.object = object;
        });
    }

    /// Changes the object in place.
    fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Value)) {
        let mut object = self.object.clone();
        edit(&mut object);
        self.update(name, object);
    }

    fn try_apply(&mut self, name: &str, config: &Value, force: bool) -> Result<bool, Status> {
        self.with(name, |writer, live| {
            let made = applied(writer, &live.object, config, &live.managers, force)?;
            live.managers = made.managers;
            let changed = made.object.is_some();
            if let Some(mut object) = made.object {
                crate::strict::check(&kind(), &mut object)?;
                live.object = object;
            }
            Ok(changed)
        })
    }

    fn apply(&mut self, name: &str, config: &Value) -> bool {
        self.try_apply(name, config, false).unwrap()
    }

    /// The `FieldsV1` of a manager; the operation's first letter leads: `A:kubectl`.
    fn fields(&self, manager: &str) -> String {
        let (operation, name) = manager.split_once(':').unwrap();
        let found = self.managers.iter().find(|manager| {
            *manager.identity.name == *name && manager.identity.operation.as_str().starts_with(operation)
        });
        found.map_or_else(|| "none".to_owned(), |manager| manager.set.to_json())
    }

    fn names(&self) -> Vec<String> {
        let name = |manager: &std::sync::Arc<fields::Manager>| {
            let subresource = &manager.identity.subresource;
            let through = if subresource.is_empty() { String::new() } else { format!("/{subresource}") };
            format!("{}:{}{through}", &manager.identity.operation.as_str()[..1], manager.identity.name)
        };
        self.managers.iter().map(name).collect()
    }
}

/// A Pod's configuration with this spec.
fn pod(spec: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
}

/// A Pod's configuration with these labels.
fn labelled(labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": labels}})
}
