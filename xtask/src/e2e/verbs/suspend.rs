//! `suspend`: the pods stop, the Job stays, and what cannot be suspended says why.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = plain();
    steps.extend([
        step("suspend slow --show-kubectl")
            .out("job.batch/slow suspended (no change)")
            .err_has("+ export KUBECONFIG=*"),
        step("resume slow --wait").out("job.batch/slow resumed").talks(),
        step("suspend slow --show-kubectl")
            .out("job.batch/slow suspended")
            .err_has("+ kubectl patch jobs/slow -n default --type=merge -p '{\"spec\":{\"suspend\":true}}'"),
    ]);
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![
        step("suspend --all").err("No resources found: no Job that has not finished"),
        step("run slow -d --image app -- sleep 600").out("job.batch/slow created"),
        step("wait slow --for started").talks().out("job.batch/slow started"),
        step("suspend slow --wait --timeout 60s")
            .out("job.batch/slow suspended")
            .err("its pods are being stopped, which is no failure of the Job; go on: kubectl job resume slow"),
        step("get slow").out("NAME STATUS COMPLETIONS DURATION AGE\nslow Suspended 0/1 *"),
        step("suspend slow").out("job.batch/slow suspended (no change)"),
        step("suspend job slow").out("job.batch/slow suspended (no change)"),
        step("suspend @last -o name").out("job.batch/slow"),
        step("suspend -l job-name=slow -o jsonpath={.spec.suspend}").out("true"),
        step("suspend -l job-name=other").err("No resources found: no Job that has not finished"),
        step("suspend --all -o jsonpath={.spec.suspend}").out("true"),
        step("suspend slw")
            .exits(1)
            .err("Error from server (NotFound): jobs.batch \"slw\" not found; did you mean slow?"),
        step("suspend slow nobody")
            .exits(1)
            .out("job.batch/slow suspended (no change)")
            .err_has("\"nobody\" not found"),
        step("run done --image app -- true").out("").talks(),
        step("suspend done").exits(1).err("error: job.batch/done has finished (Complete): it cannot be suspended"),
        step("suspend").exits(2).talks(),
        step("suspend pod/x").exits(2).err_has("\"pod\" is neither a Job nor a CronJob"),
        step("suspend cj/nightly --wait").exits(2).err_has("--wait is for Jobs"),
    ]
}
