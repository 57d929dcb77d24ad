//! Jobs: the documentation's pi Job from `apply` to `delete`, unmodified, and what becomes of pods when a Job goes.

use crate::e2e::step::{Step, step};

/// The documentation's page, in its order.
pub(super) fn pi() -> Vec<Step> {
    vec![
        step("apply -f {jobs}/pi.yaml").out("job.batch/pi created"),
        step("get jobs").out("NAME STATUS COMPLETIONS DURATION AGE\npi Running 0/1 * *").within(5),
        step("get pods --selector=job-name=pi --output=jsonpath={.items[*].metadata.name}")
            .out("pi-?????")
            .within(5)
            .save("pod"),
        step("get pods").out("NAME READY STATUS RESTARTS AGE\n{pod} 1/1 Running 0 *").within(10),
        step("describe jobs/pi")
            .has("Name: pi")
            .has("Namespace: default")
            .has("Selector: *controller-uid=*")
            .has("Labels: *controller-uid=*")
            .has("Parallelism: 1")
            .has("Completions: 1")
            .has("Start Time: *")
            .has("Pods Statuses: 1 * / 0 Succeeded / 0 Failed")
            .has("Image: perl:5.34.0")
            .has("Normal SuccessfulCreate * job-controller Created pod: {pod}"),
        step("wait --for=condition=complete job/pi --timeout=60s").out("job.batch/pi condition met"),
        step("logs {pod}").out("3.14159265358979*133904780275901"),
        step("logs jobs/pi").out("3.14159265358979*133904780275901"),
        step("get jobs").out("NAME STATUS COMPLETIONS DURATION AGE\npi Complete 1/1 * *"),
        step("get job pi -o jsonpath={.status.succeeded}:{.status.conditions[*].type}")
            .out("1:SuccessCriteriaMet Complete"),
        step("get pods").out("NAME READY STATUS RESTARTS AGE\n{pod} 0/1 Completed 0 *"),
        step("describe jobs/pi")
            .has("Pods Statuses: 0 * / 1 Succeeded / 0 Failed")
            .has("Normal Completed * job-controller Job completed"),
        step("describe pod {pod}")
            .has("Controlled By: Job/pi")
            .has("Exit Code: 0")
            .has("Reason: Completed")
            .has("Status: Succeeded"),
        step("delete jobs/pi").out("job.batch \"pi\" deleted*"),
        step("get pods --selector=job-name=pi").err("No resources found in default namespace.").within(10),
        step("get jobs").err("No resources found in default namespace.").within(10),
    ]
}

/// `create job`, and a Job that fails.
pub(super) fn created() -> Vec<Step> {
    vec![
        step("create job hello --image=busybox -- echo 'hello from a job'").out("job.batch/hello created"),
        step("wait --for=condition=complete job/hello --timeout=30s").out("job.batch/hello condition met"),
        step("logs job/hello").out("hello from a job"),
        step("create job hello --image=busybox -- true").fails("error: failed to create job: jobs.batch \"hello\" already exists"),
        step("create job dry --image=busybox --dry-run=client -o name").out("job.batch/dry"),
        step("create job dry --image=busybox --dry-run=server -o name").out("job.batch/dry"),
        step("get job dry").fails("Error from server (NotFound): jobs.batch \"dry\" not found"),
        step("apply -f {jobs}/pi-with-timeout.yaml --dry-run=server").out("job.batch/pi-with-timeout created (server dry run)"),
        step("create job failing --image=busybox --dry-run=client -o json -- sh -c 'echo no luck; exit 3'").save_file("failing.json").has("failing"),
        step("create -f {work}/failing.json").out("job.batch/failing created"),
        step("patch job failing -p '{\"spec\":{\"backoffLimit\":0}}'").out("job.batch/failing patched"),
        step("wait --for=condition=failed job/failing --timeout=60s").out("job.batch/failing condition met"),
        step("logs job/failing").out("no luck"),
        step("get job failing").out("NAME STATUS COMPLETIONS DURATION AGE\nfailing Failed 0/1 * *"),
        step("get pods -l job-name=failing -o jsonpath={.items[0].status.containerStatuses[0].state.terminated.exitCode}").out("3"),
        step("describe job failing").has("Warning BackoffLimitExceeded * job-controller Job has reached the specified backoff limit"),
        step("delete job failing").out("job.batch \"failing\" deleted*"),
    ]
}

/// `--cascade` in its three forms; background is the pi Job's.
pub(super) fn deletion() -> Vec<Step> {
    let pods = "get pods -l job-name=sleeper -o jsonpath={.items[*].status.phase}";
    vec![
        step("create job sleeper --image=busybox -- sleep 600").out("job.batch/sleeper created"),
        step(pods).out("Running").within(10),
        step("delete job sleeper --cascade=orphan").out("job.batch \"sleeper\" deleted*"),
        step(pods).out("Running"),
        step("get pods -l job-name=sleeper -o jsonpath={.items[*].metadata.ownerReferences}{.items[*].metadata.finalizers}").out("").within(10),
        step("delete pods -l job-name=sleeper --grace-period=1").out("pod \"sleeper-?????\" deleted*"),
        step("create job sleeper --image=busybox -- sleep 600").out("job.batch/sleeper created"),
        step(pods).out("Running").within(10),
        step("delete job sleeper --cascade=foreground --timeout=60s").out("job.batch \"sleeper\" deleted*").talks(),
        step("get jobs,pods -l job-name=sleeper").err("No resources found in default namespace."),
        step("delete job sleeper").fails("Error from server (NotFound): jobs.batch \"sleeper\" not found"),
        step("delete job sleeper --ignore-not-found").out(""),
    ]
}
