//! `describe`: the whole screen, and the same as data.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job that fails, with a field that no local pod honours.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "limits.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: limits\nspec:\n  backoffLimit: 0\n  activeDeadlineSeconds: 300\n  \
         ttlSecondsAfterFinished: 600\n  podFailurePolicy:\n    rules:\n    - action: Ignore\n      onPodConditions: [{type: DisruptionTarget}]\n  \
         template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - name: app\n        image: app\n        \
         command: [sh, -c, 'exit 3']\n        resources: {limits: {cpu: 10m}}\n",
    )
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![
        step("run -f {work}/limits.yaml").exits(1).talks(),
        step("describe limits --ascii").out(
            "Name: limits Namespace: default Target: local Source: *limits.yaml\n\
             Labels: *\n\
             Status: Failed (BackoffLimitExceeded) Started * Failed * Duration *\n\
             Pods: 0 active - 0 succeeded - 1 failed Completions 0/1 Parallelism 1 Mode NonIndexed\n\
             Limits: backoffLimit 0 (1 used x) (*limits.yaml:6) activeDeadline 300s (*s used) (*limits.yaml:7) TTL 600s -> deletes *\n\
             Conditions:\n\
             FailureTarget True * BackoffLimitExceeded Job has reached the specified backoff limit\n\
             Failed True * BackoffLimitExceeded Job has reached the specified backoff limit\n\
             Pod failure policy:\n\
             0 Ignore when the pod has DisruptionTarget=True (*limits.yaml:11)\n\
             Success policy: <none>\n\
             Attempts:\n\
             # POD START RUN EXIT REASON BACKOFF COUNTED MESSAGE\n\
             1 limits-????? * 3 Error - yes -> limit\n\
             Fidelity:\n\
             ...\n\
             Events:\n\
             TYPE REASON AGE OBJECT MESSAGE\n\
             ...",
        ),
        step("describe limits").has("resources.limits").has("job/limits Created pod: limits-?????"),
        step("run hello --image app -- true").talks(),
        step("describe hello --show-events=false").has("Fidelity:*").has("simulated: spec.template.spec.containers[0].image * the name of a local program*").has("Events: <none>"),
        step("describe hello --events=false -o json").has("\"events\": []"),
        // As it was, from the history; that more than the last moment is seen, another verb's steps show (clock).
        step("describe limits --at=+0s")
            .has("Name: limits *Target: history*")
            .err_has("Job limits as it was at ??:??:??, 0s after its start")
            .within(5),
        step("describe limits --at 2h").exits(2).err_has("error: --at *: Job limits started only * ago"),
        step("describe limits --at -5s").exits(2).err_has("error: --at is a time after the start of Job limits"),
        step("describe limits --at soon").exits(2).err_has("invalid duration"),
        step("run brief --image app --rm -- true").talks(),
        step("describe brief --at 0s").has("Name: brief *").err_has("0s after its start").within(5),
        step("run slow -d --image app -- sleep 600").talks(),
        step("describe slow --at 0s").fails("error: the history has nothing of Job slow yet: --at is for Jobs that have ended"),
        step("delete slow --force").talks(),
    ];
    steps.extend(reading());
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    let mut steps = vec![
        step("run -f {work}/limits.yaml").exits(1).talks(),
        step("run hello --image app -- true").talks(),
        step("describe limits --at 1s")
            .exits(2)
            .err_has("error: --at looks into the history, which is that of local servers"),
        step("describe limits").has("Target: *plain.kubeconfig").has("Status: Failed (BackoffLimitExceeded)*"),
    ];
    steps.extend(reading());
    steps
}

fn reading() -> Vec<Step> {
    vec![
        step("describe limits -o json")
            .has("\"reason\": \"BackoffLimitExceeded\"")
            .has("\"exitCode\": 3")
            .has("\"counted\": \"yes * limit\""),
        step("describe hello -o yaml").has("status: Complete"),
        step("describe limits hello").has("Name: limits *").has("Name: hello *"),
        step("describe -l job-name=hello").has("Name: hello *"),
        step("describe nobody").exits(1).err_has("\"nobody\" not found"),
        step("describe").exits(2).err_has("required"),
    ]
}
