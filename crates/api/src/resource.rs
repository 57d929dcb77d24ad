//! The resources that components name at compile time. The full list of what a server serves is its catalogue's, or
//! its discovery documents'; these constants only spare components from repeating strings.

use crate::key::Gvr;

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
