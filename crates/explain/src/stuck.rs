//! Why a Job that has not ended cannot go on by itself: waiting reasons that no time will cure, suspension,
//! parallelism zero, and what Events say of pods whose containers cannot be created. Every wrapper around Jobs has such a list; this one is told to people at once.

use std::collections::HashMap;

use api::k8s::api::batch::v1::Job;
use api::k8s::api::core::v1::{ContainerStatus, Pod};

use serde_json::Value;

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

/// Waiting reasons that say only that a container is not there yet: Events say why (`pkg/kubelet/kubelet_pods.go`).
const NOT_THERE_YET: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Reasons of Events that say why a pod's containers are not made. A kubelet tries for ever, and tells of each failure.
const TROUBLES: [&str; 4] = ["FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox"];

/// What Events say of pods whose containers cannot be created: the newest of each pod.
#[derive(Clone, Debug, Default)]
pub struct Troubles(HashMap<String, Trouble>);

#[derive(Clone, Debug)]
struct Trouble {
    reason: String,
    message: String,
}

impl Troubles {
    /// Selects the Events that matter, and a few more.
    pub const FIELD_SELECTOR: &str = "involvedObject.kind=Pod,type=Warning";

    /// What these Events say, of which later ones are newer.
    pub fn of<'e>(events: impl IntoIterator<Item = &'e Value>) -> Self {
        let mut troubles = Self::default();
        events.into_iter().for_each(|event| troubles.saw(event));
        troubles
    }

    /// Takes in one more Event.
    pub fn saw(&mut self, event: &Value) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (uid, reason) = (text(&event["involvedObject"]["uid"]), text(&event["reason"]));
        if TROUBLES.contains(&reason.as_str()) && !uid.is_empty() {
            self.0.insert(uid, Trouble { reason, message: text(&event["message"]) });
        }
    }

    fn of_pod(&self, pod: &Pod) -> Option<&Trouble> {
        self.0.get(pod.metadata.uid.as_deref()?)
    }
}

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
pub fn find<'p>(job: &Job, pods: impl IntoIterator<Item = &'p Pod>, troubles: &Troubles) -> Option<Stuck> {
    if facts::outcome(job).is_some() {
        return None;
    }
    let spec = facts::spec(job);
    let namespace = namespace_flag(facts::namespace(job));
    if spec.suspend == Some(true) {
        let hint = format!("kubectl job resume {}{namespace}", facts::name(job));
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
    pods.into_iter().find_map(|pod| of_pod(pod, troubles, &namespace))
}

/// ` -n NAME`, for all but the default namespace.
fn namespace_flag(namespace: &str) -> String {
    if namespace == "default" { String::new() } else { format!(" -n {namespace}") }
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

fn of_pod(pod: &Pod, troubles: &Troubles, namespace: &str) -> Option<Stuck> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    for status in statuses(pod) {
        let Some(waiting) = status.state.as_ref().and_then(|state| state.waiting.as_ref()) else { continue };
        let reason = waiting.reason.as_deref().unwrap_or_default();
        if REASONS.contains(&reason) {
            let message = waiting.message.as_deref().unwrap_or("no message");
            let text = format!("pod {name}, container \"{}\": {reason}: {message}", status.name);
            let hint = image_hint((reason, message), &status.image, pod, &status.name);
            return Some(obstacle(reason, &text, hint.or_else(|| missing_hint(message, namespace))));
        }
    }
    if let Some(trouble) = troubles.of_pod(pod).filter(|_| is_not_there_yet(pod)) {
        let text = format!("pod {name} cannot start: {}: {}", trouble.reason, trouble.message);
        return Some(obstacle(&trouble.reason, &text, missing_hint(&trouble.message, namespace)));
    }
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    let unscheduled = conditions.iter().find(|condition| {
        let (kind, reason) = (condition.type_.as_str(), condition.reason.as_deref());
        kind == "PodScheduled" && condition.status != "True" && reason == Some("Unschedulable")
    })?;
    let message = unscheduled.message.as_deref().unwrap_or("no node takes it");
    let text = format!("pod {name} cannot be scheduled: {message}");
    Some(obstacle("Unschedulable", &text, missing_hint(message, namespace)))
}

/// Whether the pod has been bound and its containers are still to be made.
fn is_not_there_yet(pod: &Pod) -> bool {
    let is_pending = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Pending"));
    let is_creating = |status: &ContainerStatus| {
        let waiting = status.state.as_ref().and_then(|state| state.waiting.as_ref());
        waiting.is_none_or(|waiting| waiting.reason.as_deref().is_none_or(|reason| NOT_THERE_YET.contains(&reason)))
    };
    is_pending && (statuses(pod).any(is_creating) || statuses(pod).next().is_none())
}

/// How to make an object that a message says is missing.
fn missing_hint(message: &str, namespace: &str) -> Option<String> {
    let missing = |kind: &str| {
        let (_, rest) = message.split_once(&format!("{kind} \""))?;
        let (name, rest) = rest.split_once('"')?;
        rest.starts_with(" not found").then_some(name)
    };
    if let Some(name) = missing("configmap") {
        return Some(format!("kubectl create configmap {name} --from-literal=KEY=VALUE{namespace}"));
    }
    if let Some(name) = missing("secret") {
        return Some(format!("kubectl create secret generic {name} --from-literal=KEY=VALUE{namespace}"));
    }
    missing("persistentvolumeclaim")?;
    Some("make the claim; on a local server, which has none, use an emptyDir or hostPath volume instead".to_owned())
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
        let stuck = find(&job(json!({"template": {}})), [&waiting], &Troubles::default()).expect("it is stuck");
        assert_eq!(stuck.reason, "ErrImagePull");
        assert_eq!(stuck.text, "pod p, container \"app\": ErrImagePull: no such image");
        assert!(stuck.hint.expect("a cure").contains("--map-image app:1=PROGRAM"));
    }

    #[test]
    fn a_pod_that_runs_is_progress() {
        let waiting = pod(json!({"waiting": {"reason": "ErrImagePull"}}));
        let running = pod(json!({"running": {}}));
        assert_eq!(find(&job(json!({"template": {}})), [&waiting, &running], &Troubles::default()), None);
        let creating = pod(json!({"waiting": {"reason": "ContainerCreating"}}));
        assert_eq!(find(&job(json!({"template": {}})), [&creating], &Troubles::default()), None);
    }

    #[test]
    fn suspension_and_parallelism_zero_hold_a_job_up() {
        let reason = |spec| find(&job(spec), [], &Troubles::default()).map(|stuck| stuck.reason);
        assert_eq!(reason(json!({"suspend": true, "template": {}})).as_deref(), Some("Suspended"));
        assert_eq!(reason(json!({"parallelism": 0, "template": {}})).as_deref(), Some("ParallelismZero"));
        assert_eq!(reason(json!({"template": {}})), None);
    }
    /// A pod that waits for its containers, and an Event about it.
    fn held_up(reason: &str, message: &str) -> Option<Stuck> {
        let mut creating = pod(json!({"waiting": {"reason": "ContainerCreating"}}));
        creating.metadata.uid = Some("u".to_owned());
        let event = json!({"reason": reason, "message": message, "involvedObject": {"kind": "Pod", "uid": "u"}});
        let mut job = job(json!({"template": {}}));
        job.metadata.namespace = Some("team".to_owned());
        find(&job, [&creating], &Troubles::of([&event]))
    }

    #[test]
    fn a_volume_that_cannot_be_mounted_is_told_with_what_is_missing() {
        let message = "MountVolume.SetUp failed for volume \"late\" : configmap \"late\" not found";
        let stuck = held_up("FailedMount", message).expect("it is stuck");
        assert_eq!(stuck.reason, "FailedMount");
        assert_eq!(stuck.text, format!("pod p cannot start: FailedMount: {message}"));
        assert_eq!(stuck.hint.as_deref(), Some("kubectl create configmap late --from-literal=KEY=VALUE -n team"));
        let message = "hostPath type check failed: /etc is not a file";
        assert_eq!(held_up("FailedMount", message).expect("it is stuck").hint, None);
        assert_eq!(held_up("Pulling", "Pulling image"), None);
    }

    #[test]
    fn what_an_event_says_is_over_once_the_container_has_been_made() {
        let event = json!({"reason": "FailedMount", "message": "m", "involvedObject": {"kind": "Pod", "uid": "u"}});
        let mut ended = pod(json!({"terminated": {"exitCode": 0}}));
        ended.metadata.uid = Some("u".to_owned());
        ended.status.as_mut().expect("a status").phase = Some("Succeeded".to_owned());
        assert_eq!(find(&job(json!({"template": {}})), [&ended], &Troubles::of([&event])), None);
    }

    #[test]
    fn a_claim_that_is_not_there_keeps_its_pod_from_being_scheduled() {
        let why = "0/1 nodes are available: persistentvolumeclaim \"data\" not found. preemption: none";
        let condition = json!({"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": why});
        let pending: Pod = serde_json::from_value(
            json!({"metadata": {"name": "p", "uid": "u"}, "status": {"phase": "Pending", "conditions": [condition]}}),
        )
        .expect("a Pod");
        let stuck = find(&job(json!({"template": {}})), [&pending], &Troubles::default()).expect("it is stuck");
        assert_eq!((stuck.reason.as_str(), stuck.text.ends_with(why)), ("Unschedulable", true));
        assert!(stuck.hint.expect("a cure").contains("emptyDir"));
    }

    #[test]
    fn a_suspended_job_is_resumed_where_it_is() {
        let mut suspended = job(json!({"suspend": true, "template": {}}));
        let hint = |job: &Job| find(job, [], &Troubles::default()).and_then(|stuck| stuck.hint);
        assert_eq!(hint(&suspended).as_deref(), Some("kubectl job resume j"));
        suspended.metadata.namespace = Some("team".to_owned());
        assert_eq!(hint(&suspended).as_deref(), Some("kubectl job resume j -n team"));
    }
}
