//! `create KIND`, `run` and `expose`: with `--dry-run=client`, where kubectl itself writes the object; with
//! `--dry-run=server`, where the server checks and defaults it; and for good.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// Unlike upstream, roles bind nobody here, and the server says so whenever one is stored.
const UNENFORCED: &str =
    "Warning: this server stores RBAC objects but does not enforce them: everyone with its token may do everything";

/// What `--from-file` and its like read.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file("app.properties", "colour=blue\nsize=3\n")?;
    session.file("app.env", "COLOUR=blue\nSIZE=3\n")
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = configuration();
    steps.extend(workloads());
    steps.extend(access());
    steps.extend(others());
    steps
}

fn configuration() -> Vec<Step> {
    vec![
        step("create configmap made --from-file={work}/app.properties --dry-run=client -o yaml")
            .out("apiVersion: v1\ndata:\napp.properties: |\ncolour=blue\nsize=3\nkind: ConfigMap\nmetadata:\ncreationTimestamp: null\nname: made"),
        step("create configmap made --from-env-file={work}/app.env --dry-run=server -o jsonpath={.data.COLOUR}").out("blue"),
        step("create configmap made --from-file=key={work}/app.properties").out("configmap/made created"),
        step("get configmap made -o jsonpath={.data.key}").out("colour=blue\nsize=3"),
        step("create configmap made").fails("Error from server (AlreadyExists): configmaps \"made\" already exists").until(20),
        step("create configmap made").fails("error: failed to create configmap: configmaps \"made\" already exists").since(27),
        step("create configmap immutable --from-literal=a=b").out("configmap/immutable created"),
        step("patch configmap immutable -p '{\"immutable\":true}'").out("configmap/immutable patched"),
        step("patch configmap immutable -p '{\"data\":{\"a\":\"c\"}}'")
            .exits(1)
            .err_has("The ConfigMap \"immutable\" is invalid: data: Forbidden: field is immutable when `immutable` is set"),
        step("delete configmap made immutable").out("configmap \"made\" deleted*\nconfigmap \"immutable\" deleted*"),
        step("create secret generic made --from-literal=a=b --type=example.com/kind").out("secret/made created"),
        step("get secret made").out("NAME TYPE DATA AGE\nmade example.com/kind 1 *"),
        step("patch secret made -p '{\"type\":\"Opaque\"}'").exits(1).err_has("The Secret \"made\" is invalid: type: Invalid value: \"Opaque\": field is immutable"),
        step("patch secret made -p '{\"stringData\":{\"c\":\"d\"}}'").out("secret/made patched"),
        step("get secret made -o jsonpath={.data.c}{.stringData}").out("ZA=="),
        step("delete secret made").out("secret \"made\" deleted*"),
        step("create secret docker-registry pull --docker-server=example.com --docker-username=u --docker-password=p").out("secret/pull created"),
        step("get secret pull").out("NAME TYPE DATA AGE\npull kubernetes.io/dockerconfigjson 1 *"),
        step("delete secret pull").out("secret \"pull\" deleted*"),
        step("create secret generic basic --type=kubernetes.io/basic-auth --from-literal=a=b")
            .exits(1)
            .err_has("*Secret \"basic\" is invalid:*")
            .err_has("data[username]: Required value")
            .err_has("data[password]: Required value"),
    ]
}

fn workloads() -> Vec<Step> {
    vec![
        step("create namespace made --dry-run=server -o jsonpath={.metadata.labels}").has("kubernetes.io/metadata.name"),
        step("create namespace made --dry-run=client").out("namespace/made created (dry run)"),
        step("create serviceaccount made --dry-run=server").out("serviceaccount/made created (server dry run)"),
        step("create job made --image=busybox --dry-run=server -o jsonpath={.spec.backoffLimit}{.spec.template.spec.dnsPolicy} -- true").out("6ClusterFirst"),
        step("create job made --image=busybox --dry-run=client -o yaml -- true").has("restartPolicy: Never").has("image: busybox"),
        step("create job UPPER --image=busybox").exits(1).err_has("error: failed to create job: Job.batch \"UPPER\" is invalid: *metadata.name: Invalid value: \"UPPER\": a lowercase RFC 1123 subdomain must consist of *"),
        step("create job made").exits(1).err_has("error: *either --image or --from must be specified"),
        step("run made --image=busybox --restart=Never --dry-run=client -o yaml -- true").has("run: made").has("restartPolicy: Never"),
        step("run made --image=busybox --restart=Never --env=A=b --labels=app=made --port=80 --dry-run=server -o jsonpath={.spec.containers[0].env[0].value}{.metadata.labels.app}{.spec.containers[0].ports[0].protocol}")
            .out("bmadeTCP"),
        step("run made --image=busybox --restart=Never --overrides='{\"spec\":{\"terminationGracePeriodSeconds\":3}}' --dry-run=server -o jsonpath={.spec.terminationGracePeriodSeconds}").out("3"),
        step("run made --image=busybox --restart=Never --command -- echo ran").out("pod/made created"),
        step("run made --image=busybox").fails("Error from server (AlreadyExists): pods \"made\" already exists"),
        step("get pod made -o jsonpath={.status.phase}").out("Succeeded").within(20),
        step("logs made").out("ran"),
        step("delete pod made").out("pod \"made\" deleted*"),
    ]
}

fn access() -> Vec<Step> {
    vec![
        step("create role made --verb=get --resource=pods --dry-run=server").out("role.rbac.authorization.k8s.io/made created (server dry run)").err(UNENFORCED),
        step("create clusterrole made --verb=get --resource=nodes").out("clusterrole.rbac.authorization.k8s.io/made created").err(UNENFORCED),
        step("get clusterrole made").out("NAME CREATED AT\nmade 20*Z"),
        step("create clusterrolebinding made --clusterrole=made --user=me").out("clusterrolebinding.rbac.authorization.k8s.io/made created").err(UNENFORCED),
        step("get clusterrolebinding made").out("NAME ROLE AGE\nmade ClusterRole/made *"),
        step("create rolebinding made --clusterrole=made --group=us -o jsonpath={.roleRef.kind}").out("ClusterRole").err(UNENFORCED),
        step("get rolebinding made -o wide").out("NAME ROLE AGE USERS GROUPS SERVICEACCOUNTS\nmade ClusterRole/made * us"),
        step("delete rolebinding/made clusterrolebinding/made clusterrole/made")
            .out("rolebinding.rbac.authorization.k8s.io \"made\" deleted*\nclusterrolebinding.rbac.authorization.k8s.io \"made\" deleted*\nclusterrole.rbac.authorization.k8s.io \"made\" deleted*"),
    ]
}

fn others() -> Vec<Step> {
    vec![
        step("create quota made --hard=pods=5,configmaps=3 --dry-run=server -o jsonpath={.spec.hard.pods}").out("5"),
        step("create priorityclass made --value=5 --dry-run=server -o jsonpath={.preemptionPolicy}").out("PreemptLowerPriority"),
        step("create pdb made --selector=a=b --max-unavailable=1 --dry-run=server").out("poddisruptionbudget.policy/made created (server dry run)").since(21),
        step("create service clusterip made --tcp=80:8080").out("service/made created"),
        step("get service made").out("NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE\nmade ClusterIP *.*.*.* <none> 80/TCP *"),
        step("create service externalname away --external-name=example.com --dry-run=server").out("service/away created (server dry run)").err("Warning: spec.externalName: *"),
        step("create service nodeport node --tcp=80 --dry-run=server -o jsonpath={.spec.type}").out("NodePort"),
        step("delete service made").out("service \"made\" deleted*"),
        step("run exposed --image=busybox --restart=Never --port=80 -- sleep 600").out("pod/exposed created"),
        step("expose pod exposed --port=80 --name=front").out("service/front exposed"),
        step("get service front -o jsonpath={.spec.selector.run}").out("exposed"),
        step("delete pod/exposed service/front --now").out("pod \"exposed\" deleted*\nservice \"front\" deleted*"),
        step("create cronjob made --image=busybox --schedule='* * * *'")
            .exits(1)
            .err_has("*CronJob.batch \"made\" is invalid: spec.schedule: Invalid value: \"* * * *\": expected exactly 5 fields, found 4: [* * * *]"),
    ]
}
