//! The kinds that tests may name: those that manifests of Jobs come with. Pure.

use api::Gvr;
use api::resource::{MANIFEST_KINDS, Resource};
use serde_json::Value;

fn find(is: impl Fn(&Resource) -> bool) -> Option<&'static Resource> {
    MANIFEST_KINDS.iter().find(|served| is(served))
}

/// By kind alone: the names here are unique.
pub(crate) fn find_kind(kind: &str) -> Option<&'static Resource> {
    find(|served| served.kind.kind == kind)
}

pub(crate) fn find_plural(plural: &str) -> Option<&'static Resource> {
    find(|served| served.gvr.plural == plural)
}

/// Where an object of a manifest goes; nothing for a kind that is not known in that version.
pub(crate) fn of_object(object: &Value) -> Option<&'static Resource> {
    let (api_version, kind) = (object["apiVersion"].as_str()?, object["kind"].as_str()?);
    find(|served| served.is_of(api_version, kind))
}

/// All kinds, with their names.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static Resource)> {
    MANIFEST_KINDS.iter().map(|served| (&*served.kind.kind, served))
}

/// The kind of a resource.
pub(crate) fn kind_of(resource: &Gvr) -> Option<&'static str> {
    find(|served| served.gvr == *resource).map(|served| &*served.kind.kind)
}
