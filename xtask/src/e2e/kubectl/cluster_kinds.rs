//! The kinds that a cluster has besides its workloads: Services and endpoints, quotas and limits, budgets, classes,
//! roles; created, shown, described and enforced.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A LimitRange, which kubectl has no `create` for, and a Lease.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "limits.yaml",
        "apiVersion: v1\nkind: LimitRange\nmetadata:\n  name: limits\nspec:\n  limits:\n  - type: Container\n    default:\n      cpu: 500m\n    \
         defaultRequest:\n      cpu: 250m\n    max:\n      cpu: \"1\"\n",
    )?;
    session.file(
        "lease.yaml",
        "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata:\n  name: leader\nspec:\n  holderIdentity: me\n",
    )?;
    session.file(
        "runtime.yaml",
        "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata:\n  name: plain\nhandler: process\n",
    )
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![step("create namespace kinds").out("namespace/kinds created")];
    steps.extend(services());
    steps.extend(quotas());
    steps.extend(limits());
    steps.extend(classes());
    steps.extend(roles());
    steps.push(step("delete namespace kinds").out("namespace \"kinds\" deleted"));
    steps
}

fn services() -> Vec<Step> {
    vec![
        step("get service kubernetes").out("NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE\nkubernetes ClusterIP 127.*.0.1 <none> 443/TCP *"),
        step("get endpointslices kubernetes").out("NAME ADDRESSTYPE PORTS ENDPOINTS AGE\nkubernetes IPv4 * 127.0.0.1 *"),
        step("create service clusterip web --tcp=80:8080 -n kinds").out("service/web created"),
        step("create service nodeport out --tcp=81:8081 -n kinds").out("service/out created"),
        step("create service externalname there --external-name=example.com -n kinds").out("service/there created").err("Warning: spec.externalName: *"),
        step("get services -n kinds")
            .has("NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE")
            .has("out NodePort 127.* <none> 81:3*/TCP *")
            .has("there ExternalName <none> example.com <none> *")
            .has("web ClusterIP 127.* <none> 80/TCP *"),
        step("get svc web -n kinds -o wide").has("web ClusterIP 127.* <none> 80/TCP * app=web"),
        step("get svc -n kinds --field-selector spec.type=NodePort -o name").out("service/out"),
        step("patch service web -n kinds -p '{\"spec\":{\"clusterIP\":\"10.96.77.77\"}}'")
            .exits(1)
            .err_has("The Service \"web\" is invalid: spec.clusterIPs[0]: Invalid value: *: may not change once set"),
        step("create service nodeport taken --tcp=82 --node-port=80 -n kinds")
            .exits(1)
            .err_has("*spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767"),
        step("run target --image=busybox --restart=Never --labels=app=web -n kinds --port=8080 -- sleep 100").out("pod/target created"),
        step("expose pod target --name=front --port=8080 -n kinds").out("service/front exposed"),
        step("get all -n kinds").has("pod/target *").has("service/web ClusterIP *").has("service/front ClusterIP *"),
        step("describe service front -n kinds").has("Name: front").has("Type: ClusterIP").has("IP: 127.*").has("Port: * 8080/TCP").talks(),
        step("create poddisruptionbudget budget --selector=app=web --min-available=1 -n kinds")
            .out("poddisruptionbudget.policy/budget created")
            .since(27),
        step("get pdb budget -n kinds").out("NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE\nbudget 1 N/A * *").since(27),
        step("describe pdb budget -n kinds").has("Name: budget").has("Min available: 1").since(27),
        step("delete pod target -n kinds --grace-period=0 --force").has("pod \"target\" *deleted*").talks(),
        step("delete service web out there front -n kinds").has("service \"web\" deleted*").has("service \"front\" deleted*"),
    ]
}

fn quotas() -> Vec<Step> {
    vec![
        step("create quota small --hard=pods=1,count/jobs.batch=1,secrets=5 -n kinds").out("resourcequota/small created"),
        step("get quota small -n kinds -o jsonpath={.status.used}").has("*\"pods\":\"0\"*").within(10),
        step("describe quota small -n kinds").has("Name: small").has("count/jobs.batch 0 1").has("pods 0 1").has("secrets 0 5"),
        step("run one --image=busybox --restart=Never -n kinds -- sleep 100").out("pod/one created"),
        step("run two --image=busybox --restart=Never -n kinds -- sleep 100").exits(1).err_has(
            "Error from server (Forbidden): pods \"two\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1",
        ),
        step("get quota small -n kinds -o jsonpath={.status.used.pods}").out("1"),
        step("create job first --image=busybox -n kinds -- true").out("job.batch/first created"),
        step("create job second --image=busybox -n kinds -- true").exits(1).err_has(
            "*jobs.batch \"second\" is forbidden: exceeded quota: small, requested: count/jobs.batch=1, used: count/jobs.batch=1, limited: count/jobs.batch=1",
        ),
        step("delete pod one -n kinds --grace-period=0 --force").has("pod \"one\" *deleted*").talks(),
        // The place is free again, and the Job's pod gets it.
        step("wait --for=condition=complete job/first -n kinds --timeout=60s").out("job.batch/first condition met"),
        step("get quota small -n kinds -o jsonpath={.status.used.pods}").out("0").within(10),
        step("delete job first -n kinds").out("job.batch \"first\" deleted*"),
        step("get quota small -n kinds -o jsonpath={.status.used.count/jobs\\.batch}").out("0").within(10),
        step("create quota wrong --hard=bananas=1 -n kinds")
            .exits(1)
            .err_has("*spec.hard[bananas]: Invalid value: \"bananas\": must be a standard resource type or fully qualified*"),
        step("delete quota small -n kinds").out("resourcequota \"small\" deleted*"),
    ]
}

fn limits() -> Vec<Step> {
    vec![
        step("apply -f {work}/limits.yaml -n kinds").out("limitrange/limits created"),
        step("get limits -n kinds").out("NAME CREATED AT\nlimits 20*T*Z"),
        step("describe limits limits -n kinds").has("Name: limits").has("Container cpu - 1 250m 500m -"),
        // The limit comes from the range, and is not honoured.
        step("run bounded --image=busybox --restart=Never -n kinds -- true")
            .out("pod/bounded created")
            .err_has("Warning: spec.containers[0].resources.limits.cpu: not honoured, pods are local processes"),
        step("get pod bounded -n kinds -o jsonpath={.spec.containers[0].resources.limits.cpu}:{.spec.containers[0].resources.requests.cpu}").out("500m:250m"),
        step("get pod bounded -n kinds -o jsonpath={.metadata.annotations.kubernetes\\.io/limit-ranger}")
            .out("LimitRanger plugin set: cpu request for container bounded; cpu limit for container bounded"),
        step(
            "run greedy --image=busybox --restart=Never -n kinds --overrides='{\"spec\":{\"containers\":[{\"name\":\"greedy\",\"image\":\"busybox\",\
             \"resources\":{\"limits\":{\"cpu\":\"2\"}}}]}}'",
        )
        .exits(1)
        .err_has("*pods \"greedy\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"),
        step("delete limitrange limits -n kinds").out("limitrange \"limits\" deleted*"),
        step("delete pod bounded -n kinds").out("pod \"bounded\" deleted*"),
    ]
}

fn classes() -> Vec<Step> {
    vec![
        step("get priorityclasses")
            .has("NAME VALUE GLOBAL-DEFAULT AGE*")
            .has("system-cluster-critical 2000000000 false *")
            .has("system-node-critical 2000001000 false *"),
        step("create priorityclass high --value=1000 --description=mine").out("priorityclass.scheduling.k8s.io/high created"),
        step("run important --image=busybox --restart=Never -n kinds --overrides='{\"spec\":{\"priorityClassName\":\"high\"}}' -- true")
            .out("pod/important created"),
        step("get pod important -n kinds -o jsonpath={.spec.priority}").out("1000"),
        step("run lost --image=busybox --restart=Never -n kinds --overrides='{\"spec\":{\"priorityClassName\":\"none\"}}' -- true")
            .exits(1)
            .err_has("*pods \"lost\" is forbidden: no PriorityClass with name none was found"),
        step("run nobody --image=busybox --restart=Never -n kinds --overrides='{\"spec\":{\"serviceAccountName\":\"nobody\"}}' -- true")
            .exits(1)
            .err_has("*error looking up service account kinds/nobody: serviceaccount \"nobody\" not found"),
        step("delete priorityclass high").out("priorityclass.scheduling.k8s.io \"high\" deleted*"),
        step("apply -f {work}/runtime.yaml").out("runtimeclass.node.k8s.io/plain created"),
        step("get runtimeclass plain").out("NAME HANDLER AGE\nplain process *"),
        step("delete runtimeclass plain").out("runtimeclass.node.k8s.io \"plain\" deleted*"),
        step("apply -f {work}/lease.yaml -n kinds").out("lease.coordination.k8s.io/leader created"),
        step("get lease leader -n kinds").out("NAME HOLDER AGE\nleader me *"),
    ]
}

fn roles() -> Vec<Step> {
    let created = |command: &str, what: &str| {
        step(command).out(what).err_has("Warning: this server stores RBAC objects but does not enforce them*")
    };
    vec![
        created("create role reader --verb=get,list --resource=pods -n kinds", "role.rbac.authorization.k8s.io/reader created"),
        created("create rolebinding readers --role=reader --user=jane -n kinds", "rolebinding.rbac.authorization.k8s.io/readers created"),
        created("create clusterrole lister --verb=list --resource=nodes", "clusterrole.rbac.authorization.k8s.io/lister created"),
        created(
            "create clusterrolebinding listers --clusterrole=lister --serviceaccount=kinds:default",
            "clusterrolebinding.rbac.authorization.k8s.io/listers created",
        ),
        step("get role reader -n kinds").out("NAME CREATED AT\nreader 20*T*Z"),
        step("get rolebinding readers -n kinds -o wide").out("NAME ROLE AGE USERS GROUPS SERVICEACCOUNTS\nreaders Role/reader * jane"),
        step("describe clusterrole lister").has("Name: lister").has("nodes [] [] [list]"),
        step("get clusterrolebinding listers -o wide").has("listers ClusterRole/lister * kinds/default"),
        step("delete clusterrolebinding/listers clusterrole/lister")
            .out("clusterrolebinding.rbac.authorization.k8s.io \"listers\" deleted\nclusterrole.rbac.authorization.k8s.io \"lister\" deleted"),
    ]
}
