//! Pods that are there and do not run, and completions that have no pod.

use api::k8s::api::core::v1::{ContainerStatus, Pod};
use api::text::count;

use super::{View, Wait};
use crate::text::escape;
use crate::why::Reason;
use crate::{attempts, facts};

/// Most pods that are told of one by one.
const MAX_TOLD: usize = 5;

/// Whether a container of the pod runs.
pub(super) fn is_running(pod: &Pod) -> bool {
    !has_ended(pod) && statuses(pod).any(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()))
}

/// Whether the pod has ended.
pub(super) fn has_ended(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    init.iter().chain(main)
}

/// Pods that wait for something before they run.
pub(super) fn waits(view: &View<'_>) -> Vec<Wait> {
    let waiting = view.pods.iter().filter(|pod| !has_ended(pod) && !is_running(pod));
    let told: Vec<String> = waiting.filter_map(of_pod).collect();
    let hidden = told.len().saturating_sub(MAX_TOLD);
    let mut texts: Vec<String> = told.into_iter().take(MAX_TOLD).collect();
    if hidden > 0 {
        let wait = if hidden == 1 { "waits" } else { "wait" };
        texts.push(format!("{} {wait} to run", count(hidden, "more pod")));
    }
    let wait = |text| Wait { reason: Reason { text, rule: "pod".to_owned(), ..Reason::default() }, holds: true };
    texts.into_iter().map(wait).collect()
}

fn of_pod(pod: &Pod) -> Option<String> {
    let name = escape(pod.metadata.name.as_deref().unwrap_or_default()).into_owned();
    if pod.metadata.deletion_timestamp.is_some() {
        return Some(format!("pod {name} is being deleted"));
    }
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let unscheduled =
        conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False");
    if let Some(unscheduled) = unscheduled {
        let text = |text: &Option<String>| escape(text.as_deref().unwrap_or_default()).into_owned();
        return Some(format!("pod {name} has no node: {}: {}", text(&unscheduled.reason), text(&unscheduled.message)));
    }
    let waiting = statuses(pod).find_map(|status| Some((status, status.state.as_ref()?.waiting.as_ref()?)));
    match waiting {
        // Retries are told of by the attempts.
        Some((_, waiting)) if waiting.reason.as_deref() == Some("CrashLoopBackOff") => None,
        Some((status, waiting)) => {
            let reason = escape(waiting.reason.as_deref().unwrap_or("waits")).into_owned();
            let message = waiting.message.as_deref().map(|text| format!(": {}", escape(text))).unwrap_or_default();
            Some(format!("pod {name}, container \"{}\": {reason}{message}", escape(&status.name)))
        }
        None => Some(format!("pod {name} has been created and has not begun yet")),
    }
}

/// Indexes that are neither done nor failed and have no pod.
pub(super) fn pending_indexes(view: &View<'_>, completions: i32) -> Vec<u32> {
    let status = view.job.status.as_ref();
    let completed = facts::indexes(status.and_then(|status| status.completed_indexes.as_deref()));
    let failed = facts::indexes(status.and_then(|status| status.failed_indexes.as_deref()));
    let active: Vec<u32> = view.pods.iter().filter(|pod| !has_ended(pod)).filter_map(attempts::index).collect();
    let is_pending = |index: &u32| {
        let within = |ranges: &[(u32, u32)]| ranges.iter().any(|(first, last)| (first..=last).contains(&index));
        !within(&completed) && !within(&failed) && !active.contains(index)
    };
    (0..u32::try_from(completions).unwrap_or(0)).filter(is_pending).collect()
}
