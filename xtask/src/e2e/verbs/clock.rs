//! `clock`: reading and moving the time of a local server.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job that is acted out for an hour, and a CronJob.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let pod = "metadata: {annotations: {kubectl-job/run: 1h}}, spec: {restartPolicy: Never, containers: [{name: a, image: a}]}";
    let job = format!("{{template: {{{pod}}}}}");
    let schedule = "schedule: '0 3 * * *', timeZone: Etc/UTC, concurrencyPolicy: Forbid";
    session.file(
        "both.yaml",
        &format!(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: nightly}}\nspec: {{{schedule}, jobTemplate: {{spec: {job}}}}}\n---\n\
             apiVersion: batch/v1\nkind: Job\nmetadata: {{name: acted}}\nspec: {job}\n"
        ),
    )
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("clock now").exits(1).err_has("kubectl job server start --clock hybrid"),
        step("server start --clock hybrid").talks(),
        step("clock now").out("now 20*Z\nmode hybrid\n..."),
        step("clock advance 90m").has("ahead 90m"),
        step("clock now -o json").has("\"mode\": \"hybrid\""),
        step("clock advance -- -5m").exits(2).err_has("time does not run back"),
        step("clock advance soon").exits(2).err_has("invalid duration"),
        // Ten minutes and a half of back-off take as long as seven processes.
        step("run bad --image app -- false").exits(1).err_has("FAILED after 10m"),
        // From timer to timer, through every retry of a process that fails.
        step("run six -d --image app --backoff-limit 2 -- false").talks(),
        step("clock until job/six=complete,failed").has("mode hybrid").err("Job six Failed (BackoffLimitExceeded) after *"),
        step("clock until job/six=finished").has("now 20*Z").err("Job six Failed (BackoffLimitExceeded) after 0s"),
        // What the history knows of the time between: attempts end, and are begun again ten and thirty seconds later.
        step("describe six --at=+9s --ascii")
            .has("Status: Running *Duration 9s")
            .has("Pods: 0 active - 0 succeeded - 1 failed *")
            .has("Conditions: <none>")
            .err_has("Job six as it was at ??:??:??, 9s after its start")
            .within(5),
        step("describe six --at=29s --ascii").has("Pods: 0 active - 0 succeeded - 2 failed *").talks(),
        step("clock until job/six=complete").exits(1).err("error: Job six Failed and will not be otherwise"),
        step("run held -d --image app -- true").talks(),
        step("wait held").talks(),
        step("clock until job/held=deleted --limit 10m")
            .exits(1)
            .err("error: Job held is Complete and not deleted, and will be so for 10m: what it waits for is not in that time (--limit)"),
        step("clock until job/nobody=finished").fails("Error from server (NotFound): jobs.batch \"nobody\" not found"),
        step("clock until six").exits(2).err_has("error: \"six\": write job/NAME=finished*"),
        step("clock pause").exits(2).err_has("clock pause is not supported* kubectl job clock advance DURATION"),
        step("clock speed 60x").exits(2).err_has("clock speed is not supported*"),
        step("clock now --context x").exits(2).err_has("about the local server"),
        step("server stop").talks(),
        step("server start").talks(),
        step("clock advance 1h").exits(1).talks(),
        step("run slow -d --image app -- sleep 600").talks(),
        step("clock until job/slow=finished").exits(1).err_has("--clock hybrid or --clock virtual"),
        step("server stop").talks(),
        // Where pods are acted out there is nothing to wait for but time.
        step("server start --clock virtual").talks(),
        step("run -f {work}/both.yaml -d").talks(),
        step("clock until job/acted=finished").has("mode virtual").err("Job acted Complete after *"),
        step("clock until cronjob/nightly=fired").has("mode virtual").err("CronJob nightly fired after *"),
        step("suspend cj/nightly").talks(),
        step("clock until cronjob/nightly=fired --limit 48h").exits(1).err("error: CronJob nightly is suspended*"),
    ]
}
