//! The kinds that manifests of Jobs come with, and their addresses in the API. Pure.

use api::Gvr;
use serde_json::Value;

/// Group, version, kind, plural, whether it lives in a namespace.
type Row = (&'static str, &'static str, &'static str, &'static str, bool);

const KINDS: [Row; 23] = [
    ("batch", "v1", "Job", "jobs", true),
    ("batch", "v1", "CronJob", "cronjobs", true),
    ("", "v1", "Pod", "pods", true),
    ("", "v1", "ConfigMap", "configmaps", true),
    ("", "v1", "Secret", "secrets", true),
    ("", "v1", "ServiceAccount", "serviceaccounts", true),
    ("", "v1", "Namespace", "namespaces", false),
    ("", "v1", "Event", "events", true),
    ("", "v1", "Node", "nodes", false),
    ("", "v1", "Service", "services", true),
    ("", "v1", "ReplicationController", "replicationcontrollers", true),
    ("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    ("", "v1", "PersistentVolume", "persistentvolumes", false),
    ("", "v1", "LimitRange", "limitranges", true),
    ("", "v1", "ResourceQuota", "resourcequotas", true),
    ("", "v1", "Endpoints", "endpoints", true),
    ("", "v1", "PodTemplate", "podtemplates", true),
    ("rbac.authorization.k8s.io", "v1", "Role", "roles", true),
    ("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true),
    ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false),
    ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    ("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false),
];

/// A resource, and whether its objects live in namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) resource: Gvr,
    pub(crate) namespaced: bool,
}

fn served(row: &Row) -> Served {
    Served { resource: Gvr::known(row.0, row.1, row.3), namespaced: row.4 }
}

/// By kind alone: the names here are unique.
pub(crate) fn find_kind(kind: &str) -> Option<Served> {
    KINDS.iter().find(|row| row.2 == kind).map(served)
}

pub(crate) fn find_plural(plural: &str) -> Option<Served> {
    KINDS.iter().find(|row| row.3 == plural).map(served)
}

/// Where an object of a manifest goes; nothing for a kind that is not known in that version.
pub(crate) fn of_object(object: &Value) -> Option<Served> {
    let (group, version) = api::key::split_api_version(object["apiVersion"].as_str()?);
    let kind = object["kind"].as_str()?;
    KINDS.iter().find(|row| (row.0, row.1, row.2) == (group, version, kind)).map(served)
}

/// The kind of a resource.
pub(crate) fn kind_of(resource: &Gvr) -> Option<&'static str> {
    let is = |row: &&Row| row.3 == resource.plural && row.0 == resource.group && row.1 == resource.version;
    KINDS.iter().find(is).map(|row| row.2)
}
