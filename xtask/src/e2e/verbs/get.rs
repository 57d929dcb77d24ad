//! `get`: kubectl's table of Jobs and its formats.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![
        step("get").err("No resources found in default namespace."),
        step("run bad --image app --backoff-limit 0 -- sh -c 'exit 3'").exits(1).talks(),
    ];
    steps.extend(plain());
    steps.extend([
        step("get --status failed").out("NAME STATUS COMPLETIONS DURATION AGE\nbad Failed 0/1 * *"),
        step("get --sort-by .metadata.name -o name").out("job.batch/bad\njob.batch/hello"),
    ]);
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("run hello --image app -- echo hi").out("hi").talks(),
        step("get hello").out("NAME STATUS COMPLETIONS DURATION AGE\nhello Complete 1/1 * *"),
        step("get hello -o name").out("job.batch/hello"),
        step("get hello -o wide").out(
            "NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR FAILED REASON\n\
             hello Complete 1/1 * * hello app batch.kubernetes.io/controller-uid=* 0 CompletionsReached",
        ),
        step("get hello -o json").has("\"kind\": \"Job\""),
        step("get hello -o yaml").has("kind: Job"),
        step("get hello -o jsonpath={.status.succeeded}").out("1"),
        step("get hello -o custom-columns=NAME:.metadata.name,OK:.status.succeeded").out("NAME OK\nhello 1"),
        step("get hello --no-headers").out("hello Complete 1/1 * *"),
        step("get hello -o go-template={{.kind}}").exits(2).err_has("go-template"),
        step("get nobody").exits(1).err_has("\"nobody\" not found"),
        step("get nobody --ignore-not-found").out(""),
        step("get -n empty").err("No resources found in empty namespace."),
        step("get -A").has("default hello Complete"),
        step("get -l job-name=hello -o name").out("job.batch/hello"),
        step("get -l job-name=other -o name").out(""),
    ]
}
