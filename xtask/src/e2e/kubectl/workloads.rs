//! The kinds beside Jobs that make pods or describe them: CronJob, in the version that each kubectl asks for,
//! ReplicationController with its scale, PodTemplate; and Events in their newer version.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// The manifests.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let pods = "metadata: {labels: {app: web}}\n    spec:\n      containers: [{name: web, image: busybox, command: [sleep, '1000']}]";
    session.file(
        "controller.yaml",
        &format!(
            "apiVersion: v1\nkind: ReplicationController\nmetadata: {{name: web}}\nspec:\n  replicas: 0\n  template:\n    {pods}\n"
        ),
    )?;
    // `tail` keeps what it read until somebody takes it.
    session.file(
        "hog.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: hog}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n      restartPolicy: Never\n      \
         containers:\n      - name: hog\n        image: busybox\n        command: [sh, -c, 'head -c 128M /dev/zero | tail -c 128M | sleep 1000']\n        \
         resources: {limits: {memory: 64Mi}}\n",
    )?;
    session.file(
        "template.yaml",
        "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: one}\ntemplate:\n  metadata: {labels: {app: one}}\n  spec:\n    containers: [{name: c, image: busybox}]\n",
    )
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = cron_jobs();
    steps.extend(jobs_from_cron_jobs());
    steps.extend(refused());
    steps.extend(controllers());
    steps.extend(memory());
    steps
}

/// A limit of memory, which is held, and so not warned of.
fn memory() -> Vec<Step> {
    vec![
        step("apply -f {work}/hog.yaml").out("job.batch/hog created"),
        step("wait --for=condition=failed job/hog --timeout=60s").out("job.batch/hog condition met"),
        step("get pods -l job-name=hog -o jsonpath={.items[0].status.containerStatuses[0].state.terminated.reason}")
            .out("OOMKilled"),
        step("get pods -l job-name=hog").has("hog-* 0/1 OOMKilled 0 *"),
        step("describe pods -l job-name=hog").has("Reason: OOMKilled").has("Exit Code: 137"),
        step("delete job hog").out("job.batch \"hog\" deleted*"),
    ]
}

fn cron_jobs() -> Vec<Step> {
    vec![
        step("create cronjob nightly --image=busybox --schedule='0 3 1 1 *' -- sh -c 'echo hello'")
            .out("cronjob.batch/nightly created"),
        step("get cronjob nightly").out("NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE\nnightly 0 3 1 1 * <none> False 0 <none> *"),
        step("get cj -o wide").has("* CONTAINERS IMAGES SELECTOR").has("nightly * nightly busybox <none>"),
        step("get cronjob nightly -o jsonpath={.spec.concurrencyPolicy},{.spec.successfulJobsHistoryLimit},{.spec.failedJobsHistoryLimit}")
            .out("Allow,3,1"),
        step("get cronjobs.v1beta1.batch nightly -o jsonpath={.apiVersion}").out("batch/v1beta1"),
        step("get cronjobs.v1.batch nightly -o jsonpath={.apiVersion}").out("batch/v1"),
        step("describe cronjob nightly").has("Schedule: 0 3 1 1 *").has("Concurrency Policy: Allow").has("Suspend: False"),
        step("patch cronjob nightly -p '{\"spec\":{\"suspend\":true,\"timeZone\":\"Europe/Berlin\"}}'")
            .out("cronjob.batch/nightly patched"),
        step("get cronjob nightly").has("nightly 0 3 1 1 * Europe/Berlin True 0 <none> *"),
        step("explain cronjob.spec.schedule").has("*schedule in Cron format*"),
    ]
}

fn jobs_from_cron_jobs() -> Vec<Step> {
    vec![
        // kubectl before 1.21 knows CronJobs of batch/v1beta1 only.
        step("create job manual --from=cronjobs.v1beta1.batch/nightly").out("job.batch/manual created").until(20),
        step("create job manual --from=cronjob/nightly").out("job.batch/manual created").since(21),
        step("wait --for=condition=complete job/manual --timeout=30s").out("job.batch/manual condition met"),
        step("logs job/manual").out("hello"),
        step("get job manual -o jsonpath={.metadata.annotations}").has("*cronjob.kubernetes.io/instantiate*manual*"),
        step("get job manual -o jsonpath={.metadata.ownerReferences[0].name}").out("nightly"),
        step("delete cronjob nightly").out("cronjob.batch \"nightly\" deleted*"),
        step("get job manual").exits(1).err("Error from server (NotFound): jobs.batch \"manual\" not found").within(20),
    ]
}

fn refused() -> Vec<Step> {
    vec![
        step("create cronjob bad --image=busybox --schedule='0 3 * *'")
            .exits(1)
            .err_has("*spec.schedule: Invalid value: \"0 3 * *\": expected exactly 5 fields, found 4: [0 3 * *]"),
        step("create cronjob bad --image=busybox --schedule='TZ=UTC 0 3 * * *'")
            .exits(1)
            .err_has("*cannot use TZ or CRON_TZ in schedule, use timeZone field instead"),
    ]
}

fn controllers() -> Vec<Step> {
    vec![
        step("create -f {work}/controller.yaml").out("replicationcontroller/web created"),
        step("get rc").out("NAME DESIRED CURRENT READY AGE\nweb 0 0 0 *"),
        step("scale rc web --replicas=3").out("replicationcontroller/web scaled"),
        step("get rc web").out("NAME DESIRED CURRENT READY AGE\nweb 3 3 3 *").within(20),
        step("describe rc web")
            .has("Replicas: 3 current / 3 desired")
            .has("Pods Status: 3 Running / 0 Waiting / 0 Succeeded / 0 Failed")
            .has("Normal SuccessfulCreate * replication-controller Created pod: web-*"),
        step("scale rc web --current-replicas=1 --replicas=2").exits(1).err_has("*xpected replicas to be 1, was 3"),
        step("get --raw /api/v1/namespaces/default/replicationcontrollers/web/scale").has("*\"selector\":\"app=web\"*"),
        step("scale rc web --replicas=1").out("replicationcontroller/web scaled"),
        step("get rc web").out("NAME DESIRED CURRENT READY AGE\nweb 1 1 1 *").within(20),
        step("get events --field-selector reason=SuccessfulDelete,involvedObject.name=web").has("* Deleted pod: web-*"),
        // Pods that are left behind are adopted by the next controller that selects them.
        step("delete rc web --cascade=orphan").out("replicationcontroller \"web\" deleted*"),
        step("get pods -l app=web --no-headers").has("web-* 1/1 Running 0 *"),
        step("get pods -l app=web -o jsonpath={.items[*].metadata.ownerReferences}").out("").within(20),
        step("create -f {work}/controller.yaml").out("replicationcontroller/web created"),
        step("get events --field-selector involvedObject.kind=ReplicationController")
            .has("* Deleted pod: web-*")
            .within(20),
        step("get pods -l app=web").out("").err("No resources found in default namespace.").within(60),
        step("delete rc web").out("replicationcontroller \"web\" deleted*"),
        step("create -f {work}/template.yaml").out("podtemplate/one created"),
        step("get podtemplates").out("NAME CONTAINERS IMAGES POD LABELS\none c busybox app=one"),
        step("delete podtemplate one").out("podtemplate \"one\" deleted*"),
        step("get events.v1.events.k8s.io --field-selector regarding.kind=Job -o name").has("event.events.k8s.io/*"),
    ]
}
