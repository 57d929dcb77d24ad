//! What the page sets beside Jobs: bare Pods, ReplicationControllers, a Job whose pod is itself a controller, CronJobs.

use super::{Section, manifest};
use crate::e2e::clients::Kubectl;
use crate::e2e::step::step;

pub(super) fn sections(kubectl: &Kubectl) -> Vec<Section> {
    vec![bare_pods(), replication_controller(), controller_pod(kubectl), cron_job()]
}

fn bare_pods() -> Section {
    let steps = vec![
        step("run bare --image=busybox --restart=Never --command -- sh -c 'exit 1'").out("pod/bare created"),
        step("get pod bare").out("NAME READY STATUS RESTARTS AGE\nbare 0/1 Error 0 *").within(20),
        // Nobody makes another.
        step("delete pod bare").out("pod \"bare\" deleted*"),
        step("get pods").err("No resources found in default namespace."),
    ];
    Section::new("Alternatives: Bare Pods", steps)
}

fn replication_controller() -> Section {
    let text = "apiVersion: v1\nkind: ReplicationController\nmetadata: {name: web}\nspec:\n  replicas: 2\n  template:\n    \
                metadata: {labels: {app: web}}\n    spec:\n      terminationGracePeriodSeconds: 1\n      containers:\n      \
                - {name: web, image: busybox, command: [sleep, '600']}\n";
    let steps = vec![
        step("create -f {work}/rc.yaml").out("replicationcontroller/web created"),
        step("get rc web").out("NAME DESIRED CURRENT READY AGE\nweb 2 2 2 *").within(20),
        step("get pods -l app=web -o jsonpath={.items[0].metadata.name}").out("web-?????").save("pod"),
        step("delete pod {pod}").out("pod \"{pod}\" deleted*"),
        // Pods that are not to end are replaced when they go.
        step("get rc web").out("NAME DESIRED CURRENT READY AGE\nweb 2 2 2 *").within(20),
        step("get pods -l app=web --no-headers").out("web-????? 1/1 Running 0 *\nweb-????? 1/1 Running 0 *").within(20),
        step("expose rc web --port=80 --target-port=8080").out("service/web exposed"),
        step("get endpoints web --no-headers").has("web 127.*:8080,127.*:8080 *").talks().within(10),
        step("describe service web")
            .has("Selector: app=web")
            .has("Endpoints: 127.*:8080,127.*:8080")
            .talks()
            .within(10),
        step("delete service/web rc/web").out("service \"web\" deleted*\nreplicationcontroller \"web\" deleted*"),
        step("get pods -l app=web").err("No resources found in default namespace.").within(30),
    ];
    Section::new("Alternatives: Replication Controller", steps).file("rc.yaml", text)
}

/// The Job's pod starts another pod, with the credentials of its service account.
fn controller_pod(kubectl: &Kubectl) -> Section {
    let program = kubectl.program.display();
    let script = format!(
        "{program} run child --image=busybox --restart=Never --command -- echo made by a pod && \
         {program} get pod child -o name && echo $KUBERNETES_SERVICE_HOST $KUBERNETES_PORT_443_TCP_PROTO"
    );
    let text = manifest("parent", "backoffLimit: 0", "Never", &script);
    let steps = vec![
        step("create -f {work}/parent.yaml").out("job.batch/parent created"),
        step("wait --for=condition=complete job/parent --timeout=60s").out("job.batch/parent condition met"),
        step("logs job/parent").out("pod/child created\npod/child\n127.0.0.1 tcp"),
        step("get pod child --no-headers").out("child 0/1 Completed 0 *").within(20),
        step("logs child").out("made by a pod"),
        step("get pod child -o jsonpath={.metadata.managedFields[0].manager}").out("kubectl*"),
        step("delete job/parent pod/child").out("job.batch \"parent\" deleted*\npod \"child\" deleted*"),
    ];
    Section::new("Alternatives: Single Job starts controller Pod", steps).file("parent.yaml", text)
}

fn cron_job() -> Section {
    let steps = vec![
        step("create -f {jobs}/cronjob.yaml").out("cronjob.batch/hello created"),
        step("get cronjob hello").has("hello * False 0 <none> *"),
        // The page waits for the next minute; a shorter interval starts the same Job sooner.
        step("patch cronjob hello -p '{\"spec\":{\"schedule\":\"@every 2s\"}}'").out("cronjob.batch/hello patched"),
        step("get jobs -o jsonpath={.items[0].metadata.ownerReferences[0].name}").out("hello").within(20),
        step("get jobs -o jsonpath={.items[0].metadata.name}").out("hello-????????").save("job"),
        step("wait --for=condition=complete job/{job} --timeout=60s").out("job.batch/{job} condition met"),
        step("logs job/{job}").has("Hello from the Kubernetes cluster"),
        step("describe cronjob hello")
            .has("Normal SuccessfulCreate * cronjob-controller Created job hello-*")
            .within(10),
        step("delete cronjob hello").out("cronjob.batch \"hello\" deleted*"),
        step("get jobs,pods").err("No resources found in default namespace.").within(30),
    ];
    Section::new("CronJobs", steps)
}
