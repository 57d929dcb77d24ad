//! Why a Job that has not ended cannot go on by itself: waiting reasons that no time will cure, suspension,
//! parallelism zero. Every wrapper around Jobs has such a list; this one is told to people at once.

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{ContainerStatus, Pod};

use crate::facts;

/// Waiting reasons of containers that need somebody to change something.
const REASONS: [&str; 7] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

/// What holds a Job up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// For programs and for telling one obstacle from another: a waiting reason, `Unschedulable`, `Suspended`...
    pub reason: String,
    /// For people.
    pub text: String,
    /// What to do about it, if there is one thing to do.
    pub hint: Option<String>,
}

/// The obstacle in a Job's way, if it has one.
pub fn find<'p>(job: &Job, pods: impl IntoIterator<Item = &'p Pod>) -> Option<Stuck> {
    if facts::outcome(job).is_some() {
        return None;
    }
    let spec = facts::spec(job);
    let name = facts::name(job);
    if spec.suspend == Some(true) {
        let hint = format!("kubectl patch job {name} --type=merge -p '{{\"spec\":{{\"suspend\":false}}}}'");
        return Some(obstacle("Suspended", "the Job is suspended (spec.suspend is true)", Some(hint)));
    }
    if spec.parallelism == Some(0) {
        return Some(obstacle("ParallelismZero", "spec.parallelism is 0, so no pod may start", None));
    }
    let pods: Vec<&Pod> = pods.into_iter().collect();
    // One pod that runs is progress; what others wait for may still come.
    if pods.iter().any(|pod| is_running(pod)) {
        return None;
    }
    pods.into_iter().find_map(of_pod)
}

fn obstacle(reason: &str, text: &str, hint: Option<String>) -> Stuck {
    Stuck { reason: reason.to_owned(), text: text.to_owned(), hint }
}

fn is_running(pod: &Pod) -> bool {
    statuses(pod).any(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()))
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let main = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let init = status.and_then(|status| status.init_container_statuses.as_deref()).unwrap_or_default();
    init.iter().chain(main)
}

fn of_pod(pod: &Pod) -> Option<Stuck> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    for status in statuses(pod) {
        let Some(waiting) = status.state.as_ref().and_then(|state| state.waiting.as_ref()) else { continue };
        let reason = waiting.reason.as_deref().unwrap_or_default();
        if REASONS.contains(&reason) {
            let message = waiting.message.as_deref().unwrap_or("no message");
            let text = format!("pod {name}, container \"{}\": {reason}: {message}", status.name);
            return Some(Stuck {
                reason: reason.to_owned(),
                text,
                hint: image_hint((reason, message), &status.image, pod, &status.name),
            });
        }
    }
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let unscheduled = conditions
        .iter()
        .find(|condition| condition.type_ == "PodScheduled" && condition.reason.as_deref() == Some("Unschedulable"))?;
    let message = unscheduled.message.as_deref().unwrap_or("no node takes it");
    Some(obstacle("Unschedulable", &format!("pod {name} cannot be scheduled: {message}"), None))
}

fn image_hint((reason, message): (&str, &str), image: &str, pod: &Pod, container: &str) -> Option<String> {
    // The local kubelet's message names the cure itself.
    if !reason.contains("Image") || message.contains("--map-image") {
        return None;
    }
    let of_spec = || {
        let containers = &pod.spec.as_ref()?.containers;
        containers.iter().find(|candidate| candidate.name == container)?.image.clone()
    };
    let image = if image.is_empty() { of_spec()? } else { image.to_owned() };
    Some(format!("give the container a command, or map its image: --map-image {image}=PROGRAM"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(spec: serde_json::Value) -> Job {
        serde_json::from_value(json!({"metadata": {"name": "j"}, "spec": spec})).expect("a Job")
    }

    fn pod(state: serde_json::Value) -> Pod {
        let status =
            json!({"name": "app", "image": "app:1", "imageID": "", "ready": false, "restartCount": 0, "state": state});
        serde_json::from_value(
            json!({"metadata": {"name": "p"}, "status": {"phase": "Pending", "containerStatuses": [status]}}),
        )
        .expect("a Pod")
    }

    #[test]
    fn an_image_that_cannot_be_had_is_told_with_its_cure() {
        let waiting = pod(json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}}));
        let stuck = find(&job(json!({"template": {}})), [&waiting]).expect("it is stuck");
        assert_eq!(stuck.reason, "ErrImagePull");
        assert_eq!(stuck.text, "pod p, container \"app\": ErrImagePull: no such image");
        assert!(stuck.hint.expect("a cure").contains("--map-image app:1=PROGRAM"));
    }

    #[test]
    fn a_pod_that_runs_is_progress() {
        let waiting = pod(json!({"waiting": {"reason": "ErrImagePull"}}));
        let running = pod(json!({"running": {}}));
        assert_eq!(find(&job(json!({"template": {}})), [&waiting, &running]), None);
        let creating = pod(json!({"waiting": {"reason": "ContainerCreating"}}));
        assert_eq!(find(&job(json!({"template": {}})), [&creating]), None);
    }

    #[test]
    fn suspension_and_parallelism_zero_hold_a_job_up() {
        let reason = |spec| find(&job(spec), []).map(|stuck| stuck.reason);
        assert_eq!(reason(json!({"suspend": true, "template": {}})).as_deref(), Some("Suspended"));
        assert_eq!(reason(json!({"parallelism": 0, "template": {}})).as_deref(), Some("ParallelismZero"));
        assert_eq!(reason(json!({"template": {}})), None);
    }
}
