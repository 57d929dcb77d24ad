//! `delete` with every way to say what and how; the cascades are another list's.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// What `delete -f` reads.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file("scrap.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: scrap}\n")
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = configuration();
    steps.extend(pods());
    steps.extend(namespace());
    steps
}

fn configuration() -> Vec<Step> {
    vec![
        step("create namespace scrapyard").out("namespace/scrapyard created"),
        step("create configmap a -n scrapyard").out("configmap/a created"),
        step("create configmap b -n scrapyard").out("configmap/b created"),
        step("label configmap a b -n scrapyard old=yes").out("configmap/a labeled\nconfigmap/b labeled"),
        step("delete configmap a -n scrapyard --dry-run=client").out("configmap \"a\" deleted* (dry run)"),
        step("delete configmap a -n scrapyard --dry-run=server").out("configmap \"a\" deleted* (server dry run)"),
        step("get configmap a -n scrapyard -o name").out("configmap/a"),
        step("delete configmaps -l old=no -n scrapyard").out("No resources found").talks(),
        step("delete configmaps -l old=yes -n scrapyard -o name").out("configmap/a\nconfigmap/b"),
        step("create secret generic c -n scrapyard").out("secret/c created"),
        step("create secret generic d -n scrapyard").out("secret/d created"),
        step("delete secrets --all -n scrapyard --wait=false").out("secret \"c\" deleted*\nsecret \"d\" deleted*"),
        step("create -f {work}/scrap.yaml").out("configmap/scrap created"),
        step("delete -f {work}/scrap.yaml").out("configmap \"scrap\" deleted*"),
        step("delete -f {work}/scrap.yaml").exits(1).err_has("Error from server (NotFound): error when deleting \"{work}/scrap.yaml\": configmaps \"scrap\" not found"),
        step("delete -f {work}/scrap.yaml --ignore-not-found").out(""),
        step("create -f {work}/scrap.yaml").out("configmap/scrap created"),
        step("delete --raw /api/v1/namespaces/default/configmaps/scrap").has("\"status\":\"Success\""),
        step("delete configmap scrap other").exits(1).err("Error from server (NotFound): configmaps \"scrap\" not found\nError from server (NotFound): configmaps \"other\" not found"),
        step("delete configmaps").fails("error: resource(s) were provided, but no name, label selector, or --all flag specified").until(25),
        step("delete configmaps").fails("error: resource(s) were provided, but no name was specified").since(26),
        step("delete namespace default").exits(1).err_has("Error from server (Forbidden): namespaces \"default\" is forbidden: this namespace may not be deleted"),
    ]
}

fn pods() -> Vec<Step> {
    let run = |name: &str| {
        step(&format!("run {name} -n scrapyard --image=busybox --restart=Never -- sleep 600"))
            .out(&format!("pod/{name} created"))
    };
    vec![
        run("forced"),
        run("now"),
        run("graced"),
        run("left"),
        step("run failed -n scrapyard --image=busybox --restart=Never --command -- sh -c 'exit 1'").out("pod/failed created"),
        step("wait --for=condition=ready pod/forced pod/now pod/graced pod/left -n scrapyard --timeout=20s").out(
            "pod/forced condition met\npod/now condition met\npod/graced condition met\npod/left condition met",
        ),
        step("delete pod forced -n scrapyard --grace-period=0 --force")
            .out("pod \"forced\" force deleted*")
            .err_has("warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. *")
            .until(26),
        step("delete pod forced -n scrapyard --grace-period=0 --force")
            .out("pod \"forced\" force deleted*")
            .err_has("Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated. *")
            .since(27),
        step("delete pod now -n scrapyard --now").out("pod \"now\" deleted*"),
        step("delete pod graced -n scrapyard --grace-period=1").out("pod \"graced\" deleted*"),
        step("get pods now graced forced -n scrapyard --ignore-not-found").out(""),
        step("delete pod left -n scrapyard --grace-period=1 --wait=false").out("pod \"left\" deleted*"),
        step("wait --for=delete pod/left -n scrapyard --timeout=20s").talks().within(0).since(27),
        step("get pods -n scrapyard -o name").out("pod/failed").within(10),
        step("get pods failed -n scrapyard").out("NAME READY STATUS RESTARTS AGE\nfailed 0/1 Error 0 *").within(10),
        step("delete pods --field-selector=status.phase=Failed -n scrapyard").out("pod \"failed\" deleted*"),
    ]
}

fn namespace() -> Vec<Step> {
    vec![
        step("create job last -n scrapyard --image=busybox -- sleep 600").out("job.batch/last created"),
        step("get pods -n scrapyard -o jsonpath={.items[*].status.phase}").out("Running").within(10),
        step("delete job,pod --all -n scrapyard --grace-period=1")
            // Its pod may be gone before kubectl asks for pods.
            .has("job.batch \"last\" deleted*")
            .talks(),
        step("delete namespace scrapyard").out("namespace \"scrapyard\" deleted"),
        step("get all -n scrapyard").err("No resources found in scrapyard namespace."),
    ]
}
