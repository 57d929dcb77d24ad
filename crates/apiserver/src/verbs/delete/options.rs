//! `DeleteOptions`, from the body or, when there is none, from the query
//! (`k8s.io/apimachinery/pkg/apis/meta/v1/validation.ValidateDeleteOptions`).

use api::field::{FieldErrors, Path};
use api::{Body, Gvr, Kind, Meta, Request, Status};
use serde::Deserialize;

/// What happens to dependents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verbs) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// The options of one delete.
#[derive(Clone, Debug, Default)]
pub(in crate::verbs) struct Options {
    pub(in crate::verbs) grace_period_seconds: Option<i64>,
    pub(in crate::verbs) propagation: Option<Propagation>,
    pub(in crate::verbs) dry_run: bool,
    pub(in crate::verbs) uid: Option<String>,
    pub(in crate::verbs) resource_version: Option<String>,
}

/// The body, as it goes over the wire.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Wire {
    grace_period_seconds: Option<i64>,
    propagation_policy: Option<String>,
    orphan_dependents: Option<bool>,
    dry_run: Option<Vec<String>>,
    preconditions: Option<Preconditions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Preconditions {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Options {
    /// Reads the options of a request. Returns warnings beside them.
    pub(in crate::verbs) fn of(request: &Request) -> Result<(Self, Vec<String>), Status> {
        let wire = match &request.body {
            Body::Object(value) => Wire::deserialize(value)
                .map_err(|error| Status::bad_request(format!("DeleteOptions cannot be read: {error}")))?,
            Body::Empty => Wire {
                grace_period_seconds: request.options.grace_period_seconds,
                propagation_policy: request.options.propagation_policy.clone(),
                orphan_dependents: request.options.orphan_dependents,
                ..Wire::default()
            },
            Body::Patch(..) => return Err(Status::bad_request("a delete takes DeleteOptions, not a patch")),
        };
        let propagation = wire.propagation()?;
        let preconditions = wire.preconditions.unwrap_or_default();
        let options = Self {
            grace_period_seconds: wire.grace_period_seconds,
            propagation,
            dry_run: request.options.dry_run || wire.dry_run.is_some_and(|values| !values.is_empty()),
            uid: preconditions.uid,
            resource_version: preconditions.resource_version,
        };
        Ok((options, Vec::new()))
    }

    /// Whether the client named the revision that it wants to delete.
    pub(in crate::verbs) fn names_revision(&self) -> bool {
        self.resource_version.is_some()
    }

    /// The same options for an object that the server itself wrote to on the client's behalf.
    pub(in crate::verbs) fn without_revision(&self) -> Self {
        Self { resource_version: None, ..self.clone() }
    }

    /// Compares the preconditions with the object.
    ///
    /// Differs: upstream words the conflicts of namespaces in another way.
    ///
    /// # Errors
    /// 409 that names the kind, where other conflicts name the resource.
    pub(in crate::verbs) fn check_preconditions(&self, kind: &Kind, meta: &Meta) -> Result<(), Status> {
        let conflict = |why: String| {
            let resource = Gvr { group: kind.group.clone(), version: kind.version.clone(), plural: kind.kind.clone() };
            Err(Status::conflict(&resource, &meta.name, &why))
        };
        if let Some(uid) = self.uid.as_deref().filter(|uid| *uid != meta.uid.as_str()) {
            return conflict(format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({}). \
                 The object might have been deleted and then recreated",
                meta.uid
            ));
        }
        let revision = meta.revision.to_string();
        match self.resource_version.as_deref().filter(|wanted| *wanted != revision) {
            Some(wanted) => conflict(format!(
                "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record \
                 ({revision}). The object might have been modified"
            )),
            None => Ok(()),
        }
    }
}

impl Wire {
    fn propagation(&self) -> Result<Option<Propagation>, Status> {
        let mut errors = FieldErrors::new();
        if self.propagation_policy.is_some() && self.orphan_dependents.is_some() {
            let why = "orphanDependents and deletionPropagation cannot be both set";
            errors.push(Path::new("propagationPolicy").invalid(self.propagation_policy.clone(), why));
        }
        let propagation = match (self.propagation_policy.as_deref(), self.orphan_dependents) {
            (Some("Background"), _) | (None, Some(false)) => Some(Propagation::Background),
            (Some("Foreground"), _) => Some(Propagation::Foreground),
            (Some("Orphan"), _) | (None, Some(true)) => Some(Propagation::Orphan),
            (None, None) => None,
            (Some(other), _) => {
                let supported = ["Foreground", "Background", "Orphan", "nil"];
                errors.push(Path::new("propagationPolicy").not_supported(other, &supported));
                None
            }
        };
        if let Some(values) = self.dry_run.as_ref().filter(|values| values.iter().any(|value| value != "All")) {
            errors.push(Path::new("dryRun").not_supported(values.clone(), &["All"]));
        }
        if errors.is_empty() {
            return Ok(propagation);
        }
        Err(Status::invalid(&Kind::known("meta.k8s.io", "v1", "DeleteOptions"), "", &errors))
    }
}
