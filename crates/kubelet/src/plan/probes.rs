//! Which probe of a container runs next, and what the answers mean (upstream's `pkg/kubelet/prober/worker.go`).
//!
//! A startup probe runs until it has said that the container has started; the others run from then on. A container
//! whose startup or liveness probe has failed often enough is killed; one whose readiness probe has, is not ready.
//!
//! Differs: upstream's probes tick from when the pod was added, so that the first after a start comes at some time
//! within a period; here they are counted from the start of the container.
//!
//! A wait for a probe pulls time (`clock::Pull`) as long as its answer may be news: nothing was asked yet, the container
//! is not ready, or it is on its way to being found ill. A healthy container's next probe is no reason for time to pass.

use api::k8s::api::core::v1::{Container, Probe};
use jiff::Timestamp;

use super::memory::after;
use super::{ContainerFacts, ContainerMemory, Memory, Plan, PodEvent, PodFacts, State};

/// What a probe is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// Whether the container has started.
    Startup,
    /// Whether it should go on.
    Liveness,
    /// Whether it can serve.
    Readiness,
}

impl ProbeKind {
    /// As messages spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// What of a probe the plan looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeFacts {
    /// What it is for.
    pub kind: ProbeKind,
    /// `initialDelaySeconds`.
    pub initial_delay_seconds: i64,
    /// `periodSeconds`.
    pub period_seconds: i64,
    /// `successThreshold`.
    pub success_threshold: u32,
    /// `failureThreshold`.
    pub failure_threshold: u32,
    /// `terminationGracePeriodSeconds`.
    pub grace_seconds: Option<i64>,
}

impl ProbeFacts {
    pub(super) fn all_of(container: &Container) -> Vec<Self> {
        let kinds = [
            (ProbeKind::Startup, &container.startup_probe),
            (ProbeKind::Liveness, &container.liveness_probe),
            (ProbeKind::Readiness, &container.readiness_probe),
        ];
        kinds.into_iter().filter_map(|(kind, probe)| Some(Self::of(kind, probe.as_ref()?))).collect()
    }

    fn of(kind: ProbeKind, probe: &Probe) -> Self {
        let count = |value: Option<i32>, default: i32| value.filter(|value| *value > 0).unwrap_or(default);
        Self {
            kind,
            initial_delay_seconds: probe.initial_delay_seconds.unwrap_or(0).into(),
            period_seconds: count(probe.period_seconds, 10).into(),
            success_threshold: count(probe.success_threshold, 1).unsigned_abs(),
            failure_threshold: count(probe.failure_threshold, 3).unsigned_abs(),
            grace_seconds: probe.termination_grace_period_seconds,
        }
    }
}

/// What came of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// The answer.
    pub answer: Answer,
    /// How long it stays the answer, as far as that is known.
    pub outlook: Outlook,
}

/// A probe's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All is well.
    Success,
    /// All is well, but people should know this.
    Warning(String),
    /// Not so, for this reason.
    Failure(String),
    /// It could not be asked, for this reason: that counts for nothing.
    Error(String),
}

/// How long an answer stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// Nobody knows.
    Unknown,
    /// Until then, or for as long as the container runs.
    Until(Option<Timestamp>),
}

impl Probed {
    /// An answer that a program gave.
    pub fn new(answer: Answer) -> Self {
        Self { answer, outlook: Outlook::Unknown }
    }
}

/// What is known of one probe of one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ProbeMemory {
    /// What the answers so far amount to.
    verdict: Option<bool>,
    /// The last answer, and how often it came in a row.
    last: Option<(bool, u32)>,
    /// It is being asked.
    in_flight: bool,
    next_at: Option<Timestamp>,
    outlook: Option<Outlook>,
}

impl ProbeMemory {
    /// Whether the next answer may be news. The verdict before the first is that of upstream's `initialValue`.
    fn is_open(&self, facts: &ProbeFacts) -> bool {
        let Some((last, run)) = self.last else { return true };
        let verdict = self.verdict.unwrap_or(facts.kind == ProbeKind::Liveness);
        let threshold = if last { facts.success_threshold } else { facts.failure_threshold };
        let counting = last != verdict && run < threshold;
        let unhappy = facts.kind != ProbeKind::Liveness && !verdict;
        match self.outlook {
            _ if counting => true,
            Some(Outlook::Until(until)) => until.is_some(),
            _ => unhappy,
        }
    }
}

fn verdict(facts: &ContainerFacts, container: &ContainerMemory, kind: ProbeKind) -> Option<Option<bool>> {
    let index = facts.probes.iter().position(|probe| probe.kind == kind)?;
    Some(container.probes.get(index).and_then(|probe| probe.verdict))
}

/// Whether a container runs and counts as started.
pub(super) fn is_started(facts: &ContainerFacts, container: &ContainerMemory) -> bool {
    let well = verdict(facts, container, ProbeKind::Startup).is_none_or(|verdict| verdict == Some(true));
    container.is_running(facts) && well
}

/// Whether a container can serve.
pub(super) fn is_ready(facts: &ContainerFacts, container: &ContainerMemory) -> bool {
    let well = verdict(facts, container, ProbeKind::Readiness).is_none_or(|verdict| verdict == Some(true));
    is_started(facts, container) && well
}

/// Asks what is due, and kills what was found ill.
pub(super) fn step(pod: &PodFacts, memory: &mut Memory, now: Timestamp, plan: &mut Plan) {
    for (index, facts) in pod.containers.iter().enumerate().filter(|(_, facts)| !facts.probes.is_empty()) {
        let stopping = memory.stop.is_some() || memory.containers[index].stopping.is_some();
        let container = &mut memory.containers[index];
        let State::Running { started_at } = container.state else { continue };
        if !container.is_running(facts) {
            continue;
        }
        container.probes.resize_with(facts.probes.len(), ProbeMemory::default);
        if !stopping && let Some(found) = illness(facts, container) {
            kill_ill(pod, memory, index, found, now, plan);
            continue;
        }
        let started = is_started(facts, container);
        for (probe, facts) in container.probes.iter_mut().zip(&facts.probes) {
            // A pod that is being stopped is asked for its readiness alone.
            let wanted = match facts.kind {
                ProbeKind::Startup => !started && !stopping,
                ProbeKind::Liveness => started && !stopping,
                ProbeKind::Readiness => started,
            };
            if !wanted || probe.in_flight {
                continue;
            }
            let due = probe.next_at.unwrap_or_else(|| after(started_at, facts.initial_delay_seconds));
            if due <= now {
                probe.in_flight = true;
                probe.next_at = Some(after(now, facts.period_seconds));
                plan.probes.push((index, facts.kind));
            } else if probe.is_open(facts) && !stopping {
                plan.wake(due);
            } else {
                plan.look(due);
            }
        }
    }
}

/// The probe that a container has failed, if one that it dies for. Liveness is looked at first, as upstream does.
fn illness<'a>(facts: &'a ContainerFacts, container: &ContainerMemory) -> Option<&'a ProbeFacts> {
    let failed = |kind| verdict(facts, container, kind) == Some(Some(false));
    let kind = [ProbeKind::Liveness, ProbeKind::Startup].into_iter().find(|kind| failed(*kind))?;
    facts.probes.iter().find(|probe| probe.kind == kind)
}

fn kill_ill(pod: &PodFacts, memory: &mut Memory, index: usize, probe: &ProbeFacts, now: Timestamp, plan: &mut Plan) {
    let (facts, container) = (&pod.containers[index], &mut memory.containers[index]);
    let (name, kind) = (&facts.name, probe.kind.as_str().to_lowercase());
    let restarts = pod.restarts_after_kill(index);
    let message = match (facts.init, restarts) {
        (true, _) => format!("Init container {name} failed {kind} probe"),
        (false, true) => format!("Container {name} failed {kind} probe, will be restarted"),
        (false, false) => format!("Container {name} failed {kind} probe"),
    };
    container.restarts_anyway = restarts;
    let grace_seconds = probe.grace_seconds.unwrap_or(pod.grace_seconds);
    container.begin_stop(facts, index, message, after(now, grace_seconds), now, plan);
}

impl Memory {
    /// Whether a container counts as started, and as ready.
    pub fn standing(&self, pod: &PodFacts, index: usize) -> (bool, bool) {
        let (facts, container) = (&pod.containers[index], &self.containers[index]);
        (is_started(facts, container), is_ready(facts, container))
    }

    /// A probe of a run has answered. What people are to be told of it.
    pub fn probed(
        &mut self,
        pod: &PodFacts,
        index: usize,
        kind: ProbeKind,
        probed: Probed,
        now: Timestamp,
    ) -> Option<PodEvent> {
        let facts = &pod.containers[index];
        let position = facts.probes.iter().position(|probe| probe.kind == kind)?;
        let probe = self.containers[index].probes.get_mut(position)?;
        probe.take(&facts.probes[position], &probed, now);
        let name = kind.as_str();
        match probed.answer {
            Answer::Success => None,
            Answer::Warning(text) => {
                Some(PodEvent::warning(index, "ProbeWarning", format!("{name} probe warning: {text}")))
            }
            Answer::Failure(text) => {
                Some(PodEvent::warning(index, "Unhealthy", format!("{name} probe failed: {text}")))
            }
            Answer::Error(text) => {
                let text = format!("{name} probe errored and resulted in unknown state: {text}");
                Some(PodEvent::warning(index, "Unhealthy", text))
            }
        }
    }
}

impl ProbeMemory {
    fn take(&mut self, facts: &ProbeFacts, probed: &Probed, now: Timestamp) {
        self.in_flight = false;
        // A probe that took longer than its period is followed by the next at once, and by no more than one.
        self.next_at = self.next_at.map(|next| next.max(now));
        let well = match probed.answer {
            Answer::Success | Answer::Warning(_) => true,
            Answer::Failure(_) => false,
            Answer::Error(_) => return,
        };
        self.outlook = Some(probed.outlook);
        let run = self.last.filter(|(last, _)| *last == well).map_or(0, |(_, run)| run) + 1;
        self.last = Some((well, run));
        let threshold = if well { facts.success_threshold } else { facts.failure_threshold };
        if run >= threshold {
            self.verdict = Some(well);
            self.skip_what_is_known(facts, well, probed.outlook);
        }
    }

    /// Whoever is well, and known to stay so, is not asked in vain: acted out over years, that would be for nothing.
    fn skip_what_is_known(&mut self, facts: &ProbeFacts, well: bool, outlook: Outlook) {
        let (true, Outlook::Until(until)) = (well, outlook) else { return };
        let Some(next) = self.next_at else { return };
        self.next_at = Some(until.map_or(Timestamp::MAX, |until| {
            // Rounded up to a tick at which it is another answer.
            let (wait, period) = (until.duration_since(next).as_millis(), i128::from(facts.period_seconds) * 1000);
            let ticks = i64::try_from((wait + period - 1).div_euclid(period)).unwrap_or(i64::MAX).max(0);
            after(next, ticks.saturating_mul(facts.period_seconds))
        }));
    }
}
