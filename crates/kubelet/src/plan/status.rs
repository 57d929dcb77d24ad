//! The status of a pod as JSON: container statuses, conditions, phase and addresses
//! (`generateAPIPodStatus` in upstream's `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/generate.go`).

use api::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{ContainerFacts, ContainerMemory, Memory, NodeFacts, Phase, PodFacts, State, Termination};

pub(super) fn build(pod: &PodFacts, memory: &mut Memory, node: &NodeFacts, now: Timestamp) -> Value {
    let initialized = incomplete(pod, memory).is_empty();
    let conditions = conditions(pod, memory, now);
    let statuses = |init: bool| {
        let mut all: Vec<(&str, Value)> = (0..pod.containers.len())
            .filter(|index| pod.containers[*index].init == init)
            .map(|index| (pod.containers[index].name.as_str(), container(pod, memory, node, index, initialized, now)))
            .collect();
        all.sort_by_key(|(name, _)| *name);
        all.into_iter().map(|(_, status)| status).collect::<Vec<_>>()
    };
    let ip = pod.ip(node);
    let mut status = json!({
        "observedGeneration": memory.generation,
        "phase": memory.phase.as_str(),
        "conditions": conditions,
        "hostIP": node.host_ip,
        "hostIPs": [{"ip": node.host_ip}],
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "startTime": rfc3339(memory.start_time),
        "containerStatuses": statuses(false),
    });
    let inits = statuses(true);
    if !inits.is_empty() {
        status["initContainerStatuses"] = inits.into();
    }
    if let Some((reason, message)) = &memory.reason {
        status["reason"] = reason.as_str().into();
        status["message"] = message.as_str().into();
    }
    status
}

/// Init containers that have not done their work.
fn incomplete<'a>(pod: &'a PodFacts, memory: &Memory) -> Vec<&'a str> {
    let done = |container: &ContainerMemory, facts: &ContainerFacts| match &container.state {
        State::Terminated(end) => facts.sidecar || end.exit_code == 0,
        State::Running { .. } => facts.sidecar,
        _ => facts.sidecar && container.last.is_some(),
    };
    names(pod, memory, |container, facts| facts.init && !done(container, facts))
}

fn names<'a>(
    pod: &'a PodFacts,
    memory: &Memory,
    keep: impl Fn(&ContainerMemory, &ContainerFacts) -> bool,
) -> Vec<&'a str> {
    let pairs = memory.containers.iter().zip(&pod.containers);
    pairs.filter(|(container, facts)| keep(container, facts)).map(|(_, facts)| facts.name.as_str()).collect()
}

fn container(
    pod: &PodFacts,
    memory: &Memory,
    node: &NodeFacts,
    index: usize,
    initialized: bool,
    now: Timestamp,
) -> Value {
    let (container, facts) = (&memory.containers[index], &pod.containers[index]);
    let running = matches!(container.state, State::Running { .. });
    let completed_init =
        facts.init && !facts.sidecar && matches!(&container.state, State::Terminated(end) if end.exit_code == 0);
    let (state, last) = states(pod, memory, index, initialized, node, now);
    let mut status = json!({
        "name": facts.name,
        "state": state,
        "lastState": last.unwrap_or_else(|| json!({})),
        "ready": running && (!facts.init || facts.sidecar) || completed_init,
        "restartCount": container.restarts,
        "image": facts.image,
        "imageID": "",
        "started": running,
    });
    if let Some(id) = &container.container_id {
        status["containerID"] = format!("{}://{id}", node.runtime_name).into();
    }
    status
}

/// The current state and the one before.
fn states(
    pod: &PodFacts,
    memory: &Memory,
    index: usize,
    initialized: bool,
    node: &NodeFacts,
    now: Timestamp,
) -> (Value, Option<Value>) {
    let (container, facts) = (&memory.containers[index], &pod.containers[index]);
    let ended = |end: &Termination| json!({"terminated": terminated(end, node)});
    let last = container.last.as_ref().map(ended);
    match &container.state {
        State::Running { started_at } => (json!({"running": {"startedAt": rfc3339(*started_at)}}), last),
        State::Terminated(end) => {
            let waits = !memory.phase.is_terminal() && memory.stop.is_none() && pod.restarts(index, end.exit_code);
            if !waits || container.back_off.until(end.finished_at).is_none() {
                return (ended(end), last);
            }
            let (delay, name, pod) = (container.back_off.text(), &facts.name, pod.long_name());
            let message = format!("back-off {delay} restarting failed container={name} pod={pod}");
            (json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}), Some(ended(end)))
        }
        // What never ran in a pod that has ended is told as upstream tells it.
        _ if memory.phase.is_terminal() && memory.stop.is_some() => (ended(&Termination::unknown(now)), last),
        State::Blocked { reason, message, .. } => (json!({"waiting": {"reason": reason, "message": message}}), last),
        State::Waiting | State::Starting => {
            let reason = if !facts.init && !initialized { "PodInitializing" } else { "ContainerCreating" };
            (json!({"waiting": {"reason": reason}}), last)
        }
    }
}

fn terminated(end: &Termination, node: &NodeFacts) -> Value {
    let mut state = Map::new();
    state.insert("exitCode".to_owned(), end.exit_code.into());
    state.insert("reason".to_owned(), end.reason.into());
    if let Some(message) = &end.message {
        state.insert("message".to_owned(), message.as_str().into());
    }
    state.insert("startedAt".to_owned(), end.started_at.map_or(Value::Null, |time| rfc3339(time).into()));
    state.insert("finishedAt".to_owned(), rfc3339(end.finished_at).into());
    if let Some(id) = &end.container_id {
        state.insert("containerID".to_owned(), format!("{}://{id}", node.runtime_name).into());
    }
    state.into()
}

/// A condition before its transition time is known.
struct Draft {
    condition_type: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

fn conditions(pod: &PodFacts, memory: &mut Memory, now: Timestamp) -> Vec<Value> {
    let generation = memory.generation;
    let drafts = drafts(pod, memory);
    let mut all = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let entry = memory.conditions.entry(draft.condition_type).or_insert((draft.holds, now));
        if entry.0 != draft.holds {
            *entry = (draft.holds, now);
        }
        let mut condition = json!({
            "type": draft.condition_type,
            "status": if draft.holds { "True" } else { "False" },
            "observedGeneration": generation,
            "lastProbeTime": null,
            "lastTransitionTime": rfc3339(entry.1),
        });
        // Null removes what an earlier write said, since this is merged.
        condition["reason"] = if draft.reason.is_empty() { Value::Null } else { draft.reason.into() };
        condition["message"] = if draft.message.is_empty() { Value::Null } else { draft.message.into() };
        all.push(condition);
    }
    all
}

fn drafts(pod: &PodFacts, memory: &Memory) -> [Draft; 4] {
    let incomplete = incomplete(pod, memory);
    let unready = names(pod, memory, |container, facts| {
        (!facts.init || facts.sidecar) && !matches!(container.state, State::Running { .. })
    });
    let draft = |condition_type, holds, reason, message| Draft { condition_type, holds, reason, message };
    let initialized = match memory.phase {
        Phase::Succeeded => draft("Initialized", true, "PodCompleted", String::new()),
        _ if incomplete.is_empty() => draft("Initialized", true, "", String::new()),
        _ => {
            let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
            draft("Initialized", false, "ContainersNotInitialized", message)
        }
    };
    let ready = |condition_type| match memory.phase {
        Phase::Succeeded => draft(condition_type, false, "PodCompleted", String::new()),
        Phase::Failed => draft(condition_type, false, "PodFailed", String::new()),
        _ if unready.is_empty() => draft(condition_type, true, "", String::new()),
        _ => {
            let message = format!("containers with unready status: [{}]", unready.join(" "));
            draft(condition_type, false, "ContainersNotReady", message)
        }
    };
    let began = memory.containers.iter().any(|container| container.container_id.is_some());
    let can_start = began && !memory.phase.is_terminal();
    [
        draft("PodReadyToStartContainers", can_start, "", String::new()),
        initialized,
        ready("Ready"),
        ready("ContainersReady"),
    ]
}
