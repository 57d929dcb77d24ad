//! `history`: Jobs that are gone, by list, screen and output.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job that fails by a line of its manifest.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "limit.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: limit}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      \
         restartPolicy: Never\n      containers:\n      - {name: app, image: app, command: [sh, -c, 'echo no hope; exit 4']}\n",
    )
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("history").err("No runs found."),
        step("run good --image app -- echo hi").out("hi").talks(),
        step("run bad --image app --backoff-limit 0 -- sh -c 'echo no luck; exit 3'").exits(1).talks(),
        step("delete good bad").talks(),
        step("history bad")
            .out("NAME NAMESPACE STATUS REASON STARTED DURATION\nbad default Failed BackoffLimitExceeded *s ago *s"),
        step("history -o name").has("run/????????T??????Z-default-good-????????"),
        step("history -o wide").has("NAME NAMESPACE STATUS REASON STARTED DURATION SUCCEEDED FAILED LOGS RUN"),
        step("history --limit 1 --no-headers").has("bad default Failed *"),
        step("history --status complete --no-headers").out("good default Complete CompletionsReached *s ago *s"),
        step("history -l batch.kubernetes.io/job-name=none").err("No runs found."),
        step("history -n other").err("No runs found."),
        step("history -A -o 'custom-columns=JOB:.job.name,WHY:.status.reason'").has("bad BackoffLimitExceeded"),
        step("history -o yaml").has("reason: BackoffLimitExceeded"),
        step("history bad -o jsonpath={.items[0].metadata.name}").save("run"),
        step("history show {run}")
            .has("Name: bad*")
            .has("Status: Failed (BackoffLimitExceeded)*")
            .has("Run: Failed*{run}")
            .has("Last * no luck"),
        step("run -f {work}/limit.yaml").exits(1).out("no hope").talks(),
        step("delete limit").talks(),
        step("history show limit").has("backoffLimit is 0 (*limit.yaml:5)").has("Last * no hope"),
        step("why limit").has("backoffLimit is 0 (*limit.yaml:5)").has("Last * no hope").talks(),
        step("history delete limit").has("run/*-limit-* deleted"),
        step("history logs {run}").out("no luck").within(5),
        step("history logs bad --tail 1").out("no luck"),
        step("history logs bad --attempt 7").err("Job bad has no such attempt"),
        step("history show nothing").fails("error: the history has no run \"nothing\": see kubectl job history"),
        step("history --context real").exits(2).err_has("the history is that of local servers"),
        step("history -l '!!'").exits(2).err_has("error: -l: *"),
        // Other verbs look there when the Job is gone, and say so.
        step("logs bad")
            .out("no luck")
            .err("Job bad is gone; this is from the history: Failed (BackoffLimitExceeded) *s ago, run {run}"),
        step("describe bad")
            .has("Status: Failed (BackoffLimitExceeded)*")
            .err("Job bad is gone; this is from the history: *"),
        step("logs nobody").fails("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        // The server's end takes nothing away.
        step("server stop").talks(),
        step("history logs {run}").out("no luck"),
        step("history delete {run}").out("run/{run} deleted"),
        step("history bad").err("No runs found."),
        step("history delete --all").has("run/*-good-* deleted"),
        step("history delete --all").err("the history is empty"),
        step("history delete").exits(2).err_has("*RUN*"),
        step("run secret --ephemeral --no-history --image app -- echo hi").out("hi").talks(),
        step("history").err("No runs found."),
    ]
}
