//! `describe`, for every kind. What a kind's describer prints is kubectl's own; that each reads what it needs, related
//! objects and events among them, is the server's.

use crate::e2e::step::{Step, step};

/// Unlike upstream, roles bind nobody here, and the server says so whenever one is stored.
const UNENFORCED: &str =
    "Warning: this server stores RBAC objects but does not enforce them: everyone with its token may do everything";

/// The steps; they read the namespace `shelf`.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = workloads();
    steps.extend(configuration());
    steps.extend(others());
    steps
}

fn workloads() -> Vec<Step> {
    vec![
        step("describe job alpha -n shelf")
            .has("Name: alpha")
            .has("Namespace: shelf")
            .has("Selector: batch.kubernetes.io/controller-uid=*")
            .has("Parallelism: 1")
            .has("Completions: 1")
            .has("Start Time: *")
            .has("Completed At: *")
            .has("Duration: *s")
            .has("Pods Statuses: 0 * / 1 Succeeded / 0 Failed")
            .has("Labels: batch.kubernetes.io/controller-uid=*")
            .has("batch.kubernetes.io/job-name=alpha")
            .has("Mounts: <none>")
            .has("Volumes: <none>")
            .has("Type Reason Age From Message")
            .has("Normal SuccessfulCreate * job-controller Created pod: alpha-?????")
            .has("Normal Completed * job-controller Job completed"),
        step("describe job alpha -n shelf")
            .has("Completion Mode: NonIndexed")
            .has("Suspend: false")
            .has("Backoff Limit: 6")
            .since(30),
        step("describe {alpha} -n shelf")
            .has("Namespace: shelf")
            .has("Priority: 0")
            .has("Service Account: default")
            .has("Node: */*")
            .has("Controlled By: Job/alpha")
            .has("State: Terminated")
            .has("Reason: Completed")
            .has("Restart Count: 0")
            .has("QoS Class: BestEffort")
            .has("Initialized True")
            .has("Ready False")
            .has("PodScheduled True")
            .has("Node-Selectors: <none>")
            .has("Normal Scheduled * default-scheduler Successfully assigned shelf/alpha-????? to *")
            .has("Normal Created * kubelet* Container created")
            .has("Normal Started * kubelet* Container started")
            .since(27),
        step("describe {alpha} -n shelf").has("Status: Succeeded").has("QoS Class: BestEffort").until(20),
        step("describe pods -n shelf -l job-name=beta").has("Controlled By: Job/beta").has("Exit Code: 0"),
        step("describe pods -n shelf --show-events=false -l job-name=beta").has("Node-Selectors: <none>"),
        step("describe jobs -n shelf").has("Name: alpha").has("Name: beta"),
        step("describe job alph -n shelf").has("Name: alpha"),
        step("describe job none -n shelf").fails("Error from server (NotFound): jobs.batch \"none\" not found"),
        step("describe nodes")
            .has("Conditions:")
            .has("Ready True *")
            .has("Addresses:")
            .has("Capacity:")
            .has("Allocatable:")
            .has("System Info:")
            .has("Non-terminated Pods: *")
            .has("Namespace Name CPU Requests CPU Limits Memory Requests Memory Limits*")
            .has("Allocated resources:"),
    ]
}

fn configuration() -> Vec<Step> {
    vec![
        step("create configmap page -n shelf --from-literal=colour=blue").out("configmap/page created"),
        step("describe configmap page -n shelf")
            .has("Name: page")
            .has("Labels: <none>")
            .has("colour:")
            .has("blue")
            .has("Events: <none>"),
        step("create secret generic key -n shelf --from-literal=password=hunter2").out("secret/key created"),
        step("describe secret key -n shelf").has("Type: Opaque").has("password: 7 bytes"),
        step("describe serviceaccount default -n shelf")
            .has("Name: default")
            .has("Image pull secrets: <none>")
            .has("Mountable secrets: <none>")
            .has("Tokens: <none>"),
        step("describe namespace shelf").has("Labels: kubernetes.io/metadata.name=shelf").has("Status: Active"),
        step("describe namespace shelf").has("No resource quota.").has("No LimitRange resource."),
        step("delete configmap/page secret/key -n shelf").out("configmap \"page\" deleted*\nsecret \"key\" deleted*"),
    ]
}

/// The kinds around workloads.
fn others() -> Vec<Step> {
    vec![
        step("describe service kubernetes")
            .has("Name: kubernetes")
            .has("Namespace: default")
            .has("Labels: component=apiserver")
            .has("provider=kubernetes")
            .has("Selector: <none>")
            .has("Type: ClusterIP")
            .has("Port: https 443/TCP")
            .has("Endpoints: 127.0.0.1:*")
            .has("Session Affinity: None")
            // Kubectls that ask for Endpoints are told that those are deprecated, newer ones ask for slices.
            .talks(),
        step("create service clusterip front -n shelf --tcp=80:8080").out("service/front created"),
        // kubectl before 1.31 asks for Endpoints, of which the server says that they are old.
        step("describe service front -n shelf")
            .talks()
            .has("Name: front")
            .has("Selector: app=front")
            .has("Type: ClusterIP")
            .has("Port: 80-8080 80/TCP")
            .has("TargetPort: 8080/TCP")
            .has("Session Affinity: None"),
        step("delete service front -n shelf").out("service \"front\" deleted*"),
        step("create cronjob tick -n shelf --image=busybox --schedule='0 0 1 1 *' -- true").out("cronjob.batch/tick created").since(21),
        step("describe cronjob tick -n shelf")
            .has("Schedule: 0 0 1 1 *")
            .has("Concurrency Policy: Allow")
            .has("Suspend: False")
            .has("Successful Job History Limit: 3")
            .has("Failed Job History Limit: 1")
            .has("Last Schedule Time: <unset>")
            .has("Active Jobs: <none>")
            .since(21),
        step("delete cronjob tick -n shelf").out("cronjob.batch \"tick\" deleted*").since(21),
        step("create quota limit -n shelf --hard=pods=20").out("resourcequota/limit created"),
        // The pods of finished Jobs are not counted.
        step("describe quota limit -n shelf").has("Resource Used Hard").has("pods 0 20").within(10),
        step("delete quota limit -n shelf").out("resourcequota \"limit\" deleted*"),
        step("create priorityclass shelf-high --value=1000 --description=first").out("priorityclass.scheduling.k8s.io/shelf-high created"),
        step("describe priorityclass shelf-high").has("Value: 1000").has("GlobalDefault: false").has("Description: first"),
        step("delete priorityclass shelf-high").out("priorityclass.scheduling.k8s.io \"shelf-high\" deleted*"),
        step("create role reader -n shelf --verb=get,list --resource=jobs").out("role.rbac.authorization.k8s.io/reader created").err(UNENFORCED),
        step("describe role reader -n shelf").has("Resources Non-Resource URLs Resource Names Verbs").has("jobs.batch [] [] [get list]"),
        step("create rolebinding readers -n shelf --role=reader --serviceaccount=shelf:default").out("rolebinding.rbac.authorization.k8s.io/readers created").err(UNENFORCED),
        step("describe rolebinding readers -n shelf").has("Kind: Role").has("Name: reader").has("ServiceAccount default shelf"),
        step("delete role/reader rolebinding/readers -n shelf")
            .out("role.rbac.authorization.k8s.io \"reader\" deleted*\nrolebinding.rbac.authorization.k8s.io \"readers\" deleted*"),
        step("create pdb guard -n shelf --selector=app=guarded --min-available=1").out("poddisruptionbudget.policy/guard created").since(21),
        step("describe pdb guard -n shelf").has("Min available: 1").has("Selector: app=guarded").has("Allowed disruptions: 0").since(21),
        step("delete pdb guard -n shelf").out("poddisruptionbudget.policy \"guard\" deleted*").since(21),
    ]
}
