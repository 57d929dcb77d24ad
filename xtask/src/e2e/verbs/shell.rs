//! `shell`: commands in the environment of an attempt. What needs a terminal is tested where there is one.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job that fails, with an environment and a volume.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "job.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  colour: red\n---\n\
         apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: bad\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      \
         containers:\n      - name: app\n        image: app:1\n        command: [sh, -c, 'echo no luck; exit 3']\n        workingDir: /usr\n        \
         env:\n        - name: WHO\n          value: world\n        - name: COLOUR\n          valueFrom:\n            configMapKeyRef: {name: settings, key: colour}\n",
    )
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let note = "*in a copy of #1, pod bad-?????, container app: without what that attempt wrote, and gone afterwards";
    vec![
        step("run -f {work}/job.yaml").exits(1).talks(),
        step("shell bad -- sh -c 'echo $WHO $COLOUR; pwd'").out("world red\n/usr").err(note),
        step("shell bad -- sh -c 'exit 7'").exits(7).talks(),
        step("shell bad -- sh -c 'cat; echo read >&2'").input("typed\n").out("typed").err_has("read").err_has(note),
        // Without a command it is a shell, which reads what it is to do.
        step("shell bad").input("echo $WHO\nexit 5\n").exits(5).out("world").talks(),
        step("shell bad --attempt 2").fails("error: Job bad has no such attempt"),
        step("shell bad -c none").exits(2).err("error: the pod has no container \"none\"; it has: app"),
        step("shell nobody").fails("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        step("shell bad --context real").exits(2).err_has("shell is for Jobs of the local server"),
        // The Job does not see copies, and none is left.
        step("get bad -o jsonpath={.status.failed}").out("1"),
        step("delete bad").talks(),
        step("shell bad -- printenv WHO").out("world").err_has("Job bad is gone; this is from the history: Failed *"),
    ]
}
