//! What Jobs are for: parallel Jobs of the three kinds, suspending, changing what may change, own selectors.

use super::{Section, manifest};
use crate::e2e::step::{Step, step};

pub(super) fn sections() -> Vec<Section> {
    vec![parallel(), indexed(), suspending(), scheduling_directives(), own_selector(), elastic(), managed_by()]
}

fn parallel() -> Section {
    let fixed = manifest("fixed", "completions: 4\n  parallelism: 2", "Never", "echo done");
    // The first pod that succeeds says that there is no more work; those that still run come to their end.
    let queue = manifest("queue", "parallelism: 3", "Never", "sleep 1");
    let steps = vec![
        step("create -f {work}/fixed.yaml").out("job.batch/fixed created"),
        step("wait --for=condition=complete job/fixed --timeout=60s").out("job.batch/fixed condition met"),
        step("get job fixed").out("NAME STATUS COMPLETIONS DURATION AGE\nfixed Complete 4/4 * *"),
        step("get pods -l job-name=fixed --no-headers").out("fixed-????? 0/1 Completed 0 *\nfixed-????? 0/1 Completed 0 *\nfixed-????? 0/1 Completed 0 *\nfixed-????? 0/1 Completed 0 *"),
        step("create -f {work}/queue.yaml").out("job.batch/queue created"),
        step("get job queue -o jsonpath={.spec.completions}").out(""),
        step("get job queue --no-headers").has("queue Running 0/1 of 3 * *").within(5).since(29),
        step("wait --for=condition=complete job/queue --timeout=60s").out("job.batch/queue condition met"),
        step("get job queue -o jsonpath={.status.succeeded}").out("3"),
        step("describe job queue").has("Pods Statuses: 0 * / 3 Succeeded / 0 Failed"),
        step("delete jobs fixed queue").out("job.batch \"fixed\" deleted*\njob.batch \"queue\" deleted*"),
    ];
    Section::new("Parallel execution for Jobs", steps).file("fixed.yaml", fixed).file("queue.yaml", queue)
}

fn indexed() -> Section {
    let text = manifest(
        "indexed",
        "completions: 3\n  parallelism: 3\n  completionMode: Indexed",
        "Never",
        "echo index $JOB_COMPLETION_INDEX",
    );
    let steps = vec![
        step("create -f {work}/indexed.yaml").out("job.batch/indexed created"),
        step("wait --for=condition=complete job/indexed --timeout=60s").out("job.batch/indexed condition met"),
        step("get job indexed -o jsonpath={.status.completedIndexes}").out("0-2"),
        step("get pods -l job-name=indexed,batch.kubernetes.io/job-completion-index=1 -o jsonpath={.items[0].spec.hostname}").out("indexed-1"),
        step("logs -l job-name=indexed,batch.kubernetes.io/job-completion-index=2").out("index 2"),
        step("describe job indexed").has("Completion Mode: Indexed").has("Completed Indexes: 0-2").since(22),
        step("delete job indexed").out("job.batch \"indexed\" deleted*"),
    ];
    Section::new("Completion mode", steps).file("indexed.yaml", text)
}

fn suspending() -> Section {
    let myjob = manifest("myjob", "suspend: true\n  parallelism: 1\n  completions: 5", "Never", "sleep 600");
    let condition = |truth: &str| {
        let line = "get job myjob -o jsonpath='{.status.conditions[?(@.type==\"Suspended\")].status}'";
        step(line).out(truth).within(10)
    };
    let steps = vec![
        step("create -f {work}/myjob.yaml").out("job.batch/myjob created"),
        condition("True"),
        step("get jobs/myjob -o jsonpath={.status.startTime}").out(""),
        step("get pods -l job-name=myjob").err("No resources found in default namespace."),
        step("get job myjob --no-headers").has("myjob Suspended 0/5 *"),
        step("patch job/myjob --type=strategic --patch '{\"spec\":{\"suspend\":false}}'")
            .out("job.batch/myjob patched"),
        condition("False"),
        step("get pods -l job-name=myjob --no-headers").out("myjob-????? 1/1 Running 0 *").within(15),
        step("patch job/myjob --type=strategic --patch '{\"spec\":{\"suspend\":true}}'").out("job.batch/myjob patched"),
        condition("True"),
        step("get pods -l job-name=myjob").err("No resources found in default namespace.").within(30),
        step("describe jobs/myjob")
            .has("Normal Suspended * job-controller Job suspended")
            .has("Normal SuccessfulDelete * job-controller Deleted pod: myjob-?????")
            .has("Normal Resumed * job-controller Job resumed")
            .within(10),
        step("delete job myjob").out("job.batch \"myjob\" deleted*"),
    ];
    Section::new("Suspending a Job", steps).file("myjob.yaml", myjob)
}

fn scheduling_directives() -> Section {
    let text = manifest("later", "suspend: true", "Never", "sleep 600");
    let patch = "patch job later -p '{\"spec\":{\"template\":{\"spec\":{\"nodeSelector\":{\"disk\":\"ssd\"}}}}}'";
    let steps = vec![
        step("create -f {work}/later.yaml").out("job.batch/later created"),
        step(patch).out("job.batch/later patched"),
        step("get job later -o jsonpath={.spec.template.spec.nodeSelector.disk}").out("ssd"),
        step("patch job later -p '{\"spec\":{\"suspend\":false}}'").out("job.batch/later patched"),
        step("get pods -l job-name=later --no-headers").out("later-????? 0/1 Pending 0 *").within(15),
        step("describe pods -l job-name=later")
            .has("Node-Selectors: disk=ssd")
            .has("Warning FailedScheduling * default-scheduler *didn't match Pod's node affinity/selector*")
            .within(10),
        step(&patch.replace("ssd", "hdd")).exits(1).err_has("*spec.template: Invalid value: *field is immutable*"),
        step("delete job later").out("job.batch \"later\" deleted*"),
    ];
    Section::new("Mutable Scheduling Directives", steps).file("later.yaml", text)
}

/// Job `new` takes over the pods of Job `old`, which is deleted without them.
fn own_selector() -> Section {
    let old = manifest("old", "completions: 1", "Never", "sleep 600");
    let new = "{\"apiVersion\":\"batch/v1\",\"kind\":\"Job\",\"metadata\":{\"name\":\"new\"},\"spec\":{\"manualSelector\":true,\
               \"selector\":{\"matchLabels\":{\"batch.kubernetes.io/controller-uid\":\"{uid}\"}},\"template\":{\"metadata\":{\"labels\":\
               {\"batch.kubernetes.io/controller-uid\":\"{uid}\"}},\"spec\":{\"restartPolicy\":\"Never\",\"containers\":[{\"name\":\"main\",\
               \"image\":\"busybox\",\"command\":[\"sleep\",\"600\"]}]}}}}";
    let mut steps = handover("--cascade=orphan", new, 20, u32::MAX);
    steps.extend(handover("--cascade=false", new, 20, 20));
    Section::new("Specifying your own Pod selector", steps).file("old.yaml", old)
}

fn handover(cascade: &str, new: &str, since: u32, until: u32) -> Vec<Step> {
    let steps = vec![
        step("create -f {work}/old.yaml").out("job.batch/old created"),
        step("get job old -o jsonpath={.metadata.uid}").out("*").save("uid"),
        step("get pods -l job-name=old --no-headers").out("old-????? 1/1 Running 0 *").within(15),
        step("get pods -l job-name=old -o jsonpath={.items[0].metadata.name}").out("old-?????").save("pod"),
        step(&format!("delete jobs/old {cascade}")).out("job.batch \"old\" deleted*").talks(),
        step("get pod {pod} -o jsonpath={.metadata.ownerReferences}{.status.phase}").out("Running").within(10),
        step("create -f -").input(new).out("job.batch/new created"),
        step("get pod {pod} -o jsonpath={.metadata.ownerReferences[0].name}{.metadata.finalizers[0]}")
            .out("newbatch.kubernetes.io/job-tracking")
            .within(10),
        step("get pods -l batch.kubernetes.io/controller-uid={uid} --no-headers").out("{pod} 1/1 Running 0 *"),
        step("get job new -o jsonpath={.status.active}").out("1").within(10),
        step("delete job new").out("job.batch \"new\" deleted*"),
        step("get pods -l batch.kubernetes.io/controller-uid={uid}")
            .err("No resources found in default namespace.")
            .within(30),
    ];
    steps.into_iter().map(|step| step.since(since).until(until)).collect()
}

fn elastic() -> Section {
    let text = manifest("elastic", "completions: 3\n  parallelism: 3\n  completionMode: Indexed", "Never", "sleep 600");
    let active = |count: &str| step("get job elastic -o jsonpath={.status.active}").out(count).within(20);
    let steps = vec![
        step("create -f {work}/elastic.yaml").out("job.batch/elastic created"),
        active("3"),
        step("patch job elastic -p '{\"spec\":{\"completions\":5}}'")
            .exits(1)
            .err_has("*spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism"),
        step("patch job elastic -p '{\"spec\":{\"completions\":5,\"parallelism\":5}}'")
            .out("job.batch/elastic patched"),
        active("5"),
        step("patch job elastic -p '{\"spec\":{\"completions\":2,\"parallelism\":2}}'")
            .out("job.batch/elastic patched"),
        active("2"),
        step("get pods -l job-name=elastic -o jsonpath={.items[*].spec.hostname}")
            .out("elastic-0 elastic-1")
            .within(20),
        step("delete job elastic").out("job.batch \"elastic\" deleted*"),
    ];
    Section::new("Elastic Indexed Jobs", steps).file("elastic.yaml", text)
}

fn managed_by() -> Section {
    let text = manifest("foreign", "managedBy: example.com/custom-job-controller", "Never", "true");
    let steps = vec![
        step("create -f {work}/foreign.yaml --validate=false").out("job.batch/foreign created"),
        // A Job beside it is done; by then the other would have started.
        step("create job own --image=busybox -- true").out("job.batch/own created"),
        step("wait --for=condition=complete job/own --timeout=60s").out("job.batch/own condition met"),
        step("get pods -l job-name=foreign").err("No resources found in default namespace."),
        step("patch job foreign -p '{\"spec\":{\"managedBy\":\"other.com/x\"}}'")
            .exits(1)
            .err_has("*spec.managedBy: Invalid value: *field is immutable"),
        step("delete job foreign own").out("job.batch \"foreign\" deleted*\njob.batch \"own\" deleted*"),
    ];
    Section::new("Delegation of managing a Job object to external controller", steps).file("foreign.yaml", text)
}
