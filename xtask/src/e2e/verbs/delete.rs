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
        // kubectl's rules of grace, and its words.
        step("run five -d --image app -- sh -c 'trap : TERM; sleep 600; sleep 600'").talks(),
        step("delete five --force --grace-period 5")
            .exits(2)
            .err("error: --force and --grace-period greater than 0 cannot be specified together"),
        step("delete five --force --grace-period 0 --cascade foreground")
            .out("job.batch \"five\" force deleted")
            .err_has("Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. *")
            .err_has("and its pod"),
        // It deletes what is confirmed: a no, an answer that is none and no answer at all are a no.
        step("run six -d --image app -- sleep 600").talks(),
        step("delete six -i")
            .out("")
            .err("You are about to delete the following 1 resource(s):\njob.batch/six\nDo you want to continue? (y/N): deletion is cancelled"),
        step("delete six -i").input("n\n").out("").err_has("*deletion is cancelled"),
        step("delete --all --interactive").input("yes\n").out("").err_has("*deletion is cancelled"),
        step("get six -o name").out("job.batch/six"),
        step("delete six nobody -i").input("Y\n").exits(1).out("job.batch \"six\" deleted").err_has("*\"nobody\" not found"),
        step("get six").fails("Error from server (NotFound): jobs.batch \"six\" not found"),
        step("delete --all -i").err("No resources found"),
        step("delete x --cascade sideways").exits(2).err_has("sideways"),
    ]
}
