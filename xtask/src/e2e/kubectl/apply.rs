//! Server-side apply with stock kubectl: creation, conflicts, force, shared fields, diffs, dry runs, and the ways to and
//! from client-side apply.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// ConfigMaps in several versions.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let config = |name: &str, data: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata: {{{data}}}\n")
    };
    session.file("ssa.yaml", &config("ssa", "a: one, b: two"))?;
    session.file("ssa-changed.yaml", &config("ssa", "a: changed, b: two"))?;
    session.file("ssa-second.yaml", &config("ssa", "b: two, c: three"))?;
    session.file("ssa-fewer.yaml", &config("ssa", "b: two"))?;
    session.file("fresh.yaml", &config("fresh", "a: one"))?;
    session.file("moved.yaml", &config("moved", "a: one"))?;
    session.file("moved-changed.yaml", &config("moved", "a: two"))?;
    session.file(
        "status.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: stated}\nstatus:\n  conditions:\n  - {type: Told, status: 'True', reason: ByHand, \
         message: said so, lastTransitionTime: '2026-01-01T00:00:00Z'}\n",
    )?;
    session.script("widen", "sed -i 's/  a: one/  a: wide/' \"$1\"")?;
    session.file("unknown.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: unknown\nfoo: bar\n")
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = owned();
    steps.extend(shared());
    steps.extend(migrated());
    steps.extend(status());
    steps.extend(edited());
    steps.extend(refused());
    steps
}

fn owned() -> Vec<Step> {
    vec![
        step("apply --server-side -f {work}/ssa.yaml").out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.metadata.resourceVersion}").save("revision"),
        step("apply --server-side -f {work}/ssa.yaml").out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.metadata.resourceVersion}").out("{revision}"),
        step(
            "get configmap ssa -o jsonpath={.metadata.managedFields[*].manager}:{.metadata.managedFields[*].operation}",
        )
        .out("kubectl:Apply"),
        step("get configmap ssa -o jsonpath={.metadata.managedFields[0].fieldsV1}")
            .out("{\"f:data\":{\"f:a\":{},\"f:b\":{}}}"),
        step("get configmap ssa -o yaml --show-managed-fields").since(21).has("  managedFields:"),
        step("patch configmap ssa --type=merge -p '{\"data\":{\"a\":\"other\"}}' --field-manager=intruder")
            .out("configmap/ssa patched"),
        step("apply --server-side -f {work}/ssa.yaml")
            .exits(1)
            .err_has("error: Apply failed with 1 conflict: conflict with \"intruder\" using v1: .data.a"),
        step("get configmap ssa -o jsonpath={.data.a}").out("other"),
        step("apply --server-side --force-conflicts -f {work}/ssa.yaml").out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.data.a}:{.metadata.managedFields[*].manager}").out("one:kubectl"),
        step("diff --server-side -f {work}/ssa-changed.yaml").exits(1).has("-  a: one").has("+  a: changed"),
        step("diff --server-side -f {work}/ssa.yaml").out(""),
    ]
}

fn shared() -> Vec<Step> {
    vec![
        step("apply --server-side --field-manager=second -f {work}/ssa-second.yaml")
            .out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.data}").out("{\"a\":\"one\",\"b\":\"two\",\"c\":\"three\"}"),
        step("apply --server-side --field-manager=second -f {work}/ssa-changed.yaml")
            .exits(1)
            .err_has("error: Apply failed with 1 conflict: conflict with \"kubectl\": .data.a"),
        step("apply --server-side -f {work}/ssa-fewer.yaml").out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.data}").out("{\"b\":\"two\",\"c\":\"three\"}"),
        step("apply --server-side --field-manager=second -f {work}/ssa-fewer.yaml")
            .out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.data}").out("{\"b\":\"two\"}"),
        step("label configmap ssa by=hand").out("configmap/ssa labeled"),
        step("apply --server-side -f {work}/ssa.yaml").out("configmap/ssa serverside-applied"),
        step("get configmap ssa -o jsonpath={.metadata.labels.by}").out("hand"),
    ]
}

fn migrated() -> Vec<Step> {
    vec![
        step("apply -f {work}/moved.yaml").out("configmap/moved created"),
        step("get configmap moved -o jsonpath={.metadata.managedFields[*].manager}").out("kubectl-client-side-apply"),
        // What client-side apply set is no conflict for `kubectl`, and the annotation follows.
        step("apply --server-side -f {work}/moved-changed.yaml").out("configmap/moved serverside-applied").talks(),
        step("get configmap moved -o jsonpath={.data.a}").out("two"),
        step("get configmap moved -o yaml").has("*\"data\":{\"a\":\"two\"}*"),
        step("apply -f {work}/moved.yaml").out("configmap/moved configured"),
        step("get configmap moved -o jsonpath={.data.a}").out("one"),
        step("apply --server-side --force-conflicts -f {work}/moved.yaml")
            .out("configmap/moved serverside-applied")
            .talks(),
        step("apply -f {work}/ssa.yaml").out("configmap/ssa configured").talks(),
        step("apply --server-side -f {work}/ssa.yaml").out("configmap/ssa serverside-applied").talks(),
        step("apply --server-side -f {jobs}/job-suspended.yaml").out("job.batch/job-suspended serverside-applied"),
        step("apply --server-side -f {jobs}/job-suspended.yaml").out("job.batch/job-suspended serverside-applied"),
        step("delete job job-suspended").out("job.batch \"job-suspended\" deleted*"),
    ]
}

/// `--subresource` came to `apply` with kubectl 1.32; the spec and labels of what is applied there do not count.
fn status() -> Vec<Step> {
    vec![
        step("create namespace stated").out("namespace/stated created").since(32),
        step("apply --server-side --subresource=status --field-manager=teller -f {work}/status.yaml")
            .out("namespace/stated serverside-applied")
            .since(32),
        step("get namespace stated -o jsonpath={.status.conditions[*].reason}").out("ByHand").since(32),
        step("get namespace stated -o 'jsonpath={range .metadata.managedFields[?(@.manager==\"teller\")]}{.operation}/{.subresource}{end}'")
            .out("Apply/status")
            .since(32),
        step("delete namespace stated").out("namespace \"stated\" deleted").since(32),
    ]
}

/// What `edit` changes belongs to the manager that it names.
fn edited() -> Vec<Step> {
    vec![
        step("edit configmap ssa --field-manager=editor").env("KUBE_EDITOR", "{work}/widen").out("configmap/ssa edited"),
        step("get configmap ssa -o 'jsonpath={range .metadata.managedFields[?(@.manager==\"editor\")]}{.operation}:{.fieldsV1}{end}'")
            .out("Update:{\"f:data\":{\"f:a\":{}}}"),
        step("apply --server-side -f {work}/ssa.yaml")
            .exits(1)
            .err_has("error: Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.a"),
    ]
}

fn refused() -> Vec<Step> {
    vec![
        step("apply --server-side --dry-run=server -f {work}/fresh.yaml").out("configmap/fresh serverside-applied (server dry run)"),
        step("get configmap fresh").fails("Error from server (NotFound): configmaps \"fresh\" not found"),
        step("apply --server-side --validate=false -f {work}/unknown.yaml").fails(
            "Error from server: failed to create typed patch object (default/unknown; /v1, Kind=ConfigMap): .foo: field not declared in schema",
        ),
        step("delete configmap ssa moved").out("configmap \"ssa\" deleted*\nconfigmap \"moved\" deleted*"),
    ]
}
