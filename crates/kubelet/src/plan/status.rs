//! The status of a pod as JSON: container statuses, conditions, phase and addresses
//! (`generateAPIPodStatus` in upstream's `pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/generate.go`).

use api::time::rfc3339;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{ContainerFacts, ContainerMemory, Memory, NodeFacts, Phase, PodFacts, State, Termination, probes, reset};

pub(super) fn build(pod: &PodFacts, memory: &mut Memory, node: &NodeFacts, now: Timestamp) -> Value {
    let initialized = incomplete(pod, memory).is_empty();
    let conditions = conditions(pod, memory, now);
    let statuses = |list: &str| {
        let mut all: Vec<(&str, Value)> = (0..pod.containers.len())
            .filter(|index| pod.containers[*index].list() == list)
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
        "containerStatuses": statuses("containers"),
    });
    for (list, name) in
        [("initContainers", "initContainerStatuses"), ("ephemeralContainers", "ephemeralContainerStatuses")]
    {
        let statuses = statuses(list);
        if !statuses.is_empty() {
            status[name] = statuses.into();
        }
    }
    if let Some((reason, message)) = &memory.reason {
        status["reason"] = reason.as_str().into();
        status["message"] = message.as_str().into();
    }
    status
}

/// Init containers that have not done their work: none once a container that comes after them has begun.
fn incomplete<'a>(pod: &'a PodFacts, memory: &Memory) -> Vec<&'a str> {
    if memory.has_initialized(pod) {
        return Vec::new();
    }
    names(pod, memory, |container, facts| facts.init && !container.is_initialized(facts))
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
    let ready = match (facts.init && !facts.sidecar, facts.ephemeral) {
        (true, _) => container.has_succeeded(),
        // Upstream has no probes for it, and never calls it ready.
        (_, true) => false,
        _ => probes::is_ready(facts, container),
    };
    let (state, last) = states(pod, memory, index, initialized, node, now);
    let mut status = json!({
        "name": facts.name,
        "state": state,
        "lastState": last.unwrap_or_else(|| json!({})),
        "ready": ready,
        "restartCount": container.restarts,
        "image": facts.image,
        "imageID": "",
    });
    if !facts.ephemeral {
        status["started"] = probes::is_started(facts, container).into();
    }
    if let Some(image) = &container.image {
        status["image"] = image.image.as_str().into();
        status["imageID"] = image.id.as_str().into();
    }
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
        State::Running { started_at } if container.is_running(facts) => {
            (json!({"running": {"startedAt": rfc3339(*started_at)}}), last)
        }
        State::Terminated(end) => {
            let waits = !memory.phase.is_terminal() && memory.stop.is_none() && container.restarts(pod, index);
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
        State::Waiting | State::Starting | State::Running { .. } => {
            let reason = if facts.is_regular() && !initialized { "PodInitializing" } else { "ContainerCreating" };
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

fn drafts(pod: &PodFacts, memory: &Memory) -> Vec<Draft> {
    let draft = |condition_type, holds, reason, message| Draft { condition_type, holds, reason, message };
    let ready = containers_ready(pod, memory);
    let gates = if ready.0 { closed_gates(pod, memory) } else { String::new() };
    let began = memory.containers.iter().any(|container| container.container_id.is_some());
    let can_start = began && !memory.phase.is_terminal();
    let mut drafts = vec![
        draft("PodReadyToStartContainers", can_start, "", String::new()),
        initialized(pod, memory),
        match gates.as_str() {
            "" => draft("Ready", ready.0, ready.1, ready.2.clone()),
            _ => draft("Ready", false, "ReadinessGatesNotReady", gates),
        },
        draft("ContainersReady", ready.0, ready.1, ready.2),
    ];
    if reset::is_possible(pod) {
        let (reason, message) = match memory.phase {
            Phase::Succeeded => ("PodCompleted", ""),
            Phase::Failed => ("PodFailed", ""),
            _ if memory.resetting => ("RestartAllContainersStarted", "container exited with restart policy rule"),
            _ => ("", ""),
        };
        let holds = memory.resetting && !memory.phase.is_terminal();
        drafts.push(draft("AllContainersRestarting", holds, reason, message.to_owned()));
    }
    drafts
}

fn initialized(pod: &PodFacts, memory: &Memory) -> Draft {
    let draft = |holds, reason, message| Draft { condition_type: "Initialized", holds, reason, message };
    let incomplete = incomplete(pod, memory);
    match memory.phase {
        Phase::Succeeded => draft(true, "PodCompleted", String::new()),
        _ if incomplete.is_empty() => draft(true, "", String::new()),
        _ => {
            let message = format!("containers with incomplete status: [{}]", incomplete.join(" "));
            draft(false, "ContainersNotInitialized", message)
        }
    }
}

/// Whether all containers are ready, and why not.
fn containers_ready(pod: &PodFacts, memory: &Memory) -> (bool, &'static str, String) {
    let unready = names(pod, memory, |container, facts| {
        (facts.is_regular() || facts.sidecar) && !probes::is_ready(facts, container)
    });
    match memory.phase {
        Phase::Succeeded => (false, "PodCompleted", String::new()),
        Phase::Failed => (false, "PodFailed", String::new()),
        _ if unready.is_empty() => (true, "", String::new()),
        _ => (false, "ContainersNotReady", format!("containers with unready status: [{}]", unready.join(" "))),
    }
}

/// What the readiness gates lack; nothing when they are open.
fn closed_gates(pod: &PodFacts, memory: &Memory) -> String {
    let lack = |gate: &String| match memory.gates.get(gate).and_then(Option::as_deref) {
        None => Some(format!("corresponding condition of pod readiness gate {gate:?} does not exist.")),
        Some("True") => None,
        Some(status) => Some(format!("the status of pod readiness gate {gate:?} is not \"True\", but {status}")),
    };
    pod.readiness_gates.iter().filter_map(lack).collect::<Vec<_>>().join(", ")
}
