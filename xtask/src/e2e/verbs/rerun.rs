//! `rerun`: copies of Jobs that have ended, with and without changes, also of Jobs that are gone.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![step("rerun").exits(4).err("error: there is no Job yet that could be run again")];
    steps.extend(plain());
    steps.extend([
        // A Job that is gone is copied from the history.
        step("delete say").talks(),
        step("rerun say -- echo once more")
            .out("once more")
            .err_has("Job say is gone; this is from the history: Complete *"),
        step("delete --all").talks(),
        step("server stop").talks(),
        step("rerun --env WHO=nobody")
            .out("once more")
            .err_has("Job say-r? is gone; this is from the history: Complete *"),
    ]);
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run say --image app --env WHO=world -- sh -c 'echo hello $WHO'").out("hello world").talks(),
        step("rerun say").out("hello world").err_has("job.batch/say-r2 created*").err_has("*Job say-r2 Complete*"),
        step("rerun say --env WHO=moon").out("hello moon").err_has("job.batch/say-r3 created*"),
        step("rerun say-r3 -d").out("job.batch/say-r4 created"),
        step("wait say-r4").out("job.batch/say-r4 Complete"),
        step("rerun say --replace -- sh -c 'echo $WHO again'").out("world again").talks(),
        step("get say -o 'jsonpath={.metadata.annotations.kubectl-job/rerun-of}'").out("say"),
        step("rerun say --dry-run -o jsonpath={.spec.template.metadata.labels}").out("{}"),
        step("run bad --image app --backoff-limit 0 -- sh -c 'exit 3'").exits(1).talks(),
        step("rerun bad").exits(1).err_has("*Job bad-r2 FAILED*BackoffLimitExceeded*"),
        step("rerun @last --image other --exit-code-from container").exits(3).err_has("job.batch/bad-r3 created*"),
        step("get bad-r3 -o jsonpath={.spec.template.spec.containers[0].image}").out("other"),
        step("run slow -d --image app -- sleep 600").out("job.batch/slow created"),
        step("rerun slow")
            .exits(2)
            .err("error: Job slow has not ended: wait for it, or delete it first with --replace"),
        step("rerun nobody").exits(4).err("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        step("rerun say -c none --image x").exits(2).err("error: the Job has no container \"none\"; it has: say"),
        step("rerun say --env WHO").exits(2).err("error: --env \"WHO\": write NAME=VALUE"),
        step("delete slow --now").talks(),
    ]
}
