//! The resources that components name at compile time. The full list of what a server serves is its catalogue's, or
//! its discovery documents'; these constants only spare components from repeating strings.

use crate::key::{Gvr, Kind, split_api_version};

/// `v1 namespaces`.
pub const NAMESPACES: Gvr = Gvr::known("", "v1", "namespaces");
/// `v1 nodes`.
pub const NODES: Gvr = Gvr::known("", "v1", "nodes");
/// `v1 pods`.
pub const PODS: Gvr = Gvr::known("", "v1", "pods");
/// `v1 events`.
pub const EVENTS: Gvr = Gvr::known("", "v1", "events");
/// `v1 configmaps`.
pub const CONFIG_MAPS: Gvr = Gvr::known("", "v1", "configmaps");
/// `v1 secrets`.
pub const SECRETS: Gvr = Gvr::known("", "v1", "secrets");
/// `v1 serviceaccounts`.
pub const SERVICE_ACCOUNTS: Gvr = Gvr::known("", "v1", "serviceaccounts");
/// `batch/v1 cronjobs`.
pub const CRON_JOBS: Gvr = Gvr::known("batch", "v1", "cronjobs");
/// `batch/v1 jobs`.
pub const JOBS: Gvr = Gvr::known("batch", "v1", "jobs");

/// The finalizer through which the Job controller counts each pod exactly once.
pub const JOB_TRACKING_FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The finalizer of `propagationPolicy: Foreground`.
pub const FOREGROUND_FINALIZER: &str = "foregroundDeletion";
/// The finalizer of `propagationPolicy: Orphan`.
pub const ORPHAN_FINALIZER: &str = "orphan";

/// A resource, and what objects in it are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Where its objects are.
    pub gvr: Gvr,
    /// Their kind, as their owner references and they themselves name it.
    pub kind: Kind,
    /// Whether they live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// Describes a resource known at compile time.
    pub const fn known(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
        namespaced: bool,
    ) -> Self {
        Self { kind: Kind::known(group, version, kind), gvr: Gvr::known(group, version, plural), namespaced }
    }

    /// Whether an object with this `apiVersion` and `kind` belongs in it.
    pub fn is_of(&self, api_version: &str, kind: &str) -> bool {
        let (group, version) = split_api_version(api_version);
        (&*self.kind.group, &*self.kind.version, &*self.kind.kind) == (group, version, kind)
    }
}

/// The resources that manifests of Jobs come with, for those who send such manifests: names and plurals are unique.
pub static MANIFEST_KINDS: [Resource; 23] = [
    Resource::known("batch", "v1", "Job", "jobs", true),
    Resource::known("batch", "v1", "CronJob", "cronjobs", true),
    Resource::known("", "v1", "Pod", "pods", true),
    Resource::known("", "v1", "ConfigMap", "configmaps", true),
    Resource::known("", "v1", "Secret", "secrets", true),
    Resource::known("", "v1", "ServiceAccount", "serviceaccounts", true),
    Resource::known("", "v1", "Namespace", "namespaces", false),
    Resource::known("", "v1", "Event", "events", true),
    Resource::known("", "v1", "Node", "nodes", false),
    Resource::known("", "v1", "Service", "services", true),
    Resource::known("", "v1", "ReplicationController", "replicationcontrollers", true),
    Resource::known("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true),
    Resource::known("", "v1", "PersistentVolume", "persistentvolumes", false),
    Resource::known("", "v1", "LimitRange", "limitranges", true),
    Resource::known("", "v1", "ResourceQuota", "resourcequotas", true),
    Resource::known("", "v1", "Endpoints", "endpoints", true),
    Resource::known("", "v1", "PodTemplate", "podtemplates", true),
    Resource::known("rbac.authorization.k8s.io", "v1", "Role", "roles", true),
    Resource::known("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true),
    Resource::known("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false),
    Resource::known("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false),
    Resource::known("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", true),
    Resource::known("scheduling.k8s.io", "v1", "PriorityClass", "priorityclasses", false),
];
