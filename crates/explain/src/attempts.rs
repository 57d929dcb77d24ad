//! Attempts: every run of every pod of a Job, numbered in the order in which they came up.
//!
//! With `restartPolicy: Never` an attempt is a pod. With `OnFailure` it is one run of a pod's container; the kubelet
//! keeps the last two of these only, so an observer that was there from the start knows more than one that came late.
//! Numbers count per index for Indexed Jobs, else per Job.

use std::collections::HashMap;

use api::k8s::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::Story;
use crate::collector::{EARLIER_RUNS, GONE};

/// The attempts of a story's Job, in order.
pub fn attempts(story: &Story) -> Vec<Attempt> {
    Attempts::of_values(&story.pods).list
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// The completion index of an Indexed Job.
    pub index: Option<u32>,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub uid: String,
    /// How often the container had restarted.
    pub run: u32,
    /// When the pod was created.
    pub created_at: Option<Timestamp>,
    /// When the container started; the pod's creation until then.
    pub started_at: Option<Timestamp>,
    /// How long after the end of the failed attempt that it repeats it was begun, in whole seconds: the back-off. Known
    /// once all attempts are ([`attempts`], [`Attempts::of_values`]).
    pub backoff: Option<SignedDuration>,
    /// How it ended, once it has.
    pub end: Option<End>,
}

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// The container that decided it; empty when the pod ended without one.
    pub container: String,
    /// Its exit code, if a container exited.
    pub exit_code: Option<i32>,
    /// Such as `Error`, `StartError`, `Evicted`.
    pub reason: String,
    /// For people; may be empty.
    pub message: String,
    /// When.
    pub finished_at: Option<Timestamp>,
}

impl End {
    /// Whether it counts as a success.
    pub fn is_success(&self) -> bool {
        self.exit_code == Some(0)
    }

    /// `exit 3`, `killed by SIGKILL (exit 137)`, or the reason.
    pub fn show(&self) -> String {
        match self.exit_code {
            Some(code @ 129..=159) if self.reason != "StartError" => match signal_name(code - 128) {
                Some(name) => format!("killed by SIG{name} (exit {code})"),
                None => format!("exit {code}"),
            },
            Some(code) => format!("exit {code}"),
            None if self.reason.is_empty() => "failed".to_owned(),
            None => self.reason.clone(),
        }
    }
}

/// The name of a signal by Linux number, without `SIG`.
fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];
    NAMES.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
}

impl Attempt {
    /// How long it ran.
    pub fn ran(&self) -> Option<SignedDuration> {
        Some(self.end.as_ref()?.finished_at?.duration_since(self.started_at?))
    }

    /// `idx2·1` or `#1`.
    pub fn label(&self, dot: &str) -> String {
        match self.index {
            Some(index) => format!("idx{index}{dot}{}", self.number),
            None => format!("#{}", self.number),
        }
    }
}

/// What an observation brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The attempt at this position came up.
    Began(usize),
    /// The attempt at this position ended.
    Ended(usize),
}

/// All attempts seen so far, in order.
#[derive(Clone, Debug, Default)]
pub struct Attempts {
    list: Vec<Attempt>,
    positions: HashMap<(String, u32), usize>,
    numbers: HashMap<Option<u32>, u32>,
}

impl Attempts {
    /// The attempts of these pods, oldest first.
    pub fn of(pods: &[Pod]) -> Self {
        let mut ordered: Vec<&Pod> = pods.iter().collect();
        ordered.sort_by_key(|pod| (first_start(pod), created_at(pod), pod.metadata.name.clone()));
        let mut attempts = Self::default();
        for pod in ordered {
            attempts.observe(pod);
        }
        attempts
    }

    /// The attempts of these pods as [`crate::Collector`] made them, oldest first, with their back-offs.
    pub fn of_values(pods: &[Value]) -> Self {
        let typed = |value: &Value| Some((serde_json::from_value::<Pod>(value.clone()).ok()?, value.clone()));
        let mut ordered: Vec<(Pod, Value)> = pods.iter().filter_map(typed).collect();
        ordered.sort_by_key(|(pod, _)| (first_start(pod), created_at(pod), pod.metadata.name.clone()));
        let mut attempts = Self::default();
        for (pod, value) in &ordered {
            attempts.recall(pod, value);
            attempts.observe(pod);
            if value[GONE] == true {
                attempts.end_of_gone(pod);
            }
        }
        attempts.note_back_offs();
        attempts
    }

    /// Takes in the runs that the pod's status has forgotten.
    fn recall(&mut self, pod: &Pod, value: &Value) {
        let earlier = value["status"][EARLIER_RUNS].as_array().map(Vec::as_slice).unwrap_or_default();
        for entry in earlier {
            let Ok(end) = serde_json::from_value::<ContainerStateTerminated>(entry["end"].clone()) else { continue };
            let run = entry["run"].as_u64().and_then(|run| u32::try_from(run).ok()).unwrap_or(0);
            let position = self.ensure(pod, run, begun(&end), &mut Vec::new());
            self.end(position, container_end(entry["container"].as_str().unwrap_or_default(), &end), &mut Vec::new());
        }
    }

    fn end_of_gone(&mut self, pod: &Pod) {
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let finished_at = time(pod.metadata.deletion_timestamp.as_ref());
        for attempt in self.list.iter_mut().filter(|attempt| attempt.uid == uid && attempt.end.is_none()) {
            attempt.end = Some(End { reason: "Deleted".to_owned(), finished_at, ..End::default() });
        }
    }

    /// An attempt repeats the one before it in its pod, of its index, or else the one that ended last before it began.
    fn note_back_offs(&mut self) {
        let mut ends: HashMap<Option<u32>, Vec<(Timestamp, usize)>> = HashMap::new();
        for (position, attempt) in self.list.iter().enumerate() {
            if let Some(at) = attempt.end.as_ref().and_then(|end| end.finished_at) {
                ends.entry(attempt.index).or_default().push((at, position));
            }
        }
        ends.values_mut().for_each(|ends| ends.sort_unstable());
        for position in 0..self.list.len() {
            self.list[position].backoff = self.back_off(position, &ends);
        }
    }

    fn back_off(
        &self,
        position: usize,
        ends: &HashMap<Option<u32>, Vec<(Timestamp, usize)>>,
    ) -> Option<SignedDuration> {
        let attempt = &self.list[position];
        let (begun, before) = match attempt.run.checked_sub(1) {
            Some(run) => (attempt.started_at?, self.position(&attempt.uid, run)?),
            None => {
                let begun = attempt.created_at?;
                let ends = ends.get(&attempt.index)?;
                let earlier = &ends[..ends.partition_point(|(at, _)| *at <= begun)];
                let (_, before) = earlier.iter().rev().find(|(_, other)| *other != position)?;
                (begun, *before)
            }
        };
        let end = self.list[before].end.as_ref().filter(|end| !end.is_success())?;
        let gap = begun.duration_since(end.finished_at?);
        Some(SignedDuration::from_secs(gap.as_secs() + i64::from(gap.subsec_millis() >= 500)))
    }

    /// All attempts in order.
    pub fn list(&self) -> &[Attempt] {
        &self.list
    }

    /// The attempt of a pod's run.
    pub fn position(&self, uid: &str, run: u32) -> Option<usize> {
        self.positions.get(&(uid.to_owned(), run)).copied()
    }

    /// Takes in a pod's state; the same state again changes nothing.
    pub fn observe(&mut self, pod: &Pod) -> Vec<Change> {
        let mut changes = Vec::new();
        let status = pod.status.as_ref();
        let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
        let containers = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
        let Some(lead) = lead(containers) else {
            let position = self.ensure(pod, 0, created_at(pod), &mut changes);
            if phase == "Failed" {
                self.end(position, pod_end(pod), &mut changes);
            }
            return changes;
        };
        let run = u32::try_from(lead.restart_count).unwrap_or(0);
        let state = lead.state.as_ref();
        let waiting = state.is_some_and(|state| state.waiting.is_some());
        let last = lead.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        if let Some(last) = last {
            // While a container waits for its restart, its last state is the run that its restart count names.
            if let Some(ended) = if waiting { Some(run) } else { run.checked_sub(1) } {
                let position = self.ensure(pod, ended, begun(last), &mut changes);
                self.end(position, container_end(&lead.name, last), &mut changes);
            }
            if waiting {
                return changes;
            }
        }
        let running =
            state.and_then(|state| state.running.as_ref()).and_then(|running| time(running.started_at.as_ref()));
        let terminated = state.and_then(|state| state.terminated.as_ref());
        let started = running.or_else(|| terminated.and_then(begun));
        let position = self.ensure(pod, run, started.or_else(|| created_at(pod)), &mut changes);
        if let Some(started) = started {
            self.list[position].started_at = Some(started);
        }
        match terminated {
            Some(terminated) if phase != "Running" || restarts(pod, terminated) || containers.len() == 1 => {
                self.end(position, container_end(&lead.name, terminated), &mut changes);
            }
            None if phase == "Failed" => self.end(position, pod_end(pod), &mut changes),
            _ => {}
        }
        changes
    }

    fn ensure(
        &mut self,
        pod_object: &Pod,
        run: u32,
        started_at: Option<Timestamp>,
        changes: &mut Vec<Change>,
    ) -> usize {
        let uid = pod_object.metadata.uid.clone().unwrap_or_default();
        if let Some(position) = self.positions.get(&(uid.clone(), run)) {
            return *position;
        }
        let index = index(pod_object);
        let number = self.numbers.entry(index).and_modify(|number| *number += 1).or_insert(1);
        let pod = pod_object.metadata.name.clone().unwrap_or_default();
        let position = self.list.len();
        let created_at = created_at(pod_object);
        let uid_of_list = uid.clone();
        self.list.push(Attempt {
            number: *number,
            index,
            pod,
            uid: uid_of_list,
            run,
            created_at,
            started_at,
            backoff: None,
            end: None,
        });
        self.positions.insert((uid, run), position);
        changes.push(Change::Began(position));
        position
    }

    fn end(&mut self, position: usize, end: End, changes: &mut Vec<Change>) {
        let attempt = &mut self.list[position];
        if attempt.end.is_none() {
            attempt.end = Some(end);
            changes.push(Change::Ended(position));
        }
    }

    /// Attempts that failed.
    pub fn failures(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.list.iter().filter(|attempt| attempt.end.as_ref().is_some_and(|end| !end.is_success()))
    }

    /// How many attempts, of this index if given, failed since the last that succeeded: what upstream's ladder of
    /// delays counts.
    pub fn failures_in_a_row(&self, index: Option<u32>) -> u32 {
        let of_index = self.list.iter().rev().filter(|attempt| index.is_none() || attempt.index == index);
        let ends = of_index.filter_map(|attempt| attempt.end.as_ref());
        u32::try_from(ends.take_while(|end| !end.is_success()).count()).unwrap_or(u32::MAX)
    }
}

/// The container that tells how the pod fares: the one that restarted most, else one that failed, else the first.
fn lead(containers: &[ContainerStatus]) -> Option<&ContainerStatus> {
    let failed = |status: &ContainerStatus| {
        status.state.as_ref().and_then(|state| state.terminated.as_ref()).is_some_and(|end| end.exit_code != 0)
    };
    let rank =
        |position: usize, status: &ContainerStatus| (status.restart_count, failed(status), std::cmp::Reverse(position));
    containers.iter().enumerate().max_by_key(|(position, status)| rank(*position, status)).map(|(_, status)| status)
}

/// Whether the kubelet will start the container again.
fn restarts(pod: &Pod, end: &ContainerStateTerminated) -> bool {
    let policy = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    policy == Some("OnFailure") && end.exit_code != 0
}

fn container_end(container: &str, end: &ContainerStateTerminated) -> End {
    End {
        container: container.to_owned(),
        exit_code: Some(end.exit_code),
        reason: end.reason.clone().unwrap_or_default(),
        message: end.message.clone().unwrap_or_default(),
        finished_at: time(end.finished_at.as_ref()),
    }
}

fn pod_end(pod: &Pod) -> End {
    let status = pod.status.as_ref();
    let text = |text: Option<&Option<String>>| text.and_then(Clone::clone).unwrap_or_default();
    End {
        reason: text(status.map(|status| &status.reason)),
        message: text(status.map(|status| &status.message)),
        ..End::default()
    }
}

fn time(time: Option<&api::k8s::apimachinery::pkg::apis::meta::v1::Time>) -> Option<Timestamp> {
    time.map(|time| time.0)
}

/// When a run that is over began. One that could not be started says 1970, as upstream's does; its end is all there was.
fn begun(end: &ContainerStateTerminated) -> Option<Timestamp> {
    time(end.started_at.as_ref()).filter(|start| *start > Timestamp::UNIX_EPOCH).or(time(end.finished_at.as_ref()))
}

/// When the pod was created.
pub fn created_at(pod: &Pod) -> Option<Timestamp> {
    time(pod.metadata.creation_timestamp.as_ref())
}

fn first_start(pod: &Pod) -> Option<Timestamp> {
    pod.status.as_ref().and_then(|status| time(status.start_time.as_ref())).or_else(|| created_at(pod))
}

/// The completion index of a pod of an Indexed Job.
pub fn index(pod: &Pod) -> Option<u32> {
    const NAME: &str = "batch.kubernetes.io/job-completion-index";
    let of = |map: &Option<std::collections::BTreeMap<String, String>>| map.as_ref()?.get(NAME)?.parse().ok();
    of(&pod.metadata.annotations).or_else(|| of(&pod.metadata.labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(name: &str, status: &Value) -> Pod {
        let value = json!({"metadata": {"name": name, "uid": name}, "spec": {"restartPolicy": "OnFailure", "containers": []}, "status": status});
        serde_json::from_value(value).expect("a Pod")
    }

    fn exited(code: i32, second: u32) -> Value {
        json!({"terminated": {"exitCode": code, "reason": "Error", "startedAt": format!("2026-01-01T00:00:{second:02}Z"),
            "finishedAt": format!("2026-01-01T00:00:{:02}Z", second + 1)}})
    }

    fn container(restarts: u32, state: &Value, last: &Value) -> Value {
        json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": restarts, "state": state, "lastState": last})
    }

    fn never(name: &str, code: i32, second: u32) -> Pod {
        let phase = if code == 0 { "Succeeded" } else { "Failed" };
        let statuses = json!([container(0, &exited(code, second), &json!({}))]);
        pod(
            name,
            &json!({"phase": phase, "startTime": format!("2026-01-01T00:00:{second:02}Z"), "containerStatuses": statuses}),
        )
    }

    #[test]
    fn pods_are_numbered_by_their_start() {
        let attempts = Attempts::of(&[never("z", 3, 0), never("a", 0, 30), never("m", 3, 10)]);
        let seen: Vec<_> = attempts.list().iter().map(|attempt| (attempt.number, attempt.pod.as_str())).collect();
        assert_eq!(seen, [(1, "z"), (2, "m"), (3, "a")]);
        assert_eq!(attempts.list()[0].ran(), Some(SignedDuration::from_secs(1)));
        assert_eq!(attempts.failures().count(), 2);
        assert_eq!(attempts.failures_in_a_row(None), 0);
    }

    #[test]
    fn a_run_that_could_not_be_started_took_no_time_and_not_all_the_time_since_1970() {
        let end = json!({"exitCode": 128, "reason": "StartError", "startedAt": "1970-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:05Z"});
        let statuses = json!([container(0, &json!({"terminated": end}), &json!({}))]);
        let attempts = Attempts::of(&[pod("wrong", &json!({"phase": "Failed", "containerStatuses": statuses}))]);
        let attempt = &attempts.list()[0];
        assert_eq!(attempt.started_at, "2026-01-01T00:00:05Z".parse().ok());
        assert_eq!(attempt.ran(), Some(SignedDuration::ZERO));
    }

    #[test]
    fn each_restart_is_an_attempt_and_ends_once() {
        let mut attempts = Attempts::default();
        let running = json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}});
        let steps = [
            json!([container(0, &running, &json!({}))]),
            json!([container(0, &exited(1, 0), &json!({}))]),
            json!([container(0, &json!({"waiting": {"reason": "CrashLoopBackOff"}}), &exited(1, 0))]),
            json!([container(1, &running, &exited(1, 0))]),
            json!([container(1, &exited(0, 20), &exited(1, 0))]),
        ];
        let changes: Vec<Vec<Change>> = steps
            .iter()
            .map(|statuses| attempts.observe(&pod("p", &json!({"phase": "Running", "containerStatuses": statuses}))))
            .collect();
        let expected =
            [vec![Change::Began(0)], vec![Change::Ended(0)], vec![], vec![Change::Began(1)], vec![Change::Ended(1)]];
        assert_eq!(changes, expected);
        assert_eq!(attempts.position("p", 1), Some(1));
    }

    #[test]
    fn an_observer_that_came_late_still_sees_the_last_failure() {
        let running = json!({"running": {"startedAt": "2026-01-01T00:00:40Z"}});
        let statuses = json!([container(3, &running, &exited(7, 20))]);
        let attempts = Attempts::of(&[pod("p", &json!({"phase": "Running", "containerStatuses": statuses}))]);
        assert_eq!(attempts.list().len(), 2);
        assert_eq!(attempts.list()[0].end.as_ref().map(End::show).as_deref(), Some("exit 7"));
        assert_eq!(attempts.list()[1].end, None);
    }

    #[test]
    fn a_pod_that_ended_without_containers_ends_by_its_reason() {
        let attempts = Attempts::of(&[pod("p", &json!({"phase": "Failed", "reason": "Evicted", "message": "disk"}))]);
        assert_eq!(attempts.list()[0].end.as_ref().map(End::show).as_deref(), Some("Evicted"));
    }

    #[test]
    fn ends_by_signal_name_the_signal() {
        let end =
            |exit_code, reason: &str| End { exit_code: Some(exit_code), reason: reason.to_owned(), ..End::default() };
        assert_eq!(end(137, "Error").show(), "killed by SIGKILL (exit 137)");
        assert_eq!(end(128, "StartError").show(), "exit 128");
        assert_eq!(end(3, "Error").show(), "exit 3");
    }
}
