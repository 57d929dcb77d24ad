//! `sandbox`: a server for one command.

use std::os::unix::fs::symlink;
use std::{env, fs};

use anyhow::Context as _;

use crate::e2e::Context;
use crate::e2e::clients::Kubectl;
use crate::e2e::report::Report;
use crate::e2e::step::{Step, step};

/// Direct, and through kubectl.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("sandbox -- sh -c 'test -s $KUBECONFIG && test -d $KUBECTL_JOB_STATE_DIR && echo there'").out("there"),
        step("sandbox -- kubectl-job run pi --image busybox -- echo 3").out("3").talks(),
        step("sandbox -- kubectl-job get").err("No resources found in default namespace."),
        step("sandbox -- sh -c 'exit 7'").exits(7),
        step("sandbox -- sh -c 'kill -TERM $$'").exits(143),
        step("sandbox -- no-such-command").exits(127).err("error: no-such-command: not found"),
        step("sandbox").exits(2).err_has("COMMAND"),
        step("sandbox --server https://127.0.0.1:1 -- true").exits(2).err_has("a sandbox has a server of its own"),
        step("sandbox --map-image app:1.4 -- true").exits(2).err_has("\"app:1.4\" is no image rule"),
        step("sandbox --map-image app:1.4=echo -- kubectl-job run mapped --image app:1.4").out("").talks(),
        step("sandbox --clock hybrid -- sh -c 'kubectl-job run fails --image app --backoff-limit 3 -- false'")
            .exits(1)
            .talks(),
        step("sandbox --clock virtual -- sh -c 'kubectl-job clock advance 24h && kubectl-job clock now'")
            .has("*Z*")
            .talks(),
        // What runs beside it, in the background, ends with it: else this step would not end.
        step("sandbox -- sh -c 'sleep 600 & setsid sleep 600 & echo left'").out("left"),
    ]
}

/// A person's own kubectl inside.
///
/// # Errors
/// When no folder can be made, or the command cannot be started.
pub(super) fn with_kubectl(context: &Context<'_>, kubectl: &Kubectl, report: &mut Report) -> anyhow::Result<()> {
    report.group(&format!("kubectl-job sandbox, kubectl 1.{} inside", kubectl.minor));
    let mut session = super::person(&context.binary, u32::MAX)?;
    let programs = session.folder().join("programs");
    fs::create_dir(&programs)?;
    symlink(fs::canonicalize(&kubectl.program)?, programs.join("kubectl"))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [programs, context.binary.parent().context("a folder")?.to_owned()];
    let path = env::join_paths(folders.into_iter().chain(env::split_paths(&path)))?;
    session.set("PATH", &path.to_string_lossy());
    let create = "kubectl create job hi --image=busybox -- echo hi";
    let wait = "kubectl wait --for=condition=complete --timeout=60s job/hi";
    session.run(
        &[
            step(&format!("sandbox -- sh -c '{create} && {wait} && kubectl logs job/hi'"))
                .out("job.batch/hi created\njob.batch/hi condition met\nhi"),
            step("sandbox -- kubectl get jobs").err("No resources found in default namespace."),
            step("sandbox -- kubectl get job pi").exits(1).err_has("jobs.batch \"pi\" not found"),
            step("sandbox -- kubectl job run pi --image busybox -- echo 3").out("3").talks(),
        ],
        report,
    )
}
