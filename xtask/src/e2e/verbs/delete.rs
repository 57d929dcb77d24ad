//! `delete`: Jobs and their pods.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = plain();
    steps.push(step("history -o 'custom-columns=:.job.name' --no-headers").has("one").has("three"));
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run one -d --image app -- sleep 600").out("job.batch/one created"),
        step("run two -d --image app -- sleep 600").out("job.batch/two created"),
        step("run three --image app -- true").talks(),
        step("delete one").has("job.batch \"one\" deleted*").talks(),
        step("get one").fails("Error from server (NotFound): jobs.batch \"one\" not found"),
        step("delete two three -o name").out("job.batch/two\njob.batch/three").talks(),
        step("delete nobody").fails("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        step("delete nobody --ignore-not-found").out(""),
        step("delete").exits(2).err_has("*NAMES*"),
        step("delete --all").err("No resources found"),
        step("run four -d --image app -- sleep 600").talks(),
        step("delete -l job-name=four --cascade foreground --now").has("job.batch \"four\" deleted*").talks(),
        step("get").err("No resources found in default namespace."),
        step("delete x --cascade sideways").exits(2).err_has("sideways"),
    ]
}
