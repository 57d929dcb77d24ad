//! The kinds around Jobs: ConfigMap, Secret, Namespace, ServiceAccount, Node, Event; and a Job that reads two of them.

use crate::e2e::step::{Step, step};

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = namespaced();
    steps.extend(namespaces());
    steps
}

fn namespaced() -> Vec<Step> {
    vec![
        step("create configmap settings --from-literal=colour=blue --from-literal=size=3").out("configmap/settings created"),
        step("get configmap settings").out("NAME DATA AGE\nsettings 2 *"),
        step("get configmap settings -o jsonpath={.data.colour}").out("blue"),
        step("create secret generic login --from-literal=password=hunter2").out("secret/login created"),
        step("get secret login").out("NAME TYPE DATA AGE\nlogin Opaque 1 *"),
        step("get secret login -o jsonpath={.data.password}").out("aHVudGVyMg=="),
        step("create serviceaccount robot").out("serviceaccount/robot created"),
        step("get serviceaccount robot -o name").out("serviceaccount/robot"),
        step("describe configmap settings").has("colour:").has("blue"),
        step("create job reader --image=busybox --dry-run=client -o json -- sh -c 'echo $COLOUR $PASSWORD'").save_file("reader.json").has("reader"),
        step(
            "patch --local -f {work}/reader.json --type=json -o json -p '[{\"op\":\"add\",\"path\":\"/spec/template/spec/containers/0/env\",\"value\":[\
             {\"name\":\"COLOUR\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"settings\",\"key\":\"colour\"}}},\
             {\"name\":\"PASSWORD\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"login\",\"key\":\"password\"}}}]}]'",
        )
        .save_file("reader.json")
        .has("COLOUR"),
        step("create -f {work}/reader.json").out("job.batch/reader created"),
        step("wait --for=condition=complete job/reader --timeout=30s").out("job.batch/reader condition met"),
        step("logs job/reader").out("blue hunter2"),
        step("delete configmap/settings secret/login job/reader serviceaccount/robot")
            .out("configmap \"settings\" deleted*\nsecret \"login\" deleted*\njob.batch \"reader\" deleted*\nserviceaccount \"robot\" deleted*"),
    ]
}

fn namespaces() -> Vec<Step> {
    vec![
        step("create namespace team").out("namespace/team created"),
        step("get namespace team").out("NAME STATUS AGE\nteam Active *"),
        step("get namespaces -o name").has("namespace/default").has("namespace/kube-system").has("namespace/team"),
        step("create job inside --image=busybox -n team -- true").out("job.batch/inside created"),
        step("get jobs --all-namespaces").has("NAMESPACE NAME STATUS COMPLETIONS DURATION AGE").has("team inside *"),
        step("get jobs -n team -o name").out("job.batch/inside"),
        step("delete namespace team").out("namespace \"team\" deleted"),
        step("get namespace team").fails("Error from server (NotFound): namespaces \"team\" not found"),
        step("create job inside --image=busybox -n team -- true").exits(1).err_has("namespaces \"team\" not found"),
        step("get nodes").has("NAME STATUS ROLES AGE VERSION").has("* Ready * v1.*"),
        step("get nodes -o jsonpath={.items[*].status.nodeInfo.kubeletVersion}").out("v1.*"),
        step("describe nodes").has("Kubelet Version: v1.*").has("Ready True *"),
    ]
}
