//! What a recorder has seen of one Job: its last state, its pods and Events, within bounds. Pure.
//!
//! States are kept as the objects that the store holds too, so what lives costs nothing twice; only a pod whose containers
//! restart is folded, since its status forgets all runs but two.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use api::k8s::api::batch::v1::Job;
use api::{Object, Uid};
use explain::{Collector, Record, Story};
use jiff::Timestamp;
use serde_json::Value;

use super::run::{Left, Run};
use crate::view::facts;

/// Most pods of one Job that a story holds: those that came up last.
pub(super) const PODS_MAX: usize = 1000;
/// Most Events of one Job and its pods: the newest.
pub(super) const EVENTS_MAX: usize = 1000;

/// A bounded map that forgets what came first.
#[derive(Debug)]
struct Newest<V> {
    entries: HashMap<Uid, (u64, V)>,
    order: BTreeMap<u64, Uid>,
    next: u64,
    max: usize,
    left_out: u64,
}

impl<V> Newest<V> {
    fn new(max: usize) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), next: 0, max, left_out: 0 }
    }

    /// The entry of that UID; the answer's second part is what had to go for a new one.
    fn entry(&mut self, uid: &Uid, new: impl FnOnce() -> V) -> (&mut V, Option<Uid>) {
        let mut gone = None;
        if !self.entries.contains_key(uid) {
            if self.entries.len() == self.max
                && let Some((_, oldest)) = self.order.pop_first()
            {
                self.entries.remove(&oldest);
                self.left_out += 1;
                gone = Some(oldest);
            }
            self.entries.insert(uid.clone(), (self.next, new()));
            self.order.insert(self.next, uid.clone());
            self.next += 1;
        }
        let entry = self.entries.get_mut(uid).map(|(_, value)| value).expect("it was there or put there");
        (entry, gone)
    }

    fn in_order(&self) -> impl Iterator<Item = &V> {
        self.order.values().filter_map(|uid| self.entries.get(uid)).map(|(_, value)| value)
    }
}

/// One pod.
#[derive(Clone, Debug)]
struct Seen {
    name: String,
    state: State,
    is_gone: bool,
}

#[derive(Clone, Debug)]
enum State {
    /// Its last state.
    Last(Arc<Object>),
    /// All its states, folded.
    Folded(Box<Collector>),
}

/// One Job and what belongs to it.
#[derive(Debug)]
pub(super) struct Watched {
    job: Option<Arc<Object>>,
    pods: Newest<Seen>,
    events: Newest<Arc<Object>>,
    /// The controllers' decisions, as they were told last.
    pub(super) records: Option<Vec<Record>>,
    /// How many Jobs were seen before it.
    pub(super) order: u64,
    /// Whether the Job has ended.
    pub(super) is_over: bool,
    /// When its object was seen to go.
    pub(super) gone_at: Option<Timestamp>,
    /// The id of its run, once that is written.
    pub(super) run: Option<String>,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            job: None,
            pods: Newest::new(PODS_MAX),
            events: Newest::new(EVENTS_MAX),
            records: None,
            order: 0,
            is_over: false,
            gone_at: None,
            run: None,
        }
    }
}

/// What is written of a Job: taken at once, made text elsewhere.
pub(super) struct Snapshot {
    job: Arc<Object>,
    pods: Vec<(State, bool)>,
    events: Vec<Arc<Object>>,
    records: Option<Vec<Record>>,
    gone_at: Option<Timestamp>,
    pods_left_out: u64,
    order: u64,
}

impl Watched {
    /// Takes in the Job's state; whether it has ended by it.
    pub(super) fn saw_job(&mut self, object: &Arc<Object>) -> bool {
        self.job = Some(Arc::clone(object));
        let ends = !self.is_over && object.decode::<Job>().is_ok_and(|job| facts::outcome(&job).is_some());
        self.is_over |= ends;
        ends
    }

    /// Whether the Job itself was seen.
    pub(super) fn has_job(&self) -> bool {
        self.job.is_some()
    }

    /// Takes in a pod's state; the answer is the pod that is left out for it.
    pub(super) fn saw_pod(&mut self, object: &Arc<Object>, is_gone: bool) -> Option<Uid> {
        let meta = object.meta();
        if is_gone && self.pods.left_out > 0 && !self.pods.entries.contains_key(&meta.uid) {
            return None;
        }
        let new = || {
            let restarts = object.field("/spec/restartPolicy").is_none_or(|policy| policy != "Never");
            let state = if restarts { State::Folded(Box::default()) } else { State::Last(Arc::clone(object)) };
            Seen { name: meta.name.clone(), state, is_gone: false }
        };
        let (seen, left_out) = self.pods.entry(&meta.uid, new);
        seen.is_gone |= is_gone;
        match &mut seen.state {
            State::Last(last) => *last = Arc::clone(object),
            State::Folded(collector) => collector.saw(&object.to_value()),
        }
        left_out
    }

    /// Takes in that a pod is gone, of which no last state came.
    pub(super) fn lost_pod(&mut self, uid: &Uid) {
        if let Some((_, seen)) = self.pods.entries.get_mut(uid) {
            seen.is_gone = true;
        }
    }

    /// Takes in an Event.
    pub(super) fn saw_event(&mut self, object: &Arc<Object>) {
        let (event, _) = self.events.entry(&object.meta().uid, || Arc::clone(object));
        *event = Arc::clone(object);
    }

    /// The names of its pods by UID.
    pub(super) fn pod_name(&self, uid: &Uid) -> Option<&str> {
        self.pods.entries.get(uid).map(|(_, seen)| seen.name.as_str())
    }

    /// Whether a pod of it is still there.
    pub(super) fn has_pods(&self) -> bool {
        self.pods.entries.values().any(|(_, seen)| !seen.is_gone)
    }

    /// UIDs of its pods.
    pub(super) fn pods(&self) -> Vec<Uid> {
        self.pods.entries.keys().cloned().collect()
    }

    /// All that is known now; `None` while the Job itself was not seen.
    pub(super) fn snapshot(&self) -> Option<Snapshot> {
        Some(Snapshot {
            job: Arc::clone(self.job.as_ref()?),
            pods: self.pods.in_order().map(|seen| (seen.state.clone(), seen.is_gone)).collect(),
            events: self.events.in_order().cloned().collect(),
            records: self.records.clone(),
            gone_at: self.gone_at,
            pods_left_out: self.pods.left_out,
            order: self.order,
        })
    }
}

impl Snapshot {
    /// As a run and its story.
    pub(super) fn tell(self, left: Left, now: Timestamp) -> Result<(Run, Story), serde_json::Error> {
        let job: Job = self.job.decode()?;
        let left = if self.gone_at.is_some() { Left::Deleted } else { left };
        let mut run = Run::of(&job, left, self.gone_at, now);
        (run.pods_left_out, run.order) = (self.pods_left_out, self.order);
        let pods = self.pods.into_iter().flat_map(|(state, is_gone)| {
            let mut collector = match state {
                State::Last(object) => {
                    let mut collector = Collector::default();
                    collector.saw(&object.to_value());
                    collector
                }
                State::Folded(collector) => *collector,
            };
            if is_gone && let Some(last) = collector.pods().last().cloned() {
                collector.gone(&last);
            }
            collector.into_pods()
        });
        let story = Story {
            job: self.job.to_value(),
            pods: pods.collect(),
            events: self.events.iter().map(|event| event.to_value()).collect::<Vec<Value>>(),
            records: self.records,
            manifest: None,
            logs: Vec::new(),
            now,
        };
        Ok((run, story))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> Arc<Object> {
        Arc::new(Object::from_value(value).expect("an object"))
    }

    fn pod(number: usize) -> Arc<Object> {
        object(
            &json!({"metadata": {"name": format!("p{number}"), "uid": format!("u{number}")}, "spec": {"restartPolicy": "Never"}}),
        )
    }

    fn job(conditions: &Value) -> Arc<Object> {
        object(&json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "a", "namespace": "default", "uid": "j", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "status": {"conditions": conditions},
        }))
    }

    fn told(watched: &Watched) -> (Run, Story) {
        let now = "2026-01-01T00:01:00Z".parse().expect("a time");
        watched.snapshot().expect("its Job was seen").tell(Left::Alive, now).expect("it can be told")
    }

    #[test]
    fn the_newest_pods_of_a_large_job_are_kept_and_the_others_counted() {
        let mut watched = Watched::default();
        watched.saw_job(&job(&json!([])));
        let left_out: Vec<Uid> = (0..PODS_MAX + 3).filter_map(|number| watched.saw_pod(&pod(number), false)).collect();
        assert_eq!(left_out, ["u0", "u1", "u2"].map(Uid::from));
        // A pod that was left out does not come back when it goes.
        assert_eq!(watched.saw_pod(&pod(0), true), None);
        let (run, story) = told(&watched);
        assert_eq!((story.pods.len(), run.pods_left_out), (PODS_MAX, 3));
        assert_eq!(story.pods[0]["metadata"]["name"], "p3");
    }

    #[test]
    fn a_job_ends_once() {
        let mut watched = Watched::default();
        let failed = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]);
        assert!(!watched.saw_job(&job(&json!([]))));
        assert!(watched.saw_job(&job(&failed)));
        assert!(!watched.saw_job(&job(&failed)));
        assert_eq!(told(&watched).0.verdict(), "Failed (BackoffLimitExceeded)");
    }

    #[test]
    fn runs_that_a_pod_forgets_and_pods_that_are_gone_are_in_the_story() {
        let state = |restarts: u32, code: i32| {
            let end = json!({"terminated": {"exitCode": code, "reason": "Error"}});
            let container = json!({"name": "c", "image": "", "imageID": "", "ready": false, "restartCount": restarts,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": end});
            object(
                &json!({"metadata": {"name": "p", "uid": "p"}, "spec": {"restartPolicy": "OnFailure", "containers": []},
                "status": {"phase": "Running", "containerStatuses": [container]}}),
            )
        };
        let mut watched = Watched::default();
        watched.saw_job(&job(&json!([])));
        for run in 0..4 {
            watched.saw_pod(&state(run, 3), false);
        }
        watched.saw_pod(&state(3, 3), true);
        assert!(!watched.has_pods());
        let (_, story) = told(&watched);
        assert_eq!(explain::attempts(&story).len(), 4);
        assert_eq!(story.pods[0]["gone"], true);
    }
}
