//! The rules: id, severity, and why.

use serde::Serializer;

use super::Severity::{self, Error, Note, Warning};

/// One rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// As it is named with `--ignore`.
    pub(crate) id: &'static str,
    /// How bad what it finds is.
    pub(crate) severity: Severity,
    /// Why it is there: what happens, and what to do instead.
    pub(crate) why: &'static str,
}

const fn rule(id: &'static str, severity: Severity, why: &'static str) -> Rule {
    Rule { id, severity, why }
}

/// All of them.
pub(crate) const RULES: &[Rule] = &[
    rule("refused", Error, "the API server refuses it"),
    rule("restart-always", Error, "a Job is there to end: its pods take restartPolicy Never, or OnFailure"),
    rule(
        "on-failure-loses-logs",
        Warning,
        "at the last failure the controller deletes the pod, and its logs with it; with Never the failed pods stay",
    ),
    rule(
        "no-deadline",
        Warning,
        "a pod that hangs, or that cannot start, keeps the Job running for ever; no retry limit ends that",
    ),
    rule("no-ttl", Note, "a finished Job and its pods stay until somebody deletes them"),
    rule(
        "default-backoff-limit",
        Note,
        "without backoffLimit a Job that always fails runs 7 pods, over some 10 minutes of back-off",
    ),
    rule(
        "work-queue",
        Note,
        "without completions the first pod that succeeds ends the Job: no pod is started after it",
    ),
    rule("one-at-a-time", Note, "without parallelism the pods run one after the other"),
    rule("parallelism-over-completions", Note, "more pods at a time than are needed in all are never started"),
    rule("parallelism-zero", Warning, "no pod is started as long as parallelism is 0; the Job waits without a word"),
    rule("suspended", Note, "nothing runs until it is resumed"),
    rule(
        "many-indexes",
        Warning,
        "status.completedIndexes grows with the gaps between finished indexes, and each write of the status carries it",
    ),
    rule(
        "per-index-without-bound",
        Note,
        "without maxFailedIndexes all other indexes run to their end after one has failed for good",
    ),
    rule(
        "manual-selector",
        Warning,
        "a selector that matches pods of others adopts them, counts them, and deletes them with the Job",
    ),
    rule(
        "failure-policy-disruptions",
        Note,
        "without a rule that ignores the condition DisruptionTarget, evictions and preemptions count as failures",
    ),
    rule("failure-policy-shadowed", Warning, "the first rule that matches decides: this one is never reached"),
    rule(
        "failure-policy-signals",
        Warning,
        "137 and 143 are also the codes of pods that were evicted or preempted: match their condition DisruptionTarget first",
    ),
    rule(
        "failure-policy-all-containers",
        Note,
        "without containerName any container with that code decides, init containers and sidecars too",
    ),
    rule(
        "several-containers",
        Note,
        "the pod ends when all of its containers have ended; a helper belongs among the init containers, with restartPolicy Always",
    ),
    rule("latest-image", Warning, "the same manifest runs another program tomorrow, and every start asks the registry"),
    rule(
        "no-requests",
        Note,
        "the scheduler puts the pod where there is no room for it, and it is the first to be evicted",
    ),
    rule(
        "no-command",
        Note,
        "the local server has no image to take a command from: give one, or --map-image when you run it",
    ),
    rule("plain-secret", Warning, "everybody who may read the Job reads it, in history too: take it from a Secret"),
    rule(
        "generate-name",
        Warning,
        "an object without a name cannot be found again: create it (kubectl create, kubectl job run), or name it",
    ),
    rule(
        "cron-overlap",
        Warning,
        "with Allow, runs pile up when one takes longer than the time between two: Forbid, Replace, or a deadline",
    ),
    rule(
        "cron-days",
        Warning,
        "a day is met when either field is: restrict one of them, and test for the other in the command",
    ),
    rule("cron-uneven-step", Warning, "steps begin anew with each hour or day, so that the last interval is shorter"),
    rule("cron-never", Error, "no day within five years meets the schedule"),
    rule("cron-time-zone", Note, "the time zone is that of whatever runs the controller; name one in timeZone"),
    rule(
        "cron-short-deadline",
        Warning,
        "a cluster's controller looks every 10 s: a shorter startingDeadlineSeconds may miss every run",
    ),
    rule("cron-no-failed-history", Note, "the logs of a failed run go with its Job, at once"),
];

/// The rule of that id, which is one of the list.
pub(super) fn find(id: &str) -> &'static Rule {
    RULES.iter().find(|rule| rule.id == id).unwrap_or(&RULES[0])
}

/// Serializes a rule as its id.
pub(super) fn id<S: Serializer>(rule: &&'static Rule, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(rule.id)
}
