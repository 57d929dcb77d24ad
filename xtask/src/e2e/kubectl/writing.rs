//! Changes to what exists: label, annotate, the three kinds of patch, replace, apply. Works on the Job `hello` of the
//! earlier steps and on a ConfigMap of its own.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// Two versions of one ConfigMap.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let config =
        |value: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  value: {value}\n");
    session.file("first.yaml", &config("one"))?;
    session.file("second.yaml", &config("two"))
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = labels();
    steps.extend(patches());
    steps.extend(replaced_and_applied());
    steps
}

fn labels() -> Vec<Step> {
    vec![
        step("label job hello team=blue").out("job.batch/hello labeled"),
        step("get jobs -l team=blue -o name").out("job.batch/hello"),
        step("label job hello team=red").fails("error: 'team' already has a value (blue), and --overwrite is false"),
        step("label job hello team=red --overwrite").out("job.batch/hello labeled"),
        step("label job hello team-").out("job.batch/hello *labeled"),
        step("get jobs -l team -o name").out(""),
        // kubectl 1.27 says "annotate", the others "annotated".
        step("annotate job hello note='read me'").out("job.batch/hello annotate*"),
        step("get job hello -o jsonpath={.metadata.annotations.note}").out("read me"),
    ]
}

fn patches() -> Vec<Step> {
    vec![
        step("patch job hello --type=json -p '[{\"op\":\"add\",\"path\":\"/metadata/labels/json\",\"value\":\"1\"}]'").out("job.batch/hello patched"),
        step("patch job hello --type=json -p '[{\"op\":\"test\",\"path\":\"/metadata/labels/json\",\"value\":\"2\"}]'")
            .fails("The request is invalid*"),
        step("patch job hello --type=merge -p '{\"metadata\":{\"labels\":{\"merge\":\"1\",\"json\":null}}}'").out("job.batch/hello patched"),
        step("patch job hello -p '{\"metadata\":{\"labels\":{\"strategic\":\"1\"}}}'").out("job.batch/hello patched"),
        step("patch job hello -p '{\"metadata\":{\"labels\":{\"strategic\":\"1\"}}}'").out("job.batch/hello patched (no change)"),
        step("get job hello -o jsonpath={.metadata.labels.json}:{.metadata.labels.merge}:{.metadata.labels.strategic}").out(":1:1"),
        step("patch job hello -p '{\"spec\":{\"parallelism\":3}}'").out("job.batch/hello patched"),
        step("patch job hello -p '{\"spec\":{\"completions\":5}}'").fails("The Job \"hello\" is invalid: spec.completions: Invalid value: 5: field is immutable"),
        step("patch job hello -p '{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"hello\",\"image\":\"other\"}]}}}}'")
            .exits(1)
            .err_has("The Job \"hello\" is invalid: spec.template: Invalid value: *: field is immutable"),
    ]
}

fn replaced_and_applied() -> Vec<Step> {
    vec![
        step("get job hello -o yaml").save_file("hello.yaml").has("kind: Job"),
        step("replace -f {work}/hello.yaml").out("job.batch/hello replaced"),
        step("label job hello fresh=1").out("job.batch/hello labeled"),
        step("replace -f {work}/hello.yaml").fails(
            "Error from server (Conflict): error when replacing \"{work}/hello.yaml\": Operation cannot be fulfilled on jobs.batch \"hello\": \
             the object has been modified; please apply your changes to the latest version and try again",
        ),
        step("apply -f {work}/first.yaml").out("configmap/applied created"),
        step("apply -f {work}/first.yaml").out("configmap/applied unchanged"),
        step("diff -f {work}/second.yaml").exits(1).has("-  value: one").has("+  value: two"),
        step("diff -f {work}/first.yaml").out(""),
        step("apply -f {work}/second.yaml --dry-run=server").out("configmap/applied configured (server dry run)"),
        step("get configmap applied -o jsonpath={.data.value}").out("one"),
        step("apply -f {work}/second.yaml").out("configmap/applied configured"),
        step("get configmap applied -o jsonpath={.data.value}").out("two"),
        step("delete -f {work}/second.yaml").out("configmap \"applied\" deleted*"),
        step("apply -f {jobs}/job-suspended.yaml").out("job.batch/job-suspended created"),
        step("get job job-suspended").out("NAME STATUS COMPLETIONS DURATION AGE\njob-suspended Suspended 0/3 *").within(5),
        step("patch job job-suspended --type=merge -p '{\"spec\":{\"suspend\":false}}'").out("job.batch/job-suspended patched"),
        step("wait --for=condition=complete job/job-suspended --timeout=30s").out("job.batch/job-suspended condition met"),
        step("delete job job-suspended").out("job.batch \"job-suspended\" deleted*"),
    ]
}
