//! `get` in every output format and with every way to select, sort and page, on two finished Jobs of a namespace of
//! their own, `shelf`. The last steps of the suite remove it.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// What `-o ...-file` reads.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file("columns.txt", "NAME            RANK\n.metadata.name  .metadata.labels.rank\n")?;
    session.file("names.tmpl", "{{range .items}}{{.metadata.name}};{{end}}")
}

/// The two Jobs.
pub(super) fn setup() -> Vec<Step> {
    vec![
        step("create namespace shelf").out("namespace/shelf created"),
        step("create job alpha --image=busybox -n shelf -- echo a").out("job.batch/alpha created"),
        step("create job beta --image=busybox -n shelf -- echo b").out("job.batch/beta created"),
        step("label job alpha -n shelf rank=2 tier=front").out("job.batch/alpha labeled"),
        step("label job beta -n shelf rank=1").out("job.batch/beta labeled"),
        step("wait --for=condition=complete job --all -n shelf --timeout=30s")
            .out("job.batch/alpha condition met\njob.batch/beta condition met"),
    ]
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = tables();
    steps.extend(templates());
    steps.extend(selected());
    steps.extend(named());
    steps
}

fn tables() -> Vec<Step> {
    vec![
        step("get jobs -n shelf -L tier,rank")
            .out("NAME STATUS COMPLETIONS DURATION AGE TIER RANK\nalpha Complete 1/1 * * front 2\nbeta Complete 1/1 * * 1"),
        step("get jobs -n shelf --sort-by=.metadata.labels.rank")
            .out("NAME STATUS COMPLETIONS DURATION AGE\nbeta Complete 1/1 * *\nalpha Complete 1/1 * *"),
        step("get jobs -n shelf --sort-by={.metadata.creationTimestamp} -o name").has("job.batch/alpha").has("job.batch/beta"),
        step("get jobs -n shelf --chunk-size=1")
            .out("NAME STATUS COMPLETIONS DURATION AGE\nalpha Complete 1/1 * *\nbeta Complete 1/1 * *"),
        step("get jobs -n shelf --chunk-size=1 -o name").out("job.batch/alpha\njob.batch/beta"),
        step("get jobs -n shelf --show-kind --no-headers").out("job.batch/alpha Complete 1/1 * *\njob.batch/beta Complete 1/1 * *"),
        step("get jobs -n shelf --server-print=false").out("NAME AGE\nalpha *\nbeta *"),
        step("get jobs,pods -n shelf").out(
            "NAME STATUS COMPLETIONS DURATION AGE\njob.batch/alpha Complete 1/1 * *\njob.batch/beta Complete 1/1 * *\n\n\
             NAME READY STATUS RESTARTS AGE\npod/alpha-????? 0/1 Completed 0 *\npod/beta-????? 0/1 Completed 0 *",
        ),
        step("get jobs -A -L rank")
            .has("NAMESPACE NAME STATUS COMPLETIONS DURATION AGE RANK")
            .has("shelf alpha Complete 1/1 * * 2"),
        step("get pods -n shelf -o wide").out(
            "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES\n\
             alpha-????? 0/1 Completed 0 * * * <none> <none>\nbeta-????? 0/1 Completed 0 * * * <none> <none>",
        ),
        step("get namespaces shelf --show-labels").out("NAME STATUS AGE LABELS\nshelf Active * kubernetes.io/metadata.name=shelf"),
        step("get nodes -o wide").has(
            "NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME",
        ),
        step("get events -n shelf -o wide")
            .has("LAST SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST SEEN COUNT NAME")
            .has("Normal SuccessfulCreate job/alpha job-controller Created pod: alpha-????? * 1 alpha.*"),
        step("get all -n shelf")
            .has("pod/alpha-????? 0/1 Completed 0 *")
            .has("job.batch/beta Complete 1/1 * *"),
    ]
}

fn templates() -> Vec<Step> {
    vec![
        step("get jobs -n shelf -o yaml")
            .has("kind: List")
            .has("apiVersion: v1")
            .has("resourceVersion: \"\"")
            .has("name: beta"),
        step("get jobs -n shelf -o json").has("\"kind\": \"List\"").has("\"kind\": \"Job\""),
        step("get jobs -n shelf -o 'jsonpath={range .items[*]}{.metadata.name}{\" \"}{end}'").out("alpha beta"),
        step("get jobs -n shelf -o 'jsonpath={.items[?(@.metadata.labels.rank==\"1\")].metadata.name}'").out("beta"),
        step("get jobs -n shelf -o jsonpath-as-json={.items[*].metadata.name}").out("[\n\"alpha\",\n\"beta\"\n]"),
        step("get jobs -n shelf -o custom-columns=NAME:.metadata.name,TIER:.metadata.labels.tier --no-headers")
            .out("alpha front\nbeta <none>"),
        step("get jobs -n shelf -o custom-columns-file={work}/columns.txt").out("NAME RANK\nalpha 2\nbeta 1"),
        step("get jobs -n shelf -o go-template-file={work}/names.tmpl").out("alpha;beta;"),
        step("get jobs -n shelf -o go-template --template='{{len .items}}'").out("2"),
        step("get jobs -n shelf -o nonsense")
            .exits(1)
            .err_has("error: unable to match a printer suitable for the output format \"nonsense\"*"),
        step("get job alpha -n shelf --subresource=status -o name").out("job.batch/alpha").since(24),
    ]
}

fn selected() -> Vec<Step> {
    vec![
        step("get jobs -n shelf -l 'rank in (1,3)' -o name").out("job.batch/beta"),
        step("get jobs -n shelf -l 'rank notin (1,3)' -o name").out("job.batch/alpha"),
        step("get jobs -n shelf -l !tier -o name").out("job.batch/beta"),
        step("get jobs -n shelf -l rank=1,tier -o name").out(""),
        step("get pods -n shelf --field-selector=status.phase!=Succeeded").err("No resources found in shelf namespace."),
        step("get pods -n shelf --field-selector=spec.restartPolicy=Never,status.phase=Succeeded -l job-name=beta -o name")
            .out("pod/beta-?????"),
        // kubectl puts its own words before the server's.
        step("get pods -n shelf --field-selector=spec.colour=blue").exits(1).err_has(
            "Error from server (BadRequest): Unable to find \"/v1, Resource=pods\" that match label selector \"\", field selector \
             \"spec.colour=blue\": field label not supported: spec.colour",
        ),
        step("get jobs -n shelf --field-selector=metadata.name=alpha,metadata.namespace=shelf -o name").out("job.batch/alpha"),
        step("get jobs -n nowhere").err("No resources found in nowhere namespace."),
    ]
}

fn named() -> Vec<Step> {
    vec![
        step("get job/alpha job/beta -n shelf -o name").out("job.batch/alpha\njob.batch/beta"),
        step("get jobs alpha none -n shelf")
            .exits(1)
            .out("NAME STATUS COMPLETIONS DURATION AGE\nalpha Complete 1/1 * *")
            .err("Error from server (NotFound): jobs.batch \"none\" not found"),
        step("get job none -n shelf --ignore-not-found").out(""),
        step("get jobs.v1.batch alpha -n shelf -o name").out("job.batch/alpha"),
        step("get jobs.batch/alpha -n shelf -o name").out("job.batch/alpha"),
        step("get po -n shelf -l job-name=alpha -o name").out("pod/alpha-?????").save("alpha"),
        step("get ns shelf -o name").out("namespace/shelf"),
        step("get --raw /apis/batch/v1/namespaces/shelf/jobs?limit=1").has("\"remainingItemCount\":1"),
        step("get --raw /apis/batch/v1/namespaces/shelf/jobs/none")
            .fails("Error from server (NotFound): jobs.batch \"none\" not found"),
        step("get --raw /apis/batch/v1/namespaces/shelf/nothing")
            .fails("Error from server (NotFound): the server could not find the requested resource"),
        step("get jobs alpha --all-namespaces")
            .fails("error: a resource cannot be retrieved by name across all namespaces"),
    ]
}
