//! `run`: its screens off a terminal, its result file, and every exit code that it can end with. What it does on a
//! terminal, and on Ctrl-C, is a test of the plugin's own, which has a terminal to give (`tests/it/terminal.rs`).

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// Manifests, right and wrong.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let job = |name: &str, fields: &str, command: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n{fields}  template:\n    spec:\n      \
             restartPolicy: Never\n      containers:\n      - name: app\n        image: app\n        command: {command}\n"
        )
    };
    session.file("migrate.yaml", &job("migrate", "  backoffLimit: 0\n", "[sh, -c, 'echo FATAL no table; exit 3']"))?;
    session.file("lower.yaml", &job("lower", "", "['true']").replace("kind: Job", "kind: job"))?;
    session.file("held.yaml", &job("held", "  suspend: true\n", "['true']"))?;
    session.file("wrong.yaml", &job("wrong", "  parallelizm: 2\n", "['true']"))
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = plain();
    steps.extend([
        // Back-offs pass at once where the clock jumps, and every attempt is told of.
        step("run gone --image app --ephemeral --backoff-limit 0 -- no-such-program")
            .exits(1)
            .err_has("could not start: exec: \"no-such-program\": executable file not found"),
        step("run both --image app --completions 2 --parallelism 2 --indexed -- sh -c 'echo $$JOB_COMPLETION_INDEX'")
            .has("idx0*1 * 0")
            .has("idx1*1 * 1")
            .talks(),
        // Strict images: what is not mapped cannot be had, whatever program there is.
        step("run strict --image app --ephemeral --strict-images --fail-on-stuck=0s -- true")
            .exits(5)
            .err_has("Job strict is stuck * ErrImagePull")
            .err_has("*map it with --map-image app=PROGRAM, or leave out --strict-images*"),
        step("run strict --image app --ephemeral --strict-images --map-image app=echo -- echo hi").out("hi").talks(),
        step("run strict --image app --ephemeral --strict-images --pull -- true")
            .exits(2)
            .err_has("cannot be used with"),
        step("run strict --image app --strict-images -- true")
            .exits(2)
            .err_has("knows other image rules: stop it first"),
        step("run again --image app --watch-files {work}/absent -- true").exits(2).err_has("absent\" does not exist"),
        step("run --image app --watch-files {work}/held.yaml -- true").exits(2).err_has("give the Job a name"),
        step("run again --image app --detach --watch-files {work}/held.yaml -- true")
            .exits(2)
            .err_has("cannot be used with"),
        step("run -f - --watch-files {work}/held.yaml").exits(2).err_has("cannot come from standard input"),
        step("run gone --image app --detach --ephemeral -- true").exits(2).err_has("take one of them"),
        // 4: it was deleted before it finished.
        step("run short --image app --ephemeral --result-file {work}/result.json --backoff-limit 0 -- sh -c 'exit 9'")
            .exits(1)
            .talks(),
        // 5: it cannot go on by itself.
        step("run -f {work}/held.yaml --ephemeral --fail-on-stuck=1s")
            .exits(5)
            .err_has("Job held is stuck * Suspended"),
    ]);
    // Pods that go with their Job at once, often before their output could be asked for, lose none of it.
    steps.extend((0..8).map(|number| {
        step(&format!("run brief{number} --image app --ttl 0s -- sh -c 'echo one; echo two'"))
            .out("one\ntwo")
            .err_has(&format!("Job brief{number} Complete after *"))
    }));
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        // 0, and standard output is the container's alone.
        step("run hello --image app -- echo hi")
            .out("hi")
            .err_has("job.batch/hello created")
            .err_has("Job hello Complete after *"),
        // 1, with the failure screen.
        step("run -f {work}/migrate.yaml --ascii")
            .exits(1)
            .out("FATAL no table")
            .err_has("pod/migrate-????? #1 failed exit=3 reason=Error limit=0")
            .err_has("x Job migrate FAILED after * - BackoffLimitExceeded")
            .err_has("Why 1 pod failed; backoffLimit is 0 (*migrate.yaml:6), so the first failure ended the Job.")
            .err_has("Container \"app\": exit 3.")
            .err_has("Last migrate-????? | FATAL no table")
            .err_has("Next kubectl job why migrate *"),
        step("run three --image app --backoff-limit 0 --exit-code-from container -- sh -c 'exit 7'").exits(7).talks(),
        step("run quiet --image app --logs none -- echo hi").out("").talks(),
        step("run failed --image app --logs failed --backoff-limit 0 -- sh -c 'echo why; exit 1'")
            .exits(1)
            .out("why")
            .talks(),
        step("run good --image app --logs failed -- echo unseen").out("").talks(),
        step("run told --image app --result-file {work}/told.json --backoff-limit 0 -- sh -c 'exit 9'")
            .exits(1)
            .talks(),
        // 2: a wrong command line, a wrong manifest.
        step("run").exits(2).err_has("--image IMAGE"),
        step("run -f {work}/wrong.yaml")
            .exits(2)
            .err_has("unknown field \"spec.parallelizm\" (*wrong.yaml:6; did you mean parallelism?)"),
        step("run -f {work}/lower.yaml").exits(2).err_has("kind is \"job\": write Job"),
        step("run words --image app -- 'echo hi'")
            .exits(2)
            .err_has("leave the quotes out, or run it in a shell: -- sh -c 'echo hi'"),
        step("run lost -n nowhere --image app -- true").exits(4).err_has("make it: kubectl create namespace nowhere"),
        step("run wrong.yaml").exits(2).err("error: a manifest is named with -f: kubectl job run -f wrong.yaml"),
        step("run -f {work}/migrate.yaml").exits(2).err_has("--replace"),
        step("run -f {work}/migrate.yaml --replace").exits(1).out("FATAL no table").talks(),
        step("run -f {work}/absent.yaml").exits(2).err_has("does not exist"),
        // 5: suspended from the start.
        step("run -f {work}/held.yaml --fail-on-stuck=1s").exits(5).err_has("Job held is stuck * Suspended"),
        // 124: time is up, and the Job goes on.
        step("run late --image app --timeout 1s -- sleep 600").exits(124).err_has("time is up; Job late goes on"),
        step("delete late").talks(),
        step("run brief --image app --rm -- true").talks(),
        step("get brief").exits(1).err_has("\"brief\" not found"),
        step("run dry --image app --dry-run=client -o name -- true").out("job.batch/dry"),
    ]
}
