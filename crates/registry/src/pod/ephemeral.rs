//! `pods/ephemeralcontainers`: adding containers to a pod that runs (`podEphemeralContainersStrategy`,
//! `ValidatePodEphemeralContainersUpdate`).

use api::field::{FieldErrors, Path};
use serde_json::Value;

use crate::diff::unified;
use crate::fields::{at, child, items, map_of, text};
use crate::pod::{prepare, update};

/// The annotation of a pod that a kubelet made from a file.
const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";

/// Drops every change but that of the ephemeral containers.
pub(crate) fn prepare(new: &mut Value, old: &Value) {
    let added = child(child(new, "spec"), "ephemeralContainers").take();
    prepare::keep_all_but_spec(new, old);
    new["spec"] = old.get("spec").cloned().unwrap_or_default();
    if added.as_array().is_some_and(|list| !list.is_empty()) {
        new["spec"]["ephemeralContainers"] = added;
    } else {
        map_of(&mut new["spec"]).remove("ephemeralContainers");
    }
    prepare::default(new);
    prepare::count_generation(new, old);
}

/// Ephemeral containers are added, and never changed or taken away.
pub(crate) fn validate(new: &Value, old: &Value) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if at(old, &["metadata", "annotations", MIRROR_ANNOTATION]).is_some() {
        errors.push(Path::new("").forbidden("static pods do not support ephemeral containers"));
        return errors;
    }
    let null = &Value::Null;
    let metadata = new.get("metadata").unwrap_or(null);
    let (new, old) = (new.get("spec").unwrap_or(null), old.get("spec").unwrap_or(null));
    update::validate_whole(&mut errors, metadata, new);
    let path = Path::new("spec").child("ephemeralContainers");
    for before in items(old, "ephemeralContainers") {
        let name = text(before, "name");
        match items(new, "ephemeralContainers").iter().find(|container| text(container, "name") == name) {
            None => {
                let detail = format!("existing ephemeral containers {name:?} may not be removed\n");
                errors.push(path.forbidden(detail));
            }
            Some(now) if now != before => {
                let changes = unified("EphemeralContainer", before, now);
                let detail = format!("existing ephemeral containers {name:?} may not be changed\n{changes}");
                errors.push(path.forbidden(detail));
            }
            Some(_) => {}
        }
    }
    errors
}
