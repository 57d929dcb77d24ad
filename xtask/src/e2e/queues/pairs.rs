//! "Job with Pod-to-Pod Communication": the pods of an Indexed Job find each other by name, below a headless Service.

use crate::e2e::step::{Step, step};

/// The page, from its first command to its last.
pub(super) fn steps() -> Vec<Step> {
    let found = |index: u8| format!("Found pod: example-job-{index}.headless-svc");
    let all: Vec<String> = (0..3).map(found).collect();
    vec![
        step("apply -f {jobs}/pod-to-pod/service.yaml").out("service/headless-svc created"),
        step("apply -f {jobs}/pod-to-pod/job.yaml").out("job.batch/example-job created"),
        step("wait --for=condition=complete --timeout=60s job/example-job").out("job.batch/example-job condition met"),
        step("get pods -l job-name=example-job -o jsonpath={.items[0].metadata.name}").out("example-job-*").save("pod"),
        step("logs {pod}").out(&all.join("\n")),
        step("get job example-job -o jsonpath={.status.succeeded},{.status.completedIndexes}").out("3,0-2"),
        step("delete job/example-job service/headless-svc").has("service \"headless-svc\" deleted*"),
    ]
}
