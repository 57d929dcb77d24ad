//! How Jobs end: failures and their limits, policies, deadlines, and what is left afterwards.

use super::{Section, manifest};
use crate::e2e::step::{Step, step};

pub(super) fn sections() -> Vec<Section> {
    let mut sections = vec![handling_failures(), restarting(), per_index(), failure_policy(), success_policy()];
    sections.extend([termination(), cleaning_up(), replacement()]);
    sections
}

/// The reason of a Job's condition `Failed`.
fn reason(job: &str, reason: &str) -> Step {
    let line = format!("get job {job} -o jsonpath='{{.status.conditions[?(@.type==\"Failed\")].reason}}'");
    step(&line).out(reason)
}

fn failed(job: &str) -> Step {
    step(&format!("wait --for=condition=failed job/{job} --timeout=60s")).out(&format!("job.batch/{job} condition met"))
}

fn complete(job: &str) -> Step {
    let line = format!("wait --for=condition=complete job/{job} --timeout=60s");
    step(&line).out(&format!("job.batch/{job} condition met"))
}

fn handling_failures() -> Section {
    let text = manifest("fragile", "backoffLimit: 1", "Never", "echo no luck; exit 3");
    let steps = vec![
        step("create -f {work}/fragile.yaml").out("job.batch/fragile created"),
        failed("fragile"),
        reason("fragile", "BackoffLimitExceeded"),
        // The pod, and the one that replaced it.
        step("get job fragile -o jsonpath={.status.failed}").out("2"),
        step("get pods -l job-name=fragile --no-headers")
            .out("fragile-????? 0/1 Error 0 *\nfragile-????? 0/1 Error 0 *"),
        step("describe job fragile")
            .has("Pods Statuses: 0 * / 0 Succeeded / 2 Failed")
            .has("Warning BackoffLimitExceeded * job-controller Job has reached the specified backoff limit"),
        step("delete job fragile").out("job.batch \"fragile\" deleted*"),
    ];
    Section::new("Handling Pod and container failures: Never", steps).file("fragile.yaml", text)
}

fn restarting() -> Section {
    let second = "if [ -e tried ]; then exit 0; fi; touch tried; exit 1";
    let again = manifest("again", "backoffLimit: 2", "OnFailure", second);
    let never = manifest("never", "backoffLimit: 0", "OnFailure", "exit 1");
    let steps = vec![
        step("create -f {work}/again.yaml").out("job.batch/again created"),
        complete("again"),
        step("get pods -l job-name=again --no-headers").has("again-????? 0/1 Completed 1 *"),
        step("create -f {work}/never.yaml").out("job.batch/never created"),
        failed("never"),
        reason("never", "BackoffLimitExceeded"),
        step("get pods -l job-name=never -o jsonpath={.items[*].status.phase}").out("").within(20),
        step("delete jobs again never").out("job.batch \"again\" deleted*\njob.batch \"never\" deleted*"),
    ];
    Section::new("Handling Pod and container failures: OnFailure", steps)
        .file("again.yaml", again)
        .file("never.yaml", never)
}

fn per_index() -> Section {
    let spec =
        "completions: 4\n  parallelism: 4\n  completionMode: Indexed\n  backoffLimitPerIndex: 0\n  maxFailedIndexes: 3";
    let text = manifest("per-index", spec, "Never", "exit $((JOB_COMPLETION_INDEX % 2))");
    let steps = vec![
        step("create -f {work}/per-index.yaml --validate=false").out("job.batch/per-index created"),
        failed("per-index"),
        reason("per-index", "FailedIndexes"),
        step("get job per-index -o jsonpath={.status.completedIndexes}:{.status.failedIndexes}:{.status.succeeded}:{.status.failed}").out("0,2:1,3:2:2"),
        step("get job per-index -o jsonpath='{.status.conditions[?(@.type==\"Failed\")].message}'").out("Job has failed indexes"),
        step("delete job per-index").out("job.batch \"per-index\" deleted*"),
    ];
    Section::new("Backoff limit per index", steps).file("per-index.yaml", text)
}

fn failure_policy() -> Section {
    let steps = vec![
        step("create -f {jobs}/job-pod-failure-policy.yaml --validate=false").out("job.batch/job-pod-failure-policy-example created"),
        failed("job-pod-failure-policy-example"),
        reason("job-pod-failure-policy-example", "PodFailurePolicy"),
        step("get job job-pod-failure-policy-example -o jsonpath='{.status.conditions[?(@.type==\"Failed\")].message}'")
            .out("Container main for pod default/job-pod-failure-policy-example-????? failed with exit code 42 matching FailJob rule at index 0"),
        step("delete job job-pod-failure-policy-example").out("job.batch \"job-pod-failure-policy-example\" deleted*"),
    ];
    Section::new("Pod failure policy", steps)
}

fn success_policy() -> Section {
    let spec = "completions: 3\n  parallelism: 3\n  completionMode: Indexed\n  successPolicy: {rules: [{succeededIndexes: \"1\"}]}";
    let text = manifest("leader", spec, "Never", "[ $JOB_COMPLETION_INDEX = 1 ] || exec sleep 600");
    let condition = |field: &str, value: &str| {
        let line =
            format!("get job leader -o jsonpath='{{.status.conditions[?(@.type==\"SuccessCriteriaMet\")].{field}}}'");
        step(&line).out(value)
    };
    let steps = vec![
        step("create -f {work}/leader.yaml --validate=false").out("job.batch/leader created"),
        complete("leader"),
        condition("reason", "SuccessPolicy"),
        condition("message", "Matched rules at index 0"),
        step("get job leader -o jsonpath={.status.succeeded}:{.status.completedIndexes}").out("1:1"),
        step("get pods -l job-name=leader --no-headers --field-selector=status.phase=Running")
            .err("No resources found in default namespace.")
            .within(20),
        step("delete job leader").out("job.batch \"leader\" deleted*"),
    ];
    Section::new("Success policy", steps).file("leader.yaml", text)
}

fn termination() -> Section {
    // The deadline goes before a back-off limit that was not reached yet.
    let text = manifest("slow", "backoffLimit: 5\n  activeDeadlineSeconds: 2", "Never", "sleep 600");
    let steps = vec![
        step("create -f {jobs}/pi-with-timeout.yaml --dry-run=server -o jsonpath={.spec.activeDeadlineSeconds}")
            .out("100"),
        step("create -f {work}/slow.yaml").out("job.batch/slow created"),
        failed("slow"),
        reason("slow", "DeadlineExceeded"),
        step("get job slow").out("NAME STATUS COMPLETIONS DURATION AGE\nslow Failed 0/1 * *"),
        step("describe job slow")
            .has("Active Deadline Seconds: 2s")
            .has("Warning DeadlineExceeded * job-controller Job was active longer than specified deadline"),
        step("get pods -l job-name=slow").err("No resources found in default namespace.").within(20),
        step("delete job slow").out("job.batch \"slow\" deleted*"),
    ];
    Section::new("Job termination and cleanup", steps).file("slow.yaml", text)
}

fn cleaning_up() -> Section {
    let gone = |job: &str| {
        let why = format!("Error from server (NotFound): jobs.batch \"{job}\" not found");
        step(&format!("get job {job}")).fails(&why).within(20)
    };
    let text = manifest("brief", "ttlSecondsAfterFinished: 0", "Never", "true");
    let steps = vec![
        step("create -f {work}/brief.yaml").out("job.batch/brief created"),
        gone("brief"),
        step("get pods -l job-name=brief").err("No resources found in default namespace."),
        // The page's Job stays for 100 seconds; they may be changed after it has finished.
        step("create -f {jobs}/pi-with-ttl.yaml").out("job.batch/pi-with-ttl created"),
        complete("pi-with-ttl"),
        step("get job pi-with-ttl -o jsonpath={.spec.ttlSecondsAfterFinished}").out("100"),
        step("patch job pi-with-ttl -p '{\"spec\":{\"ttlSecondsAfterFinished\":1}}'")
            .out("job.batch/pi-with-ttl patched"),
        gone("pi-with-ttl"),
    ];
    Section::new("Clean up finished jobs automatically", steps).file("brief.yaml", text)
}

fn replacement() -> Section {
    let stubborn = "trap : TERM; while true; do sleep 0.1; done";
    let text =
        manifest("patient", "podReplacementPolicy: Failed", "Never", stubborn).replace("Seconds: 1\n", "Seconds: 3\n");
    let status = |text: &str| {
        step("get job patient -o jsonpath={.status.active}/{.status.terminating}/{.status.failed}").out(text).within(20)
    };
    let steps = vec![
        step("create -f {work}/patient.yaml --validate=false").out("job.batch/patient created"),
        step("get pods -l job-name=patient --no-headers").out("patient-????? 1/1 Running 0 *").within(15),
        step("get pods -l job-name=patient -o name").out("pod/patient-?????").save("pod"),
        step("delete {pod} --wait=false").out("pod \"patient-?????\" deleted*"),
        // Nothing takes its place before it has ended.
        status("/1/"),
        step("get pods -l job-name=patient --no-headers").out("patient-????? 1/1 Terminating 0 *"),
        status("1/0/1"),
        step("delete job patient").out("job.batch \"patient\" deleted*"),
        step("get pods -l job-name=patient").err("No resources found in default namespace.").within(30),
    ];
    Section::new("Delayed creation of replacement pods", steps).file("patient.yaml", text)
}
