//! All that happened, commit by commit: every Job and pod that ever was, every Event, and the conditions that are asked
//! at each revision.

use std::collections::{BTreeMap, HashMap};

use api::resource::{CRON_JOBS, EVENTS, JOBS, PODS};
use explain::Collector;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use testkit::Commit;

use crate::cel::{Answer, Expression, Facts};
use crate::format::{Outcome, Said, Test};
use crate::kinds;

/// A Job that is or was.
#[derive(Clone, Debug)]
pub(crate) struct JobTrack {
    /// As it was seen last.
    pub(crate) job: Value,
    pub(crate) created_at: Timestamp,
    /// When it was first seen to be Complete or Failed.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) deleted_at: Option<Timestamp>,
    pub(crate) pods: Collector,
    /// Pods that are neither ended nor being deleted.
    active: BTreeMap<String, bool>,
    pub(crate) max_active: u32,
    /// When the Job turned into what, in order.
    pub(crate) turns: Vec<(Timestamp, String)>,
}

impl JobTrack {
    pub(crate) fn name(&self) -> &str {
        text(&self.job, "/metadata/name")
    }

    pub(crate) fn namespace(&self) -> &str {
        text(&self.job, "/metadata/namespace")
    }

    pub(crate) fn condition(&self, condition_type: &str) -> Option<&Value> {
        testkit::condition(&self.job, condition_type)
    }

    /// Complete or Failed.
    pub(crate) fn is_finished(&self) -> bool {
        self.ended_at.is_some()
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match () {
            () if self.condition("Complete").is_some() => Outcome::Complete,
            () if self.condition("Failed").is_some() => Outcome::Failed,
            () if self.deleted_at.is_some() => Outcome::Deleted,
            () if self.condition("Suspended").is_some() => Outcome::Suspended,
            () => Outcome::Running,
        }
    }

    /// The condition that tells of its end, or of what is about to be.
    pub(crate) fn verdict(&self) -> Option<&Value> {
        ["Complete", "Failed", "Suspended"].iter().find_map(|name| self.condition(name))
    }

    /// From its creation to its end.
    pub(crate) fn took(&self) -> Option<SignedDuration> {
        Some(self.ended_at?.duration_since(self.created_at))
    }
}

/// An expression that is asked at every revision, and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) said: Said<Expression>,
    pub(crate) kind: Asking,
    /// When it was first as wanted, or as not wanted: time, revision, of what, and what was said.
    pub(crate) first: Option<(Timestamp, u64, String, Answer)>,
    /// Whether it was ever asked of anything.
    pub(crate) was_asked: bool,
}

/// What of an expression's answers counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    /// It must never be true.
    Never,
    /// It must always be true.
    Always,
    /// It must be true at some time.
    Eventually,
}

/// A partial object that must be seen.
#[derive(Clone, Debug)]
pub(crate) struct Sought {
    pub(crate) said: Said<Value>,
    pub(crate) seen_at: Option<Timestamp>,
    /// The last state of what it could be, for people.
    pub(crate) nearest: Option<Value>,
}

/// The state and its history.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) start: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) jobs: Vec<JobTrack>,
    positions: HashMap<String, usize>,
    pub(crate) cron_jobs: BTreeMap<String, Value>,
    /// By UID, so in no order; ordered by their revision when asked for.
    events: BTreeMap<String, (u64, Value)>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) sought: Vec<Sought>,
    /// All that is there, for tests that go on when something holds.
    there: Option<BTreeMap<(String, String, String), Value>>,
    pub(crate) revisions: u64,
}

impl World {
    pub(crate) fn new(test: &Test, start: Timestamp) -> Self {
        let expect = &test.expect;
        let asked = |list: &[Said<Expression>], kind| -> Vec<Asked> {
            list.iter().map(|said| Asked { said: said.clone(), kind, first: None, was_asked: false }).collect()
        };
        let mut all = asked(&expect.never, Asking::Never);
        all.extend(asked(&expect.always, Asking::Always));
        all.extend(asked(&expect.eventually, Asking::Eventually));
        let sought = expect.objects.iter().map(|said| Sought { said: said.clone(), seen_at: None, nearest: None });
        Self {
            start,
            now: start,
            jobs: Vec::new(),
            positions: HashMap::new(),
            cron_jobs: BTreeMap::new(),
            events: BTreeMap::new(),
            asked: all,
            sought: sought.collect(),
            there: (!test.steps.is_empty()).then(BTreeMap::new),
            revisions: 0,
        }
    }

    /// Sets when the test begins. What the cluster did before is not part of it.
    pub(crate) fn begin(&mut self, start: Timestamp) {
        (self.start, self.now) = (start, start);
    }

    /// Takes in one commit.
    pub(crate) fn saw(&mut self, commit: &Commit) {
        self.now = self.now.max(commit.time);
        self.revisions += 1;
        let (mut object, gone) = (commit.object.to_value(), commit.verb == "DELETED");
        let revision = commit.object.meta().revision.0;
        let resource = &commit.resource;
        // Stored objects may lack what their address says already.
        if let Some(kind) = kinds::kind_of(resource)
            && object["kind"].is_null()
        {
            object["kind"] = kind.into();
        }
        match () {
            () if *resource == JOBS => self.saw_job(object.clone(), gone),
            () if *resource == PODS => self.saw_pod(&object, gone),
            () if *resource == CRON_JOBS => {
                self.cron_jobs.insert(text(&object, "/metadata/uid").to_owned(), object.clone());
            }
            () if *resource == EVENTS && !gone => {
                self.events.insert(text(&object, "/metadata/uid").to_owned(), (revision, object.clone()));
            }
            () => {}
        }
        if let Some(there) = &mut self.there {
            let key = address(&object);
            if gone {
                there.remove(&key)
            } else {
                there.insert(key, object.clone())
            };
        }
        if !gone {
            self.seek(&object);
        }
        if *resource == JOBS || *resource == PODS || *resource == CRON_JOBS {
            self.ask(revision);
        }
    }

    /// Takes in objects that were there before the first commit that is heard of.
    pub(crate) fn remember(&mut self, objects: Vec<Value>) {
        if let Some(there) = &mut self.there {
            for object in objects {
                there.entry(address(&object)).or_insert(object);
            }
        }
    }

    /// All objects that are there, for tests with steps.
    pub(crate) fn there(&self) -> impl Iterator<Item = &Value> {
        self.there.iter().flat_map(BTreeMap::values)
    }

    fn saw_job(&mut self, job: Value, gone: bool) {
        let (uid, now) = (text(&job, "/metadata/uid").to_owned(), self.now);
        let position = *self.positions.entry(uid).or_insert(self.jobs.len());
        if position == self.jobs.len() {
            self.jobs.push(JobTrack {
                job: Value::Null,
                created_at: now,
                ended_at: None,
                deleted_at: None,
                pods: Collector::default(),
                active: BTreeMap::new(),
                max_active: 0,
                turns: vec![(now, "created".to_owned())],
            });
        }
        let track = &mut self.jobs[position];
        let before = std::mem::replace(&mut track.job, job);
        for condition in ["Suspended", "FailureTarget", "SuccessCriteriaMet", "Failed", "Complete"] {
            let (was, is) = (testkit::condition(&before, condition), testkit::condition(&track.job, condition));
            match (was.is_some(), is) {
                (false, Some(is)) => {
                    let reason = is["reason"].as_str().unwrap_or_default();
                    track.turns.push((now, format!("{condition} {reason}").trim_end().to_owned()));
                }
                (true, None) if condition == "Suspended" => track.turns.push((now, "resumed".to_owned())),
                _ => {}
            }
        }
        if track.ended_at.is_none() && (track.condition("Complete").is_some() || track.condition("Failed").is_some()) {
            track.ended_at = Some(now);
        }
        if gone {
            track.deleted_at = Some(now);
            track.turns.push((now, "deleted".to_owned()));
        }
    }

    fn saw_pod(&mut self, pod: &Value, gone: bool) {
        let owners = pod["metadata"]["ownerReferences"].as_array().map(Vec::as_slice).unwrap_or_default();
        let owner = owners.iter().find(|owner| owner["controller"] == true).and_then(|owner| owner["uid"].as_str());
        let Some(track) = owner.and_then(|uid| self.positions.get(uid)).map(|position| &mut self.jobs[*position])
        else {
            return;
        };
        if gone {
            track.pods.gone(pod)
        } else {
            track.pods.saw(pod)
        }
        let phase = text(pod, "/status/phase");
        let active =
            !gone && phase != "Succeeded" && phase != "Failed" && pod["metadata"]["deletionTimestamp"].is_null();
        track.active.insert(text(pod, "/metadata/uid").to_owned(), active);
        let count = track.active.values().filter(|active| **active).count();
        track.max_active = track.max_active.max(u32::try_from(count).unwrap_or(u32::MAX));
    }

    fn seek(&mut self, object: &Value) {
        for sought in self.sought.iter_mut().filter(|sought| sought.seen_at.is_none()) {
            let wanted = &sought.said.value;
            if !is_candidate(wanted, object) {
                continue;
            }
            if part_of(wanted, object).is_ok() {
                sought.seen_at = Some(self.now);
            } else {
                sought.nearest = Some(object.clone());
            }
        }
    }

    fn ask(&mut self, revision: u64) {
        let mut asked = std::mem::take(&mut self.asked);
        for one in asked.iter_mut().filter(|one| one.first.is_none()) {
            for (of, answer) in self.answers(&one.said.value) {
                one.was_asked = true;
                let counts = match one.kind {
                    Asking::Never => matches!(answer, Answer::Yes | Answer::Wrong(_)),
                    Asking::Always => answer != Answer::Yes,
                    Asking::Eventually => matches!(answer, Answer::Yes | Answer::Wrong(_)),
                };
                if counts {
                    one.first = Some((self.now, revision, of, answer));
                    break;
                }
            }
        }
        self.asked = asked;
    }

    /// What an expression says now, of each Job that is there, or of the CronJob.
    pub(crate) fn answers(&self, expression: &Expression) -> Vec<(String, Answer)> {
        let cron_job = self.cron_jobs.values().next();
        let elapsed_seconds = self.now.duration_since(self.start).as_secs();
        if expression.asks_cron_job && cron_job.is_none() {
            return Vec::new();
        }
        if !expression.asks_job {
            let facts = Facts { job: None, pods: &[], cron_job, elapsed_seconds };
            return vec![(String::new(), expression.ask(&facts))];
        }
        let there = self.jobs.iter().filter(|track| track.deleted_at.is_none());
        let answer = |track: &JobTrack| {
            let is_there = |pod: &&Value| pod["gone"] != true;
            let pods: Vec<Value> = track.pods.pods().iter().filter(is_there).cloned().collect();
            let facts = Facts { job: Some(&track.job), pods: &pods, cron_job, elapsed_seconds };
            (track.name().to_owned(), expression.ask(&facts))
        };
        there.map(answer).collect()
    }

    /// Whether all Jobs have ended, and all that is to be seen at some time was seen.
    pub(crate) fn is_quiet(&self) -> bool {
        let waits = |asked: &Asked| asked.kind == Asking::Eventually && asked.first.is_none();
        let over = |track: &JobTrack| track.is_finished() || track.deleted_at.is_some();
        !self.jobs.is_empty()
            && self.jobs.iter().all(over)
            && self.sought.iter().all(|sought| sought.seen_at.is_some())
            && !self.asked.iter().any(waits)
    }

    /// How many runs of containers are known to have ended.
    pub(crate) fn ended_containers(&self) -> usize {
        self.readable_runs().len()
    }

    /// Runs of containers that have ended and can still be read: namespace, pod, container, restart, and whether it is
    /// the run before the last.
    pub(crate) fn readable_runs(&self) -> Vec<(String, String, String, u32, bool)> {
        let mut runs = Vec::new();
        let pods = self.jobs.iter().flat_map(|track| track.pods.pods()).filter(|pod| pod["gone"] != true);
        for pod in pods {
            let (namespace, name) = (text(pod, "/metadata/namespace"), text(pod, "/metadata/name"));
            for status in pod["status"]["containerStatuses"].as_array().into_iter().flatten() {
                let container = text(status, "/name");
                let restarts = status["restartCount"].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
                let mut add = |run, previous| {
                    runs.push((namespace.to_owned(), name.to_owned(), container.to_owned(), run, previous));
                };
                if status["lastState"]["terminated"].is_object() && status["state"]["waiting"].is_null() {
                    add(restarts.saturating_sub(1), true);
                }
                if status["state"]["terminated"].is_object() || status["state"]["waiting"].is_object() && restarts > 0 {
                    add(restarts, false);
                }
            }
        }
        runs
    }

    /// All Events, oldest first.
    pub(crate) fn events(&self) -> Vec<&Value> {
        let mut events: Vec<&(u64, Value)> = self.events.values().collect();
        events.sort_by_key(|(revision, _)| *revision);
        events.into_iter().map(|(_, event)| event).collect()
    }
}

fn address(object: &Value) -> (String, String, String) {
    let of = |pointer: &str| text(object, pointer).to_owned();
    (of("/kind"), of("/metadata/namespace"), of("/metadata/name"))
}

/// The text at a pointer; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether an object is the one meant by kind, name and namespace.
pub(crate) fn is_candidate(wanted: &Value, object: &Value) -> bool {
    let same = |pointer: &str| wanted.pointer(pointer).is_none_or(|value| Some(value) == object.pointer(pointer));
    same("/kind") && same("/metadata/name") && same("/metadata/namespace")
}

/// Whether all that is wanted is in an object; else the first path that is not, and what is there.
pub(crate) fn part_of(wanted: &Value, object: &Value) -> Result<(), (String, Value)> {
    part("", wanted, object)
}

fn part(path: &str, wanted: &Value, object: &Value) -> Result<(), (String, Value)> {
    match (wanted, object) {
        (Value::Object(wanted), Value::Object(object)) => wanted.iter().try_for_each(|(name, value)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            part(&path, value, object.get(name).unwrap_or(&Value::Null))
        }),
        // As kuttl has it: lists are of one length, and each item is a part.
        (Value::Array(wanted), Value::Array(object)) if wanted.len() == object.len() => {
            let mut pairs = wanted.iter().zip(object).enumerate();
            pairs.try_for_each(|(index, (wanted, object))| part(&format!("{path}[{index}]"), wanted, object))
        }
        (wanted, object) if wanted == object || is_zero(wanted) && object.is_null() => Ok(()),
        (_, object) => Err((path.to_owned(), object.clone())),
    }
}

/// What the API leaves out.
fn is_zero(value: &Value) -> bool {
    matches!(value, Value::Number(number) if number.as_f64() == Some(0.0)) || *value == Value::Bool(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_part_is_found_and_a_difference_is_named() {
        let object = json!({"status": {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}});
        assert_eq!(part_of(&json!({"status": {"succeeded": 1, "failed": 0}}), &object), Ok(()));
        assert_eq!(part_of(&json!({"status": {"conditions": [{"type": "Complete"}]}}), &object), Ok(()));
        let differs = part_of(&json!({"status": {"succeeded": 2}}), &object);
        assert_eq!(differs, Err(("status.succeeded".to_owned(), json!(1))));
        assert!(part_of(&json!({"status": {"conditions": []}}), &object).is_err());
    }
}
