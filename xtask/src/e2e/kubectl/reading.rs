//! Output formats, selectors, discovery and documentation. The Job `hello` of the earlier steps is what is read.

use crate::e2e::step::{Step, step};

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = formats();
    steps.extend(server());
    steps
}

fn formats() -> Vec<Step> {
    vec![
        step("get jobs -o name").out("job.batch/hello"),
        step("get jobs -o wide")
            .out("NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR\nhello Complete 1/1 * * hello busybox batch.kubernetes.io/controller-uid=*"),
        step("get jobs --no-headers").out("hello Complete 1/1 * *"),
        step("get job hello -o yaml").has("apiVersion: batch/v1").has("kind: Job").has("name: hello").has("completionMode: NonIndexed").has("backoffLimit: 6"),
        step("get job hello -o json").has("\"kind\": \"Job\"").has("\"succeeded\": 1"),
        step("get jobs -o custom-columns=N:.metadata.name,C:.spec.completions").out("N C\nhello 1"),
        step("get jobs -o 'go-template={{range .items}}{{.metadata.name}}{{end}}'").out("hello"),
        step("get jobs --show-labels").has("hello Complete 1/1 * *job-name=hello*"),
        step("get jobs --field-selector metadata.name=hello -o name").out("job.batch/hello"),
        step("get jobs --field-selector metadata.name=other -o name").out(""),
        step("get jobs --field-selector status.successful=1 -o name").out("job.batch/hello"),
        step("get pods -l 'job-name in (hello,other)' -o name").out("pod/hello-?????"),
        step("get pods -l job-name!=hello -o name").out(""),
        step("get pods --field-selector status.phase=Succeeded -o name").out("pod/hello-?????"),
        step("get pods -o wide").has("NAME READY STATUS RESTARTS AGE IP NODE *").has("hello-????? 0/1 Completed 0 *"),
        step("get jobs,pods -o name").out("job.batch/hello\npod/hello-?????"),
        step("get jobs --sort-by=.metadata.name -o name").out("job.batch/hello"),
        step("get events").has("LAST SEEN TYPE REASON OBJECT MESSAGE").has("Normal SuccessfulCreate job/hello Created pod: hello-?????"),
        step("get events --field-selector reason=Completed,involvedObject.name=hello").has("Normal Completed job/hello Job completed"),
        step("events --for job/hello").has("Normal Completed Job/hello Job completed").since(27),
        step("get nothing").fails("error: the server doesn't have a resource type \"nothing\""),
        step("get job nothing").fails("Error from server (NotFound): jobs.batch \"nothing\" not found"),
    ]
}

fn server() -> Vec<Step> {
    vec![
        step("api-resources")
            .has("NAME SHORTNAMES API* NAMESPACED KIND")
            .has("jobs * true Job")
            .has("pods po v1 true Pod")
            .has("namespaces ns v1 false Namespace"),
        step("api-versions").has("batch/v1").has("v1"),
        step("version").has("Client Version: *").has("Server Version: *v1.*").talks(),
        step("cluster-info").has("*Kubernetes control plane* is running at *https://127.0.0.1:*"),
        step("get --raw /livez").out("ok"),
        step("get --raw /readyz").out("ok"),
        step("explain job.spec").has("FIELDS:").has("backoffLimit*<integer>*").has("completions*<integer>*"),
        step("explain job.spec.backoffLimit")
            .has("*backoffLimit*<integer>*")
            .has("Specifies the number of retries before marking this job failed.*"),
        step("explain job.spec.template.spec.containers").has("FIELDS:").has("image*<string>*"),
        step("auth can-i create jobs").out("yes"),
    ]
}
