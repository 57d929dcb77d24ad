//! One run: what a list of the history shows. Pure but for the question whether its server still lives.

use std::collections::BTreeMap;

use api::k8s::api::batch::v1::Job;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::view::facts;

/// A run of which nobody has said that it ended: its Job goes on.
pub(crate) const RUNNING: &str = "Running";
/// The longest part of a run's id that is the Job's name.
const NAME_LETTERS: usize = 100;

/// A Job in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    /// The name of its folder.
    pub(crate) id: String,
    /// The Job's name.
    pub(crate) name: String,
    /// The Job's namespace.
    pub(crate) namespace: String,
    /// The Job's UID.
    pub(crate) uid: String,
    /// The Job's labels.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// `Complete`, `Failed`, `Running`; `Deleted` or `Stopped` for a Job that went before it ended.
    pub(crate) status: String,
    /// Why.
    #[serde(default)]
    pub(crate) reason: String,
    /// Why, for people.
    #[serde(default)]
    pub(crate) message: String,
    /// When it began, by its server's clock.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) ended_at: Option<Timestamp>,
    /// When its object went.
    pub(crate) deleted_at: Option<Timestamp>,
    /// Pods that succeeded.
    pub(crate) succeeded: i32,
    /// Pods that failed.
    pub(crate) failed: i32,
    /// How many of its pods the story leaves out; the newest are kept.
    #[serde(default)]
    pub(crate) pods_left_out: u64,
    /// Bytes of its logs.
    #[serde(default)]
    pub(crate) log_bytes: u64,
    /// How many of its pods' logs were dropped to stay below the bound of bytes.
    #[serde(default)]
    pub(crate) logs_dropped: u64,
    /// How many Jobs its server had seen before it.
    #[serde(default)]
    pub(crate) order: u64,
    /// Its server: a process and when that started, since numbers are given again.
    pub(crate) server: String,
}

/// How a Job that has not ended is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// It goes on.
    Alive,
    /// Its object went.
    Deleted,
    /// Its server ended.
    Stopped,
}

impl Run {
    /// What a list says of a Job.
    pub(crate) fn of(job: &Job, left: Left, deleted_at: Option<Timestamp>, now: Timestamp) -> Self {
        let created = job.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let started = job.status.as_ref().and_then(|status| status.start_time.as_ref()).map(|time| time.0);
        let outcome = facts::outcome(job);
        let failed_at = facts::condition(job, "Failed").and_then(|condition| condition.last_transition_time.as_ref());
        let completed_at = job.status.as_ref().and_then(|status| status.completion_time.as_ref());
        let mut run = Self {
            id: String::new(),
            name: facts::name(job).to_owned(),
            namespace: facts::namespace(job).to_owned(),
            uid: facts::uid(job).to_owned(),
            labels: job.metadata.labels.clone().unwrap_or_default(),
            status: String::new(),
            reason: String::new(),
            message: String::new(),
            started_at: started.or(created).unwrap_or(now),
            ended_at: completed_at.or(failed_at).map(|time| time.0),
            deleted_at,
            succeeded: facts::succeeded(job),
            failed: facts::failed(job),
            pods_left_out: 0,
            log_bytes: 0,
            logs_dropped: 0,
            order: 0,
            server: mark(std::process::id()).unwrap_or_default(),
        };
        run.id = id(&run, created.unwrap_or(now));
        match (outcome, left) {
            (Some(outcome), _) => {
                run.status = facts::state(job).to_owned();
                (run.reason, run.message) = (outcome.reason, outcome.message);
            }
            (None, Left::Alive) => run.status = RUNNING.to_owned(),
            (None, Left::Deleted) => run.leave("Deleted", "", "the Job was deleted before it ended", deleted_at),
            (None, Left::Stopped) => {
                run.leave("Stopped", "ServerStopped", "the server was stopped before the Job ended", Some(now));
            }
        }
        run
    }

    fn leave(&mut self, status: &str, reason: &str, message: &str, at: Option<Timestamp>) {
        (self.status, self.reason, self.message) = (status.to_owned(), reason.to_owned(), message.to_owned());
        self.ended_at = at;
    }

    /// The same, by the knowledge of who reads it: nobody could say of a server that was killed that its Jobs went with it.
    pub(crate) fn read(mut self) -> Self {
        if self.status == RUNNING && !lives(&self.server) {
            self.leave("Lost", "ServerDied", "the server died before the Job ended", None);
        }
        self
    }

    /// How long it took, or takes until now.
    pub(crate) fn duration(&self, now: Timestamp) -> Option<SignedDuration> {
        let end = self.ended_at.or_else(|| (self.status == RUNNING).then_some(now))?;
        Some(end.duration_since(self.started_at))
    }

    /// `Failed (BackoffLimitExceeded)`.
    pub(crate) fn verdict(&self) -> String {
        if self.reason.is_empty() { self.status.clone() } else { format!("{} ({})", self.status, self.reason) }
    }

    /// As an object, for `-o json` and its like.
    pub(crate) fn value(&self) -> Value {
        json!({
            "kind": "Run",
            "apiVersion": "v1",
            "metadata": {"name": self.id, "namespace": self.namespace, "labels": self.labels},
            "job": {"name": self.name, "uid": self.uid},
            "status": {
                "status": self.status, "reason": self.reason, "message": self.message,
                "startedAt": self.started_at, "endedAt": self.ended_at, "deletedAt": self.deleted_at,
                "succeeded": self.succeeded, "failed": self.failed,
                "podsLeftOut": self.pods_left_out, "logBytes": self.log_bytes, "logsDropped": self.logs_dropped,
            },
        })
    }
}

/// `20260101T120103Z-default-migrate-1f0c2d3e`: sorts by time, and is a name that every file system takes.
fn id(run: &Run, created: Timestamp) -> String {
    let short = |text: &str, letters: usize| text.chars().take(letters).collect::<String>();
    let name = short(&run.name, NAME_LETTERS);
    format!("{}-{}-{name}-{}", created.strftime("%Y%m%dT%H%M%SZ"), run.namespace, short(&run.uid, 8))
}

/// A process: its number and, in the kernel's ticks since the machine started, when it began.
fn mark(process: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The program's name, in brackets, may hold anything; the start is the 20th field after it.
    let began = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{process}:{began}"))
}

/// Whether a process that was marked so is there.
fn lives(server: &str) -> bool {
    let process = server.split(':').next().and_then(|process| process.parse().ok());
    process.and_then(mark).is_some_and(|mark| mark == server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(conditions: Value) -> Job {
        let value = json!({
            "metadata": {"name": "migrate", "namespace": "team", "uid": "1f0c2d3e-aaaa", "creationTimestamp": "2026-01-01T12:01:03Z"},
            "status": {"startTime": "2026-01-01T12:01:03Z", "failed": 3, "conditions": conditions},
        });
        serde_json::from_value(value).expect("a Job")
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn a_run_is_told_by_the_jobs_conditions() {
        let failed = json!([{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "lastTransitionTime": "2026-01-01T12:01:36Z"}]);
        let run = Run::of(&job(failed), Left::Stopped, None, at("2026-01-02T00:00:00Z"));
        assert_eq!(run.id, "20260101T120103Z-team-migrate-1f0c2d3e");
        assert_eq!(run.verdict(), "Failed (BackoffLimitExceeded)");
        assert_eq!(run.duration(at("2026-01-02T00:00:00Z")), Some(SignedDuration::from_secs(33)));
    }

    #[test]
    fn a_job_that_did_not_end_is_told_by_how_it_was_left() {
        let now = at("2026-01-01T12:02:03Z");
        let status = |left| Run::of(&job(json!([])), left, Some(now), now).verdict();
        assert_eq!(
            [status(Left::Alive), status(Left::Deleted), status(Left::Stopped)],
            ["Running", "Deleted", "Stopped (ServerStopped)"]
        );
    }

    #[test]
    fn a_job_whose_server_was_killed_does_not_run() {
        let now = at("2026-01-01T12:02:03Z");
        let run = Run::of(&job(json!([])), Left::Alive, None, now);
        assert_eq!(run.clone().read().verdict(), "Running");
        let reused = format!("{}:1", std::process::id());
        assert_eq!(Run { server: reused, ..run }.read().verdict(), "Lost (ServerDied)");
    }
}
