//! `why`: what happened and what is waited for, from decision records or inferred, with lines of the manifest.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job, a CronJob, and Jobs that stand still.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let job = |name: &str, fields: &str, command: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\nspec:\n{fields}  template:\n    spec:\n      \
             restartPolicy: Never\n      containers:\n      - name: app\n        image: app\n        command: {command}\n"
        )
    };
    session.file("fails.yaml", &job("fails", "  backoffLimit: 0\n", "[sh, -c, 'echo no luck; exit 3']"))?;
    session.file("suspended.yaml", &job("suspended", "  suspend: true\n", "['true']"))?;
    let policy =
        "  podFailurePolicy:\n    rules:\n    - action: FailJob\n      onExitCodes: {operator: In, values: [42]}\n";
    let volume = |text: &str| {
        let mounted =
            "[sh, -c, 'ls /data']\n        volumeMounts: [{name: data, mountPath: /data}]\n      volumes:\n      - ";
        format!("{mounted}{{name: data, {text}}}")
    };
    session.file("claim.yaml", &job("claim", "", &volume("persistentVolumeClaim: {claimName: wanted}")))?;
    session.file("unmade.yaml", &job("unmade", "", &volume("configMap: {name: wanted}")))?;
    session.file("policy.yaml", &job("policy", policy, "[sh, -c, 'exit 42']"))?;
    let waits = "  completions: 8\n  parallelism: 1\n  completionMode: Indexed\n  backoffLimitPerIndex: 3\n";
    session.file("waits.yaml", &job("waits", waits, "[sh, -c, 'exit $JOB_COMPLETION_INDEX']"))?;
    session.file(
        "cron.yaml",
        "apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: nightly\nspec:\n  schedule: '0 3 * * *'\n  timeZone: Etc/UTC\n  \
         jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          containers:\n          \
         - name: app\n            image: app\n            command: ['true']\n---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  \
         name: beside\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - name: app\n        \
         image: app\n        command: ['true']\n",
    )
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("run -f {work}/fails.yaml").exits(1).out("no luck").talks(),
        step("why fails")
            .has("fails Failed after *: BackoffLimitExceeded, because:")
            .has("1. 1 pod failed; backoffLimit is 0 (*fails.yaml:6), so the first failure ended the Job.")
            .has("2. Container \"app\": exit 3.")
            .has("Last * no luck")
            .has("Rules used: terminal")
            .has("Decisions:")
            .has("scale-up create 1 pod [spec.parallelism; active 0, wanted 1*]")
            .has("terminal BackoffLimitExceeded: * [spec.backoffLimit, *fails.yaml:6; failed 1, backoffLimit 0]"),
        step("why fails --ascii --depth 0").has("Last | no luck"),
        step("why").has("fails Failed after"),
        step("why fails --exit-status").exits(1).has("fails Failed"),
        step("why fails -o json").has("\"place\": \"*fails.yaml:6\"").has("\"inferred\": false"),
        step("why fails -o yaml").has("headline: *fails Failed after"),
        step("run hello --image app -- true").talks(),
        step("why job/hello --exit-status").has("hello is Complete after *: 1/1 succeeded.").has("completions=1"),
        step("run -f {work}/suspended.yaml --detach").out("job.batch/suspended created"),
        step("why suspended").within(5).has("suspended is Suspended since * ago), because:").has("suspend=true (*suspended.yaml:6)"),
        step("why suspended --exit-status").exits(5).has("suspended is Suspended"),
        step("why suspended").has("kubectl job resume suspended"),
        step("run -f {work}/claim.yaml --detach").out("job.batch/claim created").talks(),
        step("why claim --exit-status")
            .exits(5)
            .within(20)
            .has("claim is stuck, because:")
            .has("cannot be scheduled: 0/1 nodes are available: persistentvolumeclaim \"wanted\" not found.")
            .has("on a local server, which has none, use an emptyDir or hostPath volume instead"),
        step("describe claim").has("Stuck: pod claim-* cannot be scheduled").has("never starts: spec.template.spec.volumes[0].persistentVolumeClaim (*claim.yaml:15)*"),
        step("wait claim --fail-on-stuck=1s").exits(5).out("job.batch/claim stuck: Unschedulable").talks(),
        step("run -f {work}/unmade.yaml --fail-on-stuck=1s")
            .exits(5)
            .within(30)
            .err_has("Job unmade is stuck * FailedMount")
            .err_has("MountVolume.SetUp failed for volume \"data\" : configmap \"wanted\" not found")
            .err_has("kubectl create configmap wanted --from-literal=KEY=VALUE"),
        step("why unmade --exit-status").exits(5).has("unmade is stuck, because:").has("configmap \"wanted\" not found"),
        step("describe unmade").has("Stuck: pod unmade-* cannot start: FailedMount: MountVolume.SetUp failed"),
        step("run -f {work}/policy.yaml").exits(1).talks(),
        step("why policy").has("FailJob rule at index 0 (podFailurePolicy at *policy.yaml:8)").has("Decisions:"),
        step("run -f {work}/waits.yaml --detach").out("job.batch/waits created"),
        step("why waits")
            .within(20)
            .has("1. idx1 has failed (exit 1). The back-off after failure 1 is 10s * next attempt at * (in *s); backoffLimitPerIndex=3 (*waits.yaml:9).")
            .has("backoff 1 index waits for its back-off, waits for the back-off to pass, until *"),
        step("run -f {work}/cron.yaml").talks(),
        step("why cronjob/nightly").has("nightly fires next at *03:00:00 (in *)").has("schedule=\"0 3 * * *\"*, in Etc/UTC"),
        step("why nightly").has("It has not fired since it was created at"),
        step("why nobody").exits(1).err_has("jobs.batch \"nobody\" not found"),
        step("why nobody --exit-status").exits(4).err_has("\"nobody\" not found"),
        step("why pod/x").exits(2).err_has("\"pod\" is no Job"),
        step("why fails -o xml").exits(2).err_has("xml"),
    ]
}

/// On a real cluster: the same reasons, inferred.
pub(super) fn plain() -> Vec<Step> {
    let inferred = "Inferred from the object, its pods and events: this server keeps no decision records.";
    vec![
        step("why").exits(1).err_has("no jobs in namespace default"),
        step("run -f {work}/unmade.yaml --fail-on-stuck=1s")
            .exits(5)
            .within(30)
            .err_has("Job unmade is stuck * FailedMount"),
        step("why unmade").has("unmade is stuck, because:").has("configmap \"wanted\" not found").has(inferred),
        step("delete unmade").out("job.batch \"unmade\" deleted*").talks(),
        step("run -f {work}/fails.yaml").exits(1).out("no luck").talks(),
        step("why fails")
            .has("1. 1 pod failed; backoffLimit is 0 (*fails.yaml:6), so the first failure ended the Job.")
            .has("Last * no luck")
            .has(inferred),
        step("why fails -o json").has("\"inferred\": true").has("\"decisions\": []"),
        step("run -f {work}/waits.yaml --detach").out("job.batch/waits created"),
        step("why waits").within(20).has("idx1 has failed (exit 1). The back-off after failure 1 is 10s").has(inferred),
        step("run -f {work}/cron.yaml").talks(),
        step("why nightly").has("nightly fires next at *03:00:00").has(inferred),
    ]
}
