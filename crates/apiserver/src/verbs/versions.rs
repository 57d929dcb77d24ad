//! Replies and watch events in the version that was asked for: objects are stored in one version of their kind, and
//! some kinds are served in another as well (`registry::View`).
//!
//! A kind that is served in one version only passes through untouched. Reading an object in another version decodes and
//! encodes it anew on every read: only old clients and event recorders ask for one.

use std::sync::Arc;

use api::{Object, Reply, Response, WatchEvent};
use registry::Strategy;

/// A stored object in the version of the strategy.
fn translated(strategy: &dyn Strategy, object: Arc<Object>) -> Arc<Object> {
    if strategy.view().is_none() {
        return object;
    }
    let mut value = object.to_value();
    strategy.from_stored(&mut value);
    let managers = object.managers().cloned();
    let translated = Object::from_value(&value).expect("a translation leaves the metadata as it is");
    Arc::new(translated.with_managers(managers))
}

/// A reply whose objects are in the version of the strategy, with the warning of a version that is deprecated.
pub(crate) fn reply(strategy: &dyn Strategy, mut reply: Reply) -> Reply {
    if let Some(text) = strategy.deprecation() {
        reply.warnings.insert(0, text.to_owned());
    }
    if strategy.view().is_none() {
        return reply;
    }
    let response = match reply.response {
        Response::Object { object, created } => Response::Object { object: translated(strategy, object), created },
        Response::List(mut list) => {
            list.items = list.items.into_iter().map(|item| translated(strategy, item)).collect();
            Response::List(list)
        }
        status @ Response::Status(_) => status,
    };
    Reply { response, warnings: reply.warnings }
}

/// A watch event whose object is in the version of the strategy.
pub(crate) fn event(strategy: &dyn Strategy, event: WatchEvent) -> WatchEvent {
    match event {
        WatchEvent::Added(object) => WatchEvent::Added(translated(strategy, object)),
        WatchEvent::Modified(object) => WatchEvent::Modified(translated(strategy, object)),
        WatchEvent::Deleted(object) => WatchEvent::Deleted(translated(strategy, object)),
        other @ (WatchEvent::Bookmark { .. } | WatchEvent::Error(_)) => other,
    }
}
