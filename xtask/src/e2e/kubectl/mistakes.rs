//! Bad input through kubectl: each is a clear error, and the server goes on as before. kubectl 1.20 checks fields by
//! itself, with the schema it downloads; newer ones leave that to the server.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A Job with one line put in at a place.
fn job(spec: &str, pod: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: mistake\nspec:\n{spec}  template:\n    spec:\n{pod}      containers:\n      - name: c\n        \
         image: busybox\n        command: [\"true\"]\n"
    )
}

/// One file per mistake.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let never = "      restartPolicy: Never\n";
    session.file("unknown.yaml", &job("  parallelizm: 2\n", never))?;
    session.file("type.yaml", &job("  completions: three\n", never))?;
    session.file("always.yaml", &job("", "      restartPolicy: Always\n"))?;
    session.file("negative.yaml", &job("  backoffLimit: -1\n", never))?;
    let absent = job("  backoffLimit: 1\n", never).replace("mistake", "missing").replace("\"true\"", "no-such-command");
    session.file("missing.yaml", &absent)?;
    session.file("broken.yaml", "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: [unclosed\nspec: {}\n")?;
    session.file("kind.yaml", "apiVersion: batch/v1\nkind: Jobb\nmetadata:\n  name: mistake\n")?;
    session.file("name.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: Not_A_Name\n")
}

/// A command that does not exist: the container cannot start, the Job retries after its back-off and fails.
pub(super) fn missing_command() -> Vec<Step> {
    let terminated = "get pods -l job-name=missing -o jsonpath={.items[0].status.containerStatuses[0].state.terminated";
    vec![
        step("create -f {work}/missing.yaml").out("job.batch/missing created"),
        step("wait --for=condition=failed job/missing --timeout=60s").out("job.batch/missing condition met"),
        step(&format!("{terminated}.reason}}")).out("StartError"),
        step(&format!("{terminated}.exitCode}}")).out("128"),
        step(&format!("{terminated}.message}}")).has("exec: \"no-such-command\": executable file not found in $PATH"),
        step("get job missing -o jsonpath={.status.failed}").out("2"),
        step("describe job missing")
            .has("Warning BackoffLimitExceeded * job-controller Job has reached the specified backoff limit"),
        step("delete job missing").out("job.batch \"missing\" deleted*"),
    ]
}

/// A kept copy of the kubeconfig of a server that is gone; the server removes its own.
pub(super) fn stale() -> Vec<Step> {
    vec![
        step("get jobs --kubeconfig {work}/kept.kubeconfig")
            .exits(1)
            .err_has("The connection to the server 127.0.0.1:* was refused - did you specify the right host or port?"),
    ]
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("create -f {work}/unknown.yaml").exits(1).err_has("ValidationError(Job.spec): unknown field \"parallelizm\" in io.k8s.api.batch.v1.JobSpec").until(24),
        step("create -f {work}/unknown.yaml")
            .exits(1)
            .err_has("Job in version \"v1\" cannot be handled as a Job: strict decoding error: unknown field \"spec.parallelizm\"")
            .since(27),
        step("create -f {work}/type.yaml").exits(1).err_has("ValidationError(Job.spec.completions): invalid type*got \"string\", expected \"integer\"").until(24),
        step("create -f {work}/type.yaml --validate=false").exits(1).err_has("Job in version \"v1\" cannot be handled as a Job*completions*"),
        step("create -f {work}/always.yaml").fails(
            "The Job \"mistake\" is invalid: spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"",
        ),
        step("create -f {work}/negative.yaml").fails(
            "The Job \"mistake\" is invalid: spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0",
        ),
        step("create -f {work}/broken.yaml").exits(1).err_has("error*{work}/broken.yaml*yaml: line *"),
        step("create -f {work}/kind.yaml").exits(1).err_has("*no matches for kind \"Jobb\" in version \"batch/v1\""),
        step("create -f {work}/name.yaml")
            .exits(1)
            .err_has("The ConfigMap \"Not_A_Name\" is invalid: metadata.name: Invalid value: \"Not_A_Name\": a lowercase RFC 1123 subdomain must consist of *"),
        step("get jobs --selector='a=b=c'").exits(1).err_has("*found '=', expected: ',' or 'end of string'"),
        step("get job mistake").fails("Error from server (NotFound): jobs.batch \"mistake\" not found"),
        step("get --raw /readyz").out("ok"),
    ]
}
