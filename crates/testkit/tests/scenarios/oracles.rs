//! Reads every commit of a scenario again and holds it against what must be true of all: a Job's status keeps upstream's
//! rules at each write, every pod is counted exactly once or let go for a reason, and no Job has a pod too many.

mod status;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use testkit::condition;

/// One line of the event log.
pub(crate) struct Commit {
    pub(crate) time: Timestamp,
    pub(crate) verb: String,
    pub(crate) object: Value,
}

/// The commits of an event log.
pub(crate) fn commits(log: &str) -> impl Iterator<Item = Commit> + '_ {
    log.lines().map(|line| {
        let mut words = line.splitn(6, ' ');
        let mut word = || words.next().expect("six words").to_owned();
        let (_revision, time, verb, _resource, _key, object) = (word(), word(), word(), word(), word(), word());
        let time = time.parse().expect("a time");
        Commit { time, verb, object: serde_json::from_str(&object).expect("JSON") }
    })
}

pub(crate) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

pub(crate) fn is_tracked(pod: &Value) -> bool {
    let finalizers = pod["metadata"]["finalizers"].as_array().into_iter().flatten();
    finalizers.into_iter().any(|finalizer| finalizer == "batch.kubernetes.io/job-tracking")
}

fn controller(pod: &Value) -> Option<&str> {
    let owners = pod["metadata"]["ownerReferences"].as_array()?;
    let owner = owners.iter().find(|owner| owner["controller"] == true && owner["kind"] == "Job")?;
    owner["uid"].as_str()
}

fn has_ended(pod: &Value) -> bool {
    pod["status"]["phase"] == "Succeeded" || pod["status"]["phase"] == "Failed"
}

fn is_active(pod: &Value) -> bool {
    !has_ended(pod) && pod["metadata"]["deletionTimestamp"].is_null()
}

fn index(pod: &Value) -> Option<u64> {
    pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"].as_str()?.parse().ok()
}

/// UIDs in `uncountedTerminatedPods`.
fn uncounted<'a>(job: &'a Value, list: &str) -> BTreeSet<&'a str> {
    let list = job["status"]["uncountedTerminatedPods"][list].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

/// The state at one commit.
#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Value>,
    pods: BTreeMap<String, Value>,
    /// Since when each Job's spec is as it is, and how many pods it allowed before.
    limits: BTreeMap<String, (Timestamp, i64)>,
}

/// Reads all commits again.
pub(crate) fn check(log: &str) {
    let mut state = State::default();
    for commit in commits(log) {
        match commit.object["kind"].as_str() {
            Some("Job") => state.job(commit),
            Some("Pod") => state.pod(commit),
            _ => {}
        }
    }
}

impl State {
    fn job(&mut self, commit: Commit) {
        let (uid, job) = (uid(&commit.object).to_owned(), commit.object);
        if commit.verb == "DELETED" {
            self.jobs.remove(&uid);
            return;
        }
        if let Some(before) = self.jobs.get(&uid) {
            if before["status"] != job["status"] {
                status::check(before, &job);
                self.check_counted(before, &job);
            }
            let allowed = before["spec"]["parallelism"].as_i64().unwrap_or(1);
            if before["spec"] != job["spec"] {
                self.limits.insert(uid.clone(), (commit.time, allowed));
            }
        }
        self.jobs.insert(uid, job);
    }

    /// Counters rise by the pods that leave the lists, all of them untracked; only tracked pods come in.
    fn check_counted(&self, before: &Value, job: &Value) {
        if before["spec"]["managedBy"].is_string() {
            return;
        }
        let tracked = |uid: &&&str| self.pods.get(**uid).is_some_and(is_tracked);
        for (list, counter) in [("failed", "failed"), ("succeeded", "succeeded")] {
            let (old, new) = (uncounted(before, list), uncounted(job, list));
            let left = old.difference(&new);
            assert_eq!(left.clone().find(tracked), None, "counted while it is tracked: {job:#}");
            let entered = new.difference(&old).find(|uid| !tracked(uid));
            assert_eq!(entered, None, "listed though it is not tracked: {job:#}");
            if job["spec"]["completionMode"] != "Indexed" || list == "failed" {
                let number = |job: &Value| job["status"][counter].as_i64().unwrap_or(0);
                let grown = number(job) - number(before);
                assert_eq!(grown, i64::try_from(left.count()).expect("few"), "{counter}: {before:#} {job:#}");
            }
        }
    }

    fn pod(&mut self, commit: Commit) {
        let (uid, pod) = (uid(&commit.object).to_owned(), commit.object);
        if commit.verb == "DELETED" {
            self.pods.remove(&uid);
            return;
        }
        match self.pods.get(&uid) {
            None => self.check_new(&pod, commit.time),
            Some(before) => {
                if has_ended(before) {
                    assert_eq!(before["status"]["phase"], pod["status"]["phase"], "a terminal phase changed: {pod:#}");
                }
                if is_tracked(before) && !is_tracked(&pod) {
                    self.check_released(before, &pod);
                }
            }
        }
        self.pods.insert(uid, pod);
    }

    /// No pod more than the Job asks for now, or asked for a moment ago.
    fn check_new(&self, pod: &Value, time: Timestamp) {
        let Some((uid, job)) = controller(pod).and_then(|uid| Some((uid, self.jobs.get(uid)?))) else { return };
        // Pods that a scenario makes itself have no generated name.
        if !is_tracked(pod) || pod["metadata"]["generateName"].is_null() {
            return;
        }
        assert!(condition(job, "Complete").or(condition(job, "Failed")).is_none(), "a pod of a Job that ended");
        let late = job["spec"]["podReplacementPolicy"] == "Failed" || !job["spec"]["podFailurePolicy"].is_null();
        let occupies =
            |other: &&Value| controller(other) == Some(uid) && (is_active(other) || (late && !has_ended(other)));
        let others: Vec<&Value> = self.pods.values().filter(occupies).collect();
        let now = job["spec"]["parallelism"].as_i64().unwrap_or(1);
        let before = self.limits.get(uid).filter(|(since, _)| *since == time).map_or(now, |(_, limit)| *limit);
        let pods = i64::try_from(others.len() + 1).expect("few");
        assert!(pods <= now.max(before), "{pods} pods, parallelism {now}: {job:#}");
        if let Some(index) = index(pod) {
            let same = others.iter().find(|other| self::index(other) == Some(index));
            assert_eq!(same.map(|pod| &pod["metadata"]["name"]), None, "index {index} has a pod already");
        }
    }

    /// A pod that ended is in the status when its finalizer goes, or a rule lets it go.
    fn check_released(&self, before: &Value, pod: &Value) {
        let Some(job) = controller(before).and_then(|uid| self.jobs.get(uid)) else { return };
        let gone = controller(pod).is_none();
        let over = !job["metadata"]["deletionTimestamp"].is_null() || condition(job, "SuccessCriteriaMet").is_some();
        if gone || over || !has_ended(before) {
            return;
        }
        let uid = uid(pod);
        if uncounted(job, "failed").contains(uid) || uncounted(job, "succeeded").contains(uid) {
            return;
        }
        let ignored = !job["spec"]["podFailurePolicy"].is_null() && before["status"]["phase"] == "Failed";
        let indexed = job["spec"]["completionMode"] == "Indexed" && before["status"]["phase"] == "Succeeded";
        let beyond = index(before).is_some_and(|index| index >= job["spec"]["completions"].as_u64().unwrap_or(0));
        let listed = |list: &str| index(before).is_some_and(|index| status::has_index(&job["status"][list], index));
        let by_index = indexed && (listed("completedIndexes") || listed("failedIndexes"));
        assert!(ignored || beyond || by_index, "let go and counted nowhere: {pod:#} {job:#}");
    }
}
