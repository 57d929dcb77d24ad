//! Admission: what the cluster's own objects say of a write, beside the rules of its kind. As upstream's plugins that
//! are on by default: LimitRanger, ServiceAccount, Priority, DefaultTolerationSeconds, RuntimeClass, ResourceQuota.
//!
//! Flow: [`mutate`] after defaulting, [`validate`] after validation, [`quota::charges`] with the commit. Pure: the
//! objects that count are read through [`Surroundings`]. NamespaceLifecycle is the generic verbs' own.
//!
//! Differs: the ServiceAccount plugin mounts no token into pods; processes find the server by its kubeconfig.

mod amounts;
mod limit_ranges;
mod pod_resources;
mod priority;
pub mod quota;
mod runtime_class;
mod service_account;
mod tolerations;

use api::{Gvr, Status};
use serde_json::Value;

use crate::fields::{child, get, map_of};
use crate::surroundings::Surroundings;

pub use amounts::Amounts;

/// A write that asks to be admitted.
pub struct Attempt<'a> {
    /// The stored resource.
    pub resource: &'a Gvr,
    /// The namespace of the object, if it has one.
    pub namespace: Option<&'a str>,
    /// The name of the object.
    pub name: &'a str,
    /// The subresource written.
    pub subresource: Option<&'a str>,
    /// The object as it is stored; `None` on create.
    pub old: Option<&'a Value>,
}

impl Attempt<'_> {
    /// `pods "x" is forbidden: WHY`.
    fn forbidden(&self, why: impl AsRef<str>) -> Status {
        Status::forbidden(self.resource, self.name, why.as_ref())
    }

    fn is(&self, group: &str, plural: &str) -> bool {
        self.resource.group == group && self.resource.plural == plural
    }

    fn creates(&self) -> bool {
        self.old.is_none()
    }

    /// Whether it is a new pod, or an update of one that is no subresource's.
    fn is_pod(&self) -> bool {
        self.subresource.is_none() && self.is("", "pods")
    }
}

/// Changes a new object, or an update, as the cluster's objects ask.
///
/// # Errors
/// When they do not allow it.
pub fn mutate(attempt: &Attempt<'_>, object: &mut Value, around: &dyn Surroundings) -> Result<(), Status> {
    if !attempt.is_pod() {
        return Ok(());
    }
    map_of(child(object, "spec"));
    if let Some(old) = attempt.old {
        priority::keep(object, old);
        tolerations::add(object);
        return Ok(());
    }
    limit_ranges::fill_in(attempt, object, around);
    service_account::assign(attempt, object, around)?;
    priority::assign(attempt, object, around)?;
    tolerations::add(object);
    runtime_class::assign(attempt, object, around)
}

/// Checks the object as it is about to be stored, save for quotas.
///
/// # Errors
/// When the cluster's objects do not allow it.
pub fn validate(attempt: &Attempt<'_>, object: &Value, around: &dyn Surroundings) -> Result<(), Status> {
    if attempt.is("", "pods") {
        let resized = attempt.subresource == Some("resize");
        if resized || (attempt.is_pod() && attempt.creates()) {
            limit_ranges::check(attempt, object, around)?;
        }
        return Ok(());
    }
    if attempt.subresource.is_none() && attempt.is("scheduling.k8s.io", "priorityclasses") {
        return priority::check_default(attempt, object, around);
    }
    Ok(())
}

/// What a create of this object waits for a moment for, before it is refused for the lack of it: the service account
/// `default`, which a controller makes in every new namespace.
pub fn awaited(resource: &Gvr, object: &Value) -> Option<(Gvr, &'static str)> {
    let is_pod = resource.group.is_empty() && resource.plural == "pods";
    let waits = is_pod && get(object, "spec").is_some_and(service_account::is_default);
    waits.then_some((api::resource::SERVICE_ACCOUNTS, service_account::DEFAULT))
}

#[cfg(test)]
mod tests;
