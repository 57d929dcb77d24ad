//! `resume`: the Job goes on, with a start time and a deadline of its own.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    plain()
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run slow -d --image app --deadline 10m -- sleep 600").out("job.batch/slow created"),
        step("suspend slow --wait").out("job.batch/slow suspended").talks(),
        step("get slow -o jsonpath={.status.startTime}").out(""),
        step("resume slow --wait --timeout 60s")
            .out("job.batch/slow resumed")
            .err("startTime and activeDeadlineSeconds begin anew: it has 10m from now"),
        step("get slow").out("NAME STATUS COMPLETIONS DURATION AGE\nslow Running 0/1 * *"),
        step("resume slow").out("job.batch/slow resumed (no change)"),
        step("resume nobody").exits(1).err_has("jobs.batch \"nobody\" not found"),
        step("delete slow").talks().out("job.batch \"slow\" deleted"),
        step("resume --all").err("No resources found: no Job that has not finished"),
        step("resume --timeout 1s slow").exits(2).err_has("--wait"),
    ]
}
