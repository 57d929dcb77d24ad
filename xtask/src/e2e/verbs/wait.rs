//! `wait`: every way to end, with its exit code.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// Jobs that cannot go on, and one that goes by itself.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let job = |name: &str, fields: &str, container: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n{fields}  template:\n    spec:\n      \
             restartPolicy: Never\n      containers:\n      - name: app\n        image: app\n{container}"
        )
    };
    session.file("held.yaml", &job("held", "  suspend: true\n", "        command: ['true']\n"))?;
    session.file(
        "stuck.yaml",
        &job(
            "stuck",
            "",
            "        env: [{name: A, valueFrom: {configMapKeyRef: {name: none, key: a}}}]\n        command: ['true']\n",
        ),
    )
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = plain();
    steps.extend([
        // 3: the server cannot be reached.
        step("wait hello --server https://127.0.0.1:9 --timeout 0").exits(3).err_has("127.0.0.1:9"),
    ]);
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        // 0: complete.
        step("run hello --image app --detach -- true").out("job.batch/hello created").talks(),
        step("wait hello --timeout 30s").out("job.batch/hello Complete").talks(),
        step("wait job/hello --for condition=Complete").out("job.batch/hello condition met").talks(),
        // 1: failed, with the last lines on request.
        step("run bad --image app --detach --backoff-limit 0 -- sh -c 'echo no luck; exit 3'").talks(),
        step("wait bad --timeout 30s --logs-on-failure").exits(1).out("job.batch/bad Failed*").err_has("no luck"),
        step("wait hello bad").exits(1).has("job.batch/hello *").has("job.batch/bad *"),
        step("wait --all --timeout 30s").exits(1).has("job.batch/bad *"),
        step("wait -l job-name=hello").out("job.batch/hello Complete").talks(),
        step("wait bad --for failed").out("job.batch/bad *").talks(),
        // 2: a wrong command line.
        step("wait").exits(2).err_has("required"),
        step("wait hello --for nonsense").exits(2).err_has("nonsense"),
        // 4: not found, when it is not to be waited for.
        step("wait nobody --timeout 0").exits(4).err_has("\"nobody\" not found"),
        step("wait nobody --for deleted").out("job.batch/nobody *deleted*").talks(),
        // 5: it cannot go on by itself.
        step("run -f {work}/held.yaml --detach").out("job.batch/held created").talks(),
        step("wait held --fail-on-stuck=1s --timeout 30s")
            .exits(5)
            .has("job.batch/held stuck: Suspended")
            .err_has("Stuck: the Job is suspended*"),
        step("run -f {work}/stuck.yaml --detach").out("job.batch/stuck created").talks(),
        step("wait stuck --fail-on-stuck=1s --timeout 30s")
            .exits(5)
            .has("job.batch/stuck stuck: CreateContainerConfigError")
            .err_has("configmap \"none\" not found"),
        step("wait held --for suspended").out("job.batch/held *").talks(),
        // 124: time is up.
        step("wait held --timeout 1s").exits(124).err_has("timed out waiting*held"),
        step("wait nobody --timeout 1s").exits(124).err_has("timed out waiting*nobody"),
    ]
}
