//! Emptying a node: `cordon`, `drain` with a budget in the way, `uncordon`; and `taint`.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A pod that stays until it is told to go, and budgets over it.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file(
        "guarded.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: guarded\n  labels: {app: guarded}\nspec:\n  restartPolicy: Never\n  \
         terminationGracePeriodSeconds: 1\n  containers:\n  - name: main\n    image: sh\n    command: [sleep, '600']\n",
    )?;
    session.file(
        "budget.yaml",
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata:\n  name: guard\nspec:\n  minAvailable: 1\n  \
         selector:\n    matchLabels: {app: guarded}\n",
    )
}

/// The steps; the node takes pods again when they are done.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = guarded();
    steps.extend(drained());
    steps
}

fn guarded() -> Vec<Step> {
    vec![
        step("apply -f {work}/guarded.yaml").out("pod/guarded created"),
        step("wait --for=condition=Ready pod/guarded --timeout=30s").out("pod/guarded condition met"),
        step("apply --validate=false -f {work}/budget.yaml").out("poddisruptionbudget.policy/guard created"),
        step("get --raw /apis/policy/v1/namespaces/default/poddisruptionbudgets/guard")
            .has("*\"currentHealthy\":1*")
            .within(10),
        step("get nodes -o jsonpath={.items[0].metadata.name}").save("node").has("*"),
        step("drain {node} --pod-selector=app=guarded --force --timeout=2s")
            .exits(1)
            .talks()
            .has("*evicting pod default/guarded*"),
        step("get pod guarded -o jsonpath={.metadata.deletionTimestamp}").out(""),
    ]
}

fn drained() -> Vec<Step> {
    vec![
        step("delete --raw /apis/policy/v1/namespaces/default/poddisruptionbudgets/guard").has("*"),
        step("get node {node} -o jsonpath={.spec.unschedulable}").out("true"),
        step("drain {node} --pod-selector=app=guarded --force --timeout=30s").talks().has("pod/guarded evicted"),
        step("get pod guarded").fails("Error from server (NotFound): pods \"guarded\" not found"),
        step("uncordon {node}").out("node/* uncordoned"),
        step("cordon {node}").out("node/* cordoned"),
        step("uncordon {node}").out("node/* uncordoned"),
        step("get node {node} -o jsonpath={.spec.unschedulable}").out(""),
        step("taint node {node} reserved=e2e:PreferNoSchedule").out("node/* tainted"),
        step("get node {node} -o jsonpath={.spec.taints[*].key}={.spec.taints[*].value}:{.spec.taints[*].effect}")
            .out("reserved=e2e:PreferNoSchedule"),
        step("describe node {node}").has("Taints: reserved=e2e:PreferNoSchedule"),
        step("taint node {node} reserved=other:PreferNoSchedule")
            .exits(1)
            .err_has("already has reserved taint(s) with same effect(s) and --overwrite is false"),
        step("taint node {node} reserved-").out("node/* untainted"),
        step("get node {node} -o jsonpath={.spec.taints}").out(""),
    ]
}
