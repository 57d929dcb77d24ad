//! What the plan reads of a pod's spec, and the rules that follow from the spec alone: which end is followed by another
//! run (`ContainerShouldRestart` in upstream's `pkg/api/v1/pod/util.go`).

use api::k8s::api::core::v1::{Container, EphemeralContainer, Pod, PodSpec};

use super::NodeFacts;
use super::probes::ProbeFacts;

/// What of a pod's spec and metadata the plan looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodFacts {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// Init containers in order, then the others in order, then the ephemeral ones, to which more may be added.
    pub containers: Vec<ContainerFacts>,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline_seconds: Option<i64>,
    /// `spec.terminationGracePeriodSeconds`.
    pub grace_seconds: i64,
    /// `spec.hostNetwork`.
    pub host_network: bool,
    /// The address that was given to it; `None` when it has none of its own.
    pub ip: Option<String>,
    /// The types of `spec.readinessGates`.
    pub readiness_gates: Vec<String>,
}

/// What of a container the plan looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// Whether it is an init container.
    pub init: bool,
    /// Whether it is a sidecar: an init container that restarts always and is not waited for.
    pub sidecar: bool,
    /// Whether it is an ephemeral container: it starts at once, is never run again, and counts for nothing.
    pub ephemeral: bool,
    /// Whether the end of its log stands for what it says last (`terminationMessagePolicy: FallbackToLogsOnError`).
    pub falls_back_to_logs: bool,
    /// Its probes.
    pub probes: Vec<ProbeFacts>,
    /// Whether it has a `lifecycle.postStart`.
    pub post_start: bool,
    /// Whether it has a `lifecycle.preStop`.
    pub pre_stop: bool,
    /// What it is stopped with, if not with TERM (`lifecycle.stopSignal`).
    pub stop_signal: Option<i32>,
    /// A restart policy of its own.
    pub restart_policy: Option<RestartPolicy>,
    /// `restartPolicyRules`; of no effect without a policy of its own.
    pub restart_rules: Vec<RestartRule>,
}

/// `spec.restartPolicy`, or a container's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Never run again.
    Never,
    /// Run again after a failure.
    OnFailure,
    /// Run again.
    Always,
}

/// What is done when a container ends with certain exit codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartRule {
    /// What.
    pub action: RestartAction,
    /// Whether the codes are those that do not match.
    pub negated: bool,
    /// The exit codes.
    pub codes: Vec<i32>,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartAction {
    /// Runs the container again.
    Restart,
    /// Runs the whole pod again, from its first init container.
    RestartAllContainers,
}

impl RestartPolicy {
    fn parse(text: &str) -> Self {
        match text {
            "Never" => Self::Never,
            "OnFailure" => Self::OnFailure,
            _ => Self::Always,
        }
    }

    fn restarts(self, exit_code: i32) -> bool {
        match self {
            Self::Never => false,
            Self::OnFailure => exit_code != 0,
            Self::Always => true,
        }
    }
}

impl ContainerFacts {
    fn of(container: &Container, init: bool) -> Self {
        let policy = container.restart_policy.as_deref().map(RestartPolicy::parse);
        let lifecycle = container.lifecycle.as_ref();
        let rules = container.restart_policy_rules.iter().flatten().map(|rule| {
            let codes = rule.exit_codes.as_ref();
            RestartRule {
                action: match rule.action.as_str() {
                    "RestartAllContainers" => RestartAction::RestartAllContainers,
                    _ => RestartAction::Restart,
                },
                negated: codes.is_some_and(|codes| codes.operator == "NotIn"),
                codes: codes.and_then(|codes| codes.values.clone()).unwrap_or_default(),
            }
        });
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            init,
            sidecar: init && policy == Some(RestartPolicy::Always),
            ephemeral: false,
            falls_back_to_logs: container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"),
            probes: ProbeFacts::all_of(container),
            post_start: lifecycle.is_some_and(|lifecycle| lifecycle.post_start.is_some()),
            pre_stop: lifecycle.is_some_and(|lifecycle| lifecycle.pre_stop.is_some()),
            stop_signal: lifecycle.and_then(|lifecycle| signal(lifecycle.stop_signal.as_deref()?)),
            restart_policy: policy,
            restart_rules: rules.collect(),
        }
    }

    /// An ephemeral container has neither probes nor hooks, and is never run again.
    fn ephemeral(container: &EphemeralContainer) -> Self {
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            ephemeral: true,
            falls_back_to_logs: container.termination_message_policy.as_deref() == Some("FallbackToLogsOnError"),
            ..Self::default()
        }
    }

    /// Whether the pod's phase, readiness and end look at it.
    pub fn is_regular(&self) -> bool {
        !self.init && !self.ephemeral
    }

    /// The list of the spec that it is in.
    pub fn list(&self) -> &'static str {
        match (self.init, self.ephemeral) {
            (true, _) => "initContainers",
            (_, true) => "ephemeralContainers",
            _ => "containers",
        }
    }

    /// The first rule for an exit code.
    pub(super) fn rule_for(&self, exit_code: i32) -> Option<RestartAction> {
        self.restart_policy?;
        let matches = |rule: &&RestartRule| rule.codes.contains(&exit_code) != rule.negated;
        self.restart_rules.iter().find(matches).map(|rule| rule.action)
    }
}

/// The first and the last real-time signal of Linux that programs may use.
const REAL_TIME: (i32, i32) = (34, 64);

/// A signal by any of the names that the API takes.
fn signal(name: &str) -> Option<i32> {
    let real_time = |first: &str, sign: i32, start: i32| {
        let rest = name.strip_prefix(first)?;
        let offset = if rest.is_empty() { 0 } else { rest.get(1..)?.parse::<i32>().ok()? };
        Some(start + sign * offset)
    };
    let known = match name {
        "SIGCLD" => "SIGCHLD",
        "SIGIOT" => "SIGABRT",
        "SIGPOLL" => "SIGIO",
        name => name,
    };
    let named = || known.parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32);
    named().or_else(|| real_time("SIGRTMIN", 1, REAL_TIME.0)).or_else(|| real_time("SIGRTMAX", -1, REAL_TIME.1))
}

impl PodFacts {
    /// Reads the facts from a pod.
    pub fn of(pod: &Pod) -> Self {
        let nothing = PodSpec::default();
        let spec = pod.spec.as_ref().unwrap_or(&nothing);
        let inits = spec.init_containers.iter().flatten().map(|container| ContainerFacts::of(container, true));
        let regular = spec.containers.iter().map(|container| ContainerFacts::of(container, false));
        let ephemeral = spec.ephemeral_containers.iter().flatten().map(ContainerFacts::ephemeral);
        let gates = spec.readiness_gates.iter().flatten();
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            namespace: pod.metadata.namespace.clone().unwrap_or_default(),
            uid: pod.metadata.uid.clone().unwrap_or_default(),
            restart_policy: RestartPolicy::parse(spec.restart_policy.as_deref().unwrap_or_default()),
            containers: inits.chain(regular).chain(ephemeral).collect(),
            active_deadline_seconds: spec.active_deadline_seconds,
            grace_seconds: spec.termination_grace_period_seconds.unwrap_or(30),
            host_network: spec.host_network == Some(true),
            ip: None,
            readiness_gates: gates.map(|gate| gate.condition_type.clone()).collect(),
        }
    }

    /// Its address: its own, or else its node's.
    pub fn ip<'a>(&'a self, node: &'a NodeFacts) -> &'a str {
        self.ip.as_deref().unwrap_or(&node.host_ip)
    }

    /// Whether a container is run again after an end of its own.
    pub(super) fn restarts(&self, index: usize, exit_code: i32) -> bool {
        let container = &self.containers[index];
        if container.ephemeral {
            return false;
        }
        // An init container that succeeded has done its work, whatever the policy.
        if container.init && !container.sidecar && exit_code == 0 {
            return false;
        }
        container.rule_for(exit_code).is_some() || self.policy_of(index).restarts(exit_code)
    }

    /// Whether a container that is killed for its probes is run again: rules need an exit code, so policies alone say.
    pub(super) fn restarts_after_kill(&self, index: usize) -> bool {
        self.policy_of(index) != RestartPolicy::Never
    }

    fn policy_of(&self, index: usize) -> RestartPolicy {
        let container = &self.containers[index];
        if container.sidecar { RestartPolicy::Always } else { container.restart_policy.unwrap_or(self.restart_policy) }
    }

    /// How upstream's messages name a pod: `NAME_NAMESPACE(UID)`.
    pub fn long_name(&self) -> String {
        format!("{}_{}({})", self.name, self.namespace, self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_all_names_that_the_api_takes() {
        let names = [
            ("SIGTERM", 15),
            ("SIGUSR1", 10),
            ("SIGPOLL", 29),
            ("SIGCLD", 17),
            ("SIGIOT", 6),
            ("SIGSTKFLT", 16),
            ("SIGRTMIN", 34),
            ("SIGRTMIN+3", 37),
            ("SIGRTMAX-14", 50),
            ("SIGRTMAX", 64),
        ];
        for (name, number) in names {
            assert_eq!(signal(name), Some(number), "{name}");
        }
        assert_eq!(signal("SIGNOT"), None);
    }
}
