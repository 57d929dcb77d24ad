//! `kubectl get pods` (`printPod`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::fields::{at, flag, get, items, number, text};
use crate::strategy::{Column, Row};
use crate::table::{AGE, NAME, age, name, since, text_column, time, wide_column};

pub(crate) const COLUMNS: &[Column] = &[
    NAME,
    text_column("Ready", "The aggregate readiness state of this pod for accepting traffic."),
    text_column("Status", "The aggregate status of the containers in this pod."),
    text_column(
        "Restarts",
        "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
    ),
    AGE,
    wide_column(
        "IP",
        "podIP address allocated to the pod. Routable at least within the cluster. Empty if not yet allocated.",
    ),
    wide_column(
        "Node",
        "NodeName indicates in which node this pod is scheduled. If empty, this pod is a candidate for scheduling by the scheduler defined in schedulerName. Once this field is set, the kubelet for this node becomes responsible for the lifecycle of this pod. This field should not be used to express a desire for the pod to be scheduled on a specific node. https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename",
    ),
    wide_column(
        "Nominated Node",
        "nominatedNodeName is set only when this pod preempts other pods on the node, but it cannot be scheduled right away as preemption victims receive their graceful termination periods. This field does not guarantee that the pod will be scheduled on this node. Scheduler may decide to place the pod elsewhere if other nodes become available sooner. Scheduler may also decide to give the resources on this node to a higher priority pod that is created after preemption. As a result, this field may be different than PodSpec.nodeName when the pod is scheduled.",
    ),
    wide_column(
        "Readiness Gates",
        "If specified, all readiness gates will be evaluated for pod readiness. A pod is ready when all its containers are ready AND all conditions specified in the readiness gates have status equal to \"True\" More info: https://git.k8s.io/enhancements/keps/sig-network/580-pod-readiness-gates",
    ),
];

/// What is told of containers while walking over their statuses.
#[derive(Default)]
struct Tally {
    ready: usize,
    restarts: i64,
    last_restart: Option<Timestamp>,
}

impl Tally {
    fn restart(&mut self, status: &Value) {
        self.restarts += number(status, "restartCount");
        let finished = at(status, &["lastState", "terminated"]).and_then(|terminated| time(terminated, "finishedAt"));
        self.last_restart = self.last_restart.max(finished);
    }
}

pub(crate) fn row(pod: &Value, now: Timestamp) -> Row {
    let null = &Value::Null;
    let spec = pod.get("spec").unwrap_or(null);
    let status = pod.get("status").unwrap_or(null);
    let total =
        items(spec, "containers").len() + items(spec, "initContainers").iter().filter(|c| is_sidecar(c)).count();
    let (reason, tally) = reason_and_tally(pod, spec, status);
    let restarts = match tally.last_restart.filter(|_| tally.restarts != 0) {
        Some(last) => format!("{} ({} ago)", tally.restarts, since(Some(last), now)),
        None => tally.restarts.to_string(),
    };
    let address = items(status, "podIPs").first().map_or("", |address| text(address, "ip"));
    let cells = vec![
        name(pod),
        format!("{}/{total}", tally.ready).into(),
        reason.into(),
        restarts.into(),
        age(pod, now),
        or_none(address),
        or_none(text(spec, "nodeName")),
        or_none(text(status, "nominatedNodeName")),
        gates_cell(spec, status).into(),
    ];
    Row { cells, conditions: row_conditions(text(status, "phase")) }
}

fn or_none(text: &str) -> Value {
    if text.is_empty() { "<none>".into() } else { text.into() }
}

fn is_sidecar(container: &Value) -> bool {
    text(container, "restartPolicy") == "Always"
}

fn row_conditions(phase: &str) -> Vec<Value> {
    let message = match phase {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return Vec::new(),
    };
    vec![json!({"type": "Completed", "status": "True", "reason": phase, "message": message})]
}

fn reason_and_tally(pod: &Value, spec: &Value, status: &Value) -> (String, Tally) {
    let phase = text(status, "phase");
    let mut reason = match text(status, "reason") {
        "" => phase.to_owned(),
        reason => reason.to_owned(),
    };
    let gated =
        |condition: &Value| text(condition, "type") == "PodScheduled" && text(condition, "reason") == "SchedulingGated";
    if items(status, "conditions").iter().any(gated) {
        "SchedulingGated".clone_into(&mut reason);
    }
    let mut tally = Tally::default();
    let mut sidecars = Tally::default();
    let initializing = walk_init(spec, status, &mut reason, &mut tally, &mut sidecars);
    if !initializing || has_condition(status, "Initialized") {
        tally = Tally { ready: tally.ready, ..sidecars };
        walk_containers(status, &mut reason, &mut tally);
    }
    if at(pod, &["metadata", "deletionTimestamp"]).is_some() {
        if text(status, "reason") == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut reason);
        }
    }
    (reason, tally)
}

fn has_condition(status: &Value, kind: &str) -> bool {
    let condition = items(status, "conditions").iter().find(|condition| text(condition, "type") == kind);
    condition.is_some_and(|condition| text(condition, "status") == "True")
}

/// Walks over init containers up to the first that holds the pod up; true when there is one.
fn walk_init(spec: &Value, status: &Value, reason: &mut String, tally: &mut Tally, sidecars: &mut Tally) -> bool {
    let containers = items(spec, "initContainers");
    for (index, container) in items(status, "initContainerStatuses").iter().enumerate() {
        let name = text(container, "name");
        let sidecar = containers.iter().any(|spec| text(spec, "name") == name && is_sidecar(spec));
        tally.restart(container);
        if sidecar {
            sidecars.restart(container);
        }
        let terminated = at(container, &["state", "terminated"]);
        let waiting = at(container, &["state", "waiting"]).map_or("", |waiting| text(waiting, "reason"));
        match terminated {
            Some(terminated) if number(terminated, "exitCode") == 0 => continue,
            _ if sidecar && flag(container, "started") => {
                tally.ready += usize::from(flag(container, "ready"));
                continue;
            }
            Some(terminated) => *reason = format!("Init:{}", terminated_reason(terminated)),
            None if !matches!(waiting, "" | "PodInitializing") => *reason = format!("Init:{waiting}"),
            None => *reason = format!("Init:{index}/{}", containers.len()),
        }
        return true;
    }
    false
}

fn terminated_reason(terminated: &Value) -> String {
    match (text(terminated, "reason"), number(terminated, "signal")) {
        ("", 0) => format!("ExitCode:{}", number(terminated, "exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn walk_containers(status: &Value, reason: &mut String, tally: &mut Tally) {
    let mut running = false;
    let mut error = None;
    for container in items(status, "containerStatuses").iter().rev() {
        tally.restart(container);
        let state = container.get("state").unwrap_or(&Value::Null);
        let waiting = get(state, "waiting").map_or("", |waiting| text(waiting, "reason"));
        if !waiting.is_empty() {
            waiting.clone_into(reason);
        } else if let Some(terminated) = get(state, "terminated") {
            *reason = terminated_reason(terminated);
            if number(terminated, "exitCode") != 0 {
                error = Some(reason.clone());
            }
        } else if flag(container, "ready") && get(state, "running").is_some() {
            running = true;
            tally.ready += 1;
        }
    }
    // One container has completed, but the pod as a whole has not.
    if reason == "Completed" {
        if running && has_condition(status, "Ready") {
            "Running".clone_into(reason);
        } else if let Some(error) = error {
            *reason = error;
        } else if running {
            "NotReady".clone_into(reason);
        }
    }
}

fn gates_cell(spec: &Value, status: &Value) -> String {
    let gates = items(spec, "readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates.iter().filter(|gate| has_condition(status, text(gate, "conditionType"))).count();
    format!("{open}/{}", gates.len())
}
