//! Adoption and release: a pod without a controller that matches the selector becomes the Job's; a pod of the Job that
//! no longer matches ceases to be (`pkg/controller/controller_ref_manager.go`).
//!
//! Differs: upstream goes on with the sync in the same breath. Here ownership is settled first and everything else
//! waits for the next plan, so that no pod is counted whose adoption the server may still refuse.

use super::{JobInput, Note, Plan, Pods};
use api::text::count;

/// Adds adoptions and releases; true when there are any.
pub(super) fn settle(job: &JobInput, pods: &Pods, plan: &mut Plan) -> bool {
    if job.deleting {
        return false;
    }
    for pod in pods.misplaced() {
        match (pod.owned, pod.matches) {
            (false, true) if !pod.deleting => plan.adoptions.push(pod.reference()),
            (true, false) => plan.releases.push(pod.reference()),
            _ => {}
        }
    }
    if plan.adoptions.is_empty() && plan.releases.is_empty() {
        return false;
    }
    plan.wait(Note {
        rule: "ownership",
        inputs: count(pods.len(), "pod"),
        decision: format!("adopt {}, release {}", plan.adoptions.len(), plan.releases.len()),
        field: "spec.selector",
        waits_for: Some("the changed owner references"),
        until: None,
    });
    true
}
