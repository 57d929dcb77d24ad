//! A Job as it was at an earlier time, put together from what is known of it at a later one: [`Story::as_of`].
//!
//! Of what has changed since, only what has a time is taken back: attempts, conditions, Events, decisions. The spec is
//! that of the later time. Until a Job has ended its counts are those of the pods that are known.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::Story;
use crate::collector::{EARLIER_RUNS, GONE};
use crate::facts;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

impl Story {
    /// The Job as it was at that time.
    #[must_use]
    pub fn as_of(&self, at: Timestamp) -> Self {
        let pods: Vec<Value> = self.pods.iter().filter_map(|pod| pod_as_of(pod, at, self.now)).collect();
        let mut job = self.job.clone();
        let had_ended = facts::ended_at(&self.typed_job()).is_some_and(|end| end <= at);
        if let Some(fields) = job.as_object_mut() {
            fields.remove(GONE);
        }
        take_back_deletion(&mut job["metadata"], at);
        if job["status"].is_object() {
            retain_conditions(&mut job["status"], at);
            if !had_ended {
                recount(&mut job, &pods, at);
            }
        }
        let records = self.records.as_ref();
        Self {
            job,
            pods,
            events: self.events.iter().filter_map(|event| event_as_of(event, at)).collect(),
            records: records.map(|records| records.iter().filter(|record| record.at <= at).cloned().collect()),
            manifest: self.manifest.clone(),
            logs: Vec::new(),
            now: at,
        }
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn is_later(value: &Value, at: Timestamp) -> bool {
    time(value).is_some_and(|time| time > at)
}

fn remove(object: &mut Value, fields: &[&str]) {
    if let Some(object) = object.as_object_mut() {
        object.retain(|name, _| !fields.contains(&name.as_str()));
    }
}

/// A list in an object, if it is there.
fn list<'v>(object: &'v mut Value, field: &str) -> Option<&'v mut Vec<Value>> {
    object.get_mut(field)?.as_array_mut()
}

fn retain_conditions(status: &mut Value, at: Timestamp) {
    if let Some(conditions) = list(status, "conditions") {
        conditions.retain(|condition| !is_later(&condition["lastTransitionTime"], at));
    }
}

/// An object that was deleted later was not being deleted; `true` when that is so. A deletion time is the end of the
/// grace that began with the request.
fn take_back_deletion(metadata: &mut Value, at: Timestamp) -> bool {
    let Some(end) = time(&metadata["deletionTimestamp"]) else { return false };
    let grace = SignedDuration::from_secs(metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0).max(0));
    let is_later = end.checked_sub(grace).unwrap_or(end) > at;
    if is_later {
        remove(metadata, &["deletionTimestamp", "deletionGracePeriodSeconds"]);
    }
    is_later
}

fn pod_as_of(pod: &Value, at: Timestamp, known_at: Timestamp) -> Option<Value> {
    if is_later(&pod["metadata"]["creationTimestamp"], at) {
        return None;
    }
    let mut pod = pod.clone();
    let has_time = pod["metadata"]["deletionTimestamp"].is_string();
    if take_back_deletion(&mut pod["metadata"], at) || !has_time && at < known_at {
        remove(&mut pod, &[GONE]);
    }
    if !pod["status"].is_object() {
        return Some(pod);
    }
    let status = &mut pod["status"];
    let ended_later = ended_at(status).is_some_and(|end| end > at);
    let earlier = status[EARLIER_RUNS].as_array().cloned().unwrap_or_default();
    for field in ["initContainerStatuses", "containerStatuses"] {
        for container in list(status, field).into_iter().flatten() {
            container_as_of(container, &earlier, at);
        }
    }
    if let Some(runs) = list(status, EARLIER_RUNS) {
        runs.retain(|run| time(&run["end"]["finishedAt"]).is_some_and(|end| end <= at));
    }
    retain_conditions(status, at);
    let has_begun = |container: &Value| container["state"]["waiting"].is_null() || container["restartCount"] != 0;
    let begun = status["containerStatuses"].as_array().is_some_and(|containers| containers.iter().any(has_begun));
    if ended_later || status["phase"] == "Running" {
        status["phase"] = if begun { "Running" } else { "Pending" }.into();
    }
    if ended_later {
        remove(status, &["reason", "message"]);
    }
    Some(pod)
}

/// When a pod that has ended did: with its last container, or else when its conditions last changed.
fn ended_at(status: &Value) -> Option<Timestamp> {
    if !matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return None;
    }
    let each = |list: &str, pointer: &str| -> Option<Timestamp> {
        status[list].as_array()?.iter().filter_map(|item| time(item.pointer(pointer)?)).max()
    };
    each("containerStatuses", "/state/terminated/finishedAt").or_else(|| each("conditions", "/lastTransitionTime"))
}

/// One run of a container as far as its pod tells of it.
struct Run {
    number: u64,
    started_at: Option<Timestamp>,
    /// How it ended; `None` for one that goes on.
    end: Option<Value>,
}

impl Run {
    fn ended(number: u64, end: &Value) -> Option<Self> {
        let finished_at = time(&end["finishedAt"]);
        // A container that could not be started says that it did in 1970.
        let started_at = time(&end["startedAt"]).filter(|start| start.as_second() > 0).or(finished_at);
        end.is_object().then(|| Self { number, started_at, end: Some(end.clone()) })
    }

    fn had_ended(&self, at: Timestamp) -> Option<&Value> {
        self.end.as_ref().filter(|end| !is_later(&end["finishedAt"], at))
    }
}

fn runs(container: &Value, earlier: &[Value]) -> Vec<Run> {
    let count = container["restartCount"].as_u64().unwrap_or(0);
    let is_own = |run: &&Value| run["container"] == container["name"];
    let mut runs: Vec<Run> = earlier
        .iter()
        .filter(is_own)
        .filter_map(|run| Run::ended(run["run"].as_u64()?, &run["end"]))
        .filter(|run| run.number < count)
        .collect();
    // While a container waits for its restart, its last state is the run that its restart count names.
    let last = if container["state"]["waiting"].is_object() { Some(count) } else { count.checked_sub(1) };
    runs.extend(last.and_then(|number| Run::ended(number, &container["lastState"]["terminated"])));
    runs.extend(Run::ended(count, &container["state"]["terminated"]));
    let running = &container["state"]["running"];
    if running.is_object() {
        runs.push(Run { number: count, started_at: time(&running["startedAt"]), end: None });
    }
    runs.sort_by_key(|run| run.number);
    runs.dedup_by_key(|run| run.number);
    runs
}

fn container_as_of(container: &mut Value, earlier: &[Value], at: Timestamp) {
    let mut runs = runs(container, earlier);
    if runs.is_empty() {
        // It never ran; since when it waits for what it waits for, nobody knows.
        return;
    }
    runs.retain(|run| run.started_at.is_none_or(|start| start <= at));
    let Some(current) = runs.pop() else {
        (container["restartCount"], container["ready"], container["lastState"]) = (0.into(), false.into(), json!({}));
        container["state"] = json!({"waiting": {"reason": "ContainerCreating"}});
        return;
    };
    container["restartCount"] = current.number.into();
    container["ready"] = current.had_ended(at).is_none().into();
    container["state"] = match current.had_ended(at) {
        Some(end) => json!({"terminated": end}),
        None => json!({"running": {"startedAt": current.started_at}}),
    };
    let before = runs.pop().filter(|run| run.number + 1 == current.number);
    container["lastState"] = before.and_then(|run| run.end).map_or(json!({}), |end| json!({"terminated": end}));
}

/// The status of a Job that had not ended, counted from its pods.
fn recount(job: &mut Value, pods: &[Value], at: Timestamp) {
    let phase = |pod: &Value, phase: &str| pod["status"]["phase"] == phase;
    let is_over = |pod: &Value| phase(pod, "Succeeded") || phase(pod, "Failed");
    let is_leaving = |pod: &Value| pod["metadata"]["deletionTimestamp"].is_string() || pod[GONE] == true;
    let count = |wanted: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| wanted(pod)).count();
    let mut completed: Vec<u32> = pods
        .iter()
        .filter(|pod| phase(pod, "Succeeded"))
        .filter_map(|pod| pod["metadata"]["annotations"][INDEX].as_str()?.parse().ok())
        .collect();
    completed.sort_unstable();
    completed.dedup();
    let status = &mut job["status"];
    remove(status, &["completionTime", "completedIndexes", "failedIndexes", "uncountedTerminatedPods"]);
    if is_later(&status["startTime"], at) {
        remove(status, &["startTime"]);
    }
    status["active"] = count(&|pod| !is_over(pod) && !is_leaving(pod)).into();
    status["succeeded"] = count(&|pod| phase(pod, "Succeeded")).into();
    status["failed"] = count(&|pod| phase(pod, "Failed")).into();
    status["terminating"] = count(&|pod| !is_over(pod) && is_leaving(pod) && pod[GONE] != true).into();
    status["ready"] = count(&|pod| phase(pod, "Running") && !is_leaving(pod)).into();
    if !completed.is_empty() {
        status["completedIndexes"] = ranges(&completed).into();
    }
}

/// `0,3-5`, as a status writes it.
fn ranges(indexes: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let text = |(first, last): &(u32, u32)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

/// An Event that had happened by then, once as far as is known if it has happened again since.
fn event_as_of(event: &Value, at: Timestamp) -> Option<Value> {
    let mut event = event.clone();
    let times = [&event["firstTimestamp"], &event["eventTime"], &event["metadata"]["creationTimestamp"]];
    let first = times.into_iter().find_map(time)?;
    if first > at {
        return None;
    }
    if is_later(&event["lastTimestamp"], at) || is_later(&event["series"]["lastObservedTime"], at) {
        remove(&mut event, &["series", "count"]);
        event["lastTimestamp"] = json!(first);
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attempts;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).expect("a time")
    }

    fn ended(code: i32, from: i64, to: i64) -> Value {
        json!({"terminated": {"exitCode": code, "reason": "Error", "startedAt": at(from), "finishedAt": at(to)}})
    }

    fn pod(name: &str, restarts: u64, state: &Value, last: &Value, phase: &str) -> Value {
        let status = json!({"name": "app", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
            "state": state, "lastState": last});
        json!({"metadata": {"name": name, "uid": name, "creationTimestamp": at(0)}, "spec": {"containers": []},
            "status": {"phase": phase, "containerStatuses": [status]}})
    }

    fn story(pods: Vec<Value>) -> Story {
        let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": at(36)});
        let status =
            json!({"startTime": at(0), "failed": 3, "conditions": [condition("FailureTarget"), condition("Failed")]});
        let event = |first: i64, last: i64| json!({"reason": first.to_string(), "firstTimestamp": at(first), "lastTimestamp": at(last), "count": 2});
        let job =
            json!({"metadata": {"name": "x"}, "spec": {"template": {"spec": {"containers": []}}}, "status": status});
        let events = vec![event(1, 2), event(3, 30), event(20, 20)];
        Story { job, pods, events, records: None, manifest: None, logs: Vec::new(), now: at(100) }
    }

    #[test]
    fn attempts_come_up_run_and_end_one_after_the_other() {
        let mut pods: Vec<Value> = [(0, 2), (12, 14), (34, 36)]
            .iter()
            .map(|(from, to)| pod(&format!("p{from}"), 0, &ended(3, *from, *to), &json!({}), "Failed"))
            .collect();
        for (pod, created) in pods.iter_mut().zip([0, 11, 33]) {
            pod["metadata"]["creationTimestamp"] = json!(at(created));
        }
        let story = story(pods);
        let seen = |second: i64| {
            let then = story.as_of(at(second));
            let ends: Vec<bool> = attempts(&then).iter().map(|attempt| attempt.end.is_some()).collect();
            let status = &then.job["status"];
            let conditions = status["conditions"].as_array().map_or(0, Vec::len);
            (ends, status["active"].as_u64(), status["failed"].as_u64(), conditions)
        };
        assert_eq!(seen(1), (vec![false], Some(1), Some(0), 0));
        assert_eq!(seen(2), (vec![true], Some(0), Some(1), 0));
        assert_eq!(seen(11), (vec![true, false], Some(1), Some(1), 0));
        assert_eq!(seen(14), (vec![true, true], Some(0), Some(2), 0));
        assert_eq!(seen(36), (vec![true, true, true], None, Some(3), 2));
        let pending = story.as_of(at(11));
        assert_eq!(pending.pods[1]["status"]["phase"], "Pending");
        assert_eq!(story.as_of(at(13)).pods[1]["status"]["phase"], "Running");
    }

    #[test]
    fn the_last_moment_is_what_is_known_now() {
        let story = story(vec![pod("p", 0, &ended(3, 1, 2), &json!({}), "Failed")]);
        let last = story.as_of(at(99));
        assert_eq!((&last.job, &last.pods, &last.events), (&story.job, &story.pods, &story.events));
        assert_eq!(last.as_of(at(99)), last);
    }

    #[test]
    fn runs_of_one_pod_are_taken_back_one_by_one() {
        let mut one = pod("p", 2, &json!({"running": {"startedAt": at(30)}}), &ended(1, 10, 15), "Running");
        let earlier = json!({"container": "app", "run": 0, "end": ended(1, 1, 5)["terminated"]});
        one["status"][EARLIER_RUNS] = json!([earlier]);
        let story = story(vec![one]);
        let seen = |second: i64| {
            let then = story.as_of(at(second));
            let restarts = then.pods[0]["status"]["containerStatuses"][0]["restartCount"].as_u64();
            let ends: Vec<bool> = attempts(&then).iter().map(|attempt| attempt.end.is_some()).collect();
            (restarts, ends)
        };
        assert_eq!(seen(0), (Some(0), vec![false]));
        assert_eq!(seen(4), (Some(0), vec![false]));
        assert_eq!(seen(5), (Some(0), vec![true]));
        assert_eq!(seen(12), (Some(1), vec![true, false]));
        assert_eq!(seen(20), (Some(1), vec![true, true]));
        assert_eq!(seen(30), (Some(2), vec![true, true, false]));
    }

    #[test]
    fn what_was_deleted_later_was_there() {
        let mut gone = pod("p", 0, &json!({"running": {"startedAt": at(1)}}), &json!({}), "Running");
        gone["metadata"]["deletionTimestamp"] = json!(at(50));
        gone["metadata"]["deletionGracePeriodSeconds"] = 30.into();
        gone[GONE] = true.into();
        let story = story(vec![gone]);
        let then = story.as_of(at(19));
        assert_eq!((&then.pods[0]["metadata"]["deletionTimestamp"], &then.pods[0][GONE]), (&Value::Null, &Value::Null));
        assert!(story.as_of(at(20)).pods[0]["metadata"]["deletionTimestamp"].is_string());
    }

    #[test]
    fn events_and_decisions_that_came_later_are_not_known_yet() {
        let mut story = story(Vec::new());
        let record = |second: i64| crate::Record {
            at: at(second),
            rule: "backoff".to_owned(),
            inputs: String::new(),
            decision: String::new(),
            field: String::new(),
            waits_for: None,
            until: None,
        };
        story.records = Some(vec![record(1), record(9)]);
        let then = story.as_of(at(5));
        let events: Vec<_> = then.events.iter().map(|event| (&event["reason"], &event["count"])).collect();
        assert_eq!(events, [(&json!("1"), &json!(2)), (&json!("3"), &Value::Null)]);
        assert_eq!(then.records.map(|records| records.len()), Some(1));
    }

    #[test]
    fn indexes_are_written_as_ranges() {
        assert_eq!(ranges(&[0, 3, 4, 5, 9]), "0,3-5,9");
    }
}
