//! `logs`: of all attempts, of some, of those whose pods are gone.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = plain();
    steps.extend([
        // With OnFailure the pod goes when the limit is used up; its output stays.
        step("run back --image app --restart OnFailure --backoff-limit 0 -- sh -c 'echo no luck; exit 1'").exits(1).talks(),
        step("logs back")
            .has("#1 │ no luck")
            .err("pod back-????? was deleted: BackoffLimitExceeded, restartPolicy OnFailure; its output is from the history")
            .within(5),
        step("run brief --image app --ttl 0s -- echo hi").talks(),
        step("logs brief").out("hi").err_has("Job brief is gone; this is from the history: Complete *").within(5),
    ]);
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run one --image app -- echo hi").out("hi").talks(),
        step("logs one").out("hi"),
        step("logs job/one --timestamps").out("????-??-??T??:??:??.*Z hi"),
        step("run many --image app --completions 3 --parallelism 1 --indexed -- sh -c 'echo of $JOB_COMPLETION_INDEX'")
            .talks(),
        step("logs many").out("idx0·1 │ of 0\nidx1·1 │ of 1\nidx2·1 │ of 2"),
        step("logs many --ascii --index 0,2").out("idx0-1 | of 0\nidx2-1 | of 2"),
        step("logs many --index 1").out("of 1"),
        step("logs many --no-prefix --attempt last").out("of 0\nof 1\nof 2"),
        step("logs many --failed").err("Job many has no such attempt"),
        step("logs many --index 5-3").exits(2).err_has("write indexes like 0,3-5"),
        step("logs many --attempt first").exits(2).err_has("write last, all or a number"),
        step("logs -f one").out("hi"),
        step("logs -f one --attempt 1").exits(2).err_has("-f follows every attempt"),
        step("logs nobody").fails("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        step("logs pod/x").exits(2).err_has("\"pod\" is no Job"),
    ]
}
