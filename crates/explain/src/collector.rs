//! Folds a stream of object states into "every pod that ever was".
//!
//! A pod's status keeps the last two runs of a container only. The collector sees all states, so it writes the runs that
//! a pod is about to forget into a field of its own ([`EARLIER_RUNS`]), and marks pods that are gone ([`GONE`]).

use std::collections::HashMap;

use serde_json::{Value, json};

/// Field beside the container statuses of a collected pod: runs that its status has forgotten.
pub(crate) const EARLIER_RUNS: &str = "earlierRuns";
/// Field of a collected pod, and of the Job of a story: whether its object is gone.
pub const GONE: &str = "gone";
/// Most runs of one pod that are kept beside its status.
const MAX_EARLIER_RUNS: usize = 256;

/// Collects pods in the order in which they were first seen.
#[derive(Clone, Debug, Default)]
pub struct Collector {
    pods: Vec<Value>,
    positions: HashMap<String, usize>,
}

impl Collector {
    /// Takes in a pod's state.
    pub fn saw(&mut self, pod: &Value) {
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        match self.positions.get(uid) {
            Some(position) => {
                let known = &mut self.pods[*position];
                let runs = runs_after(known, pod);
                *known = pod.clone();
                if !runs.is_empty() {
                    known["status"][EARLIER_RUNS] = Value::Array(runs);
                }
            }
            None => {
                self.positions.insert(uid.to_owned(), self.pods.len());
                self.pods.push(pod.clone());
            }
        }
    }

    /// Takes in the last state of a pod whose object is gone.
    pub fn gone(&mut self, pod: &Value) {
        self.saw(pod);
        let uid = pod.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
        if let Some(position) = self.positions.get(uid) {
            self.pods[*position][GONE] = true.into();
        }
    }

    /// All pods, in the order in which they were first seen.
    pub fn pods(&self) -> &[Value] {
        &self.pods
    }

    /// All pods, as [`crate::Story`] takes them.
    pub fn into_pods(self) -> Vec<Value> {
        self.pods
    }
}

/// The ended runs of the main containers that the old state tells of, with those it was given before.
fn runs_after(old: &Value, new: &Value) -> Vec<Value> {
    let mut runs = old["status"][EARLIER_RUNS].as_array().cloned().unwrap_or_default();
    let statuses = |pod: &Value| pod["status"]["containerStatuses"].as_array().cloned().unwrap_or_default();
    let statuses = (statuses(old), statuses(new));
    let ended = statuses.0.iter().flat_map(|status| ended_runs(status).map(move |(run, end)| (status, run, end)));
    for (status, run, end) in ended {
        // The newest run is told of by the new state, which may know more of it.
        let newest = statuses.1.iter().find(|other| other["name"] == status["name"]).map(restarts);
        if newest.is_none_or(|newest| newest <= run) {
            continue;
        }
        let entry = json!({"container": status["name"], "run": run, "end": end});
        let is_known = |known: &Value| known["run"] == entry["run"] && known["container"] == entry["container"];
        if !runs.iter().any(is_known) && runs.len() < MAX_EARLIER_RUNS {
            runs.push(entry);
        }
    }
    runs
}

fn restarts(status: &Value) -> u64 {
    status["restartCount"].as_u64().unwrap_or(0)
}

/// The runs of a container that its status says have ended, and how.
fn ended_runs(status: &Value) -> impl Iterator<Item = (u64, Value)> {
    let count = restarts(status);
    // While a container waits for its restart, its last state is the run that its restart count names.
    let last = if status["state"]["waiting"].is_object() { Some(count) } else { count.checked_sub(1) };
    let ended = [(last, &status["lastState"]["terminated"]), (Some(count), &status["state"]["terminated"])];
    ended.into_iter().filter(|(_, end)| end.is_object()).filter_map(|(run, end)| Some((run?, end.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(restarts: u64, state: Value, last: Value) -> Value {
        let status = json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": restarts, "state": state, "lastState": last});
        json!({"metadata": {"name": "p", "uid": "p"}, "spec": {"restartPolicy": "OnFailure", "containers": []},
            "status": {"phase": "Running", "containerStatuses": [status]}})
    }

    fn exited(code: i32) -> Value {
        json!({"terminated": {"exitCode": code}})
    }

    #[test]
    fn runs_that_the_status_forgets_are_kept() {
        let (mut collector, running) = (Collector::default(), json!({"running": {}}));
        collector.saw(&pod(0, running.clone(), json!({})));
        for run in 0..4 {
            collector.saw(&pod(run, exited(10), if run == 0 { json!({}) } else { exited(10) }));
            collector.saw(&pod(run, json!({"waiting": {"reason": "CrashLoopBackOff"}}), exited(10)));
            collector.saw(&pod(run + 1, running.clone(), exited(10)));
        }
        collector.gone(&pod(4, exited(0), exited(10)));
        let pods = collector.into_pods();
        let attempts = crate::attempts::Attempts::of_values(&pods);
        let codes: Vec<_> =
            attempts.list().iter().map(|attempt| attempt.end.as_ref().and_then(|end| end.exit_code)).collect();
        assert_eq!(codes, [10, 10, 10, 10, 0].map(Some));
        assert_eq!(attempts.list().iter().map(|attempt| attempt.run).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_pod_that_went_while_it_ran_has_ended() {
        let mut collector = Collector::default();
        collector.gone(&pod(0, json!({"running": {}}), json!({})));
        let attempts = crate::attempts::Attempts::of_values(collector.pods());
        assert_eq!(attempts.list()[0].end.as_ref().map(|end| end.reason.as_str()), Some("Deleted"));
    }
}
