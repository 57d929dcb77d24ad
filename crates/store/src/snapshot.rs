//! A snapshot: all objects as of one revision, shared with the store and never changing.

use std::ops::Bound;
use std::sync::Arc;

use api::{Object, ObjectKey};
use imbl::OrdMap;

use crate::ResourceIndex;

type Objects = OrdMap<ObjectKey, Arc<Object>>;

/// All objects as of one revision. A clone is cheap.
#[derive(Clone, Default)]
pub struct Snapshot {
    resources: Vec<Objects>,
}

impl Snapshot {
    /// One object.
    pub fn get(&self, resource: ResourceIndex, key: &ObjectKey) -> Option<&Arc<Object>> {
        self.resources.get(resource.0)?.get(key)
    }

    /// The objects of a resource in key order: of one namespace or of all, starting after `after` when it is given.
    pub fn range<'a>(
        &'a self,
        resource: ResourceIndex,
        namespace: Option<&'a str>,
        after: Option<&ObjectKey>,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Arc<Object>)> {
        let start = match (after, namespace) {
            (Some(key), _) => Bound::Excluded(key.clone()),
            (None, Some(namespace)) => Bound::Included(ObjectKey::namespaced(namespace, "")),
            (None, None) => Bound::Unbounded,
        };
        let objects = self.resources.get(resource.0);
        objects
            .into_iter()
            .flat_map(move |objects| objects.range((start.clone(), Bound::Unbounded)))
            .take_while(move |(key, _)| namespace.is_none_or(|namespace| key.namespace.as_deref() == Some(namespace)))
    }

    /// How many objects a resource has.
    pub fn len(&self, resource: ResourceIndex) -> usize {
        self.resources.get(resource.0).map_or(0, OrdMap::len)
    }

    /// Whether a resource has no objects.
    pub fn is_empty(&self, resource: ResourceIndex) -> bool {
        self.len(resource) == 0
    }

    pub(crate) fn insert(&mut self, resource: ResourceIndex, key: ObjectKey, object: Arc<Object>) {
        if self.resources.len() <= resource.0 {
            self.resources.resize_with(resource.0 + 1, Objects::new);
        }
        self.resources[resource.0].insert(key, object);
    }

    pub(crate) fn remove(&mut self, resource: ResourceIndex, key: &ObjectKey) {
        if let Some(objects) = self.resources.get_mut(resource.0) {
            objects.remove(key);
        }
    }
}
