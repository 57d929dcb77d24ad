//! `completion`: scripts, and a real kubectl that completes `kubectl job` through `kubectl_complete-job`.

use anyhow::Context as _;

use super::super::Context;
use super::super::clients::Kubectl;
use super::super::report::Report;
use super::{path_with, person};
use crate::e2e::step::{Step, step};

/// It needs no server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("completion bash").has("complete *kubectl-job").talks(),
        step("completion zsh").has("#compdef kubectl-job").talks(),
        step("completion fish").has("complete -c kubectl-job").talks(),
        step("completion powershell").has("Register-ArgumentCompleter").talks(),
        step("completion nonsense").exits(2).talks(),
        step("completion install --dir {work}").exits(1).err_has("{work} is not on PATH"),
        step("completion install --dir {work}/absent").exits(1).err_has("choose a directory of PATH with --dir"),
    ]
}

/// What a shell asks kubectl, which asks the shim.
fn asked() -> Vec<Step> {
    vec![
        step("job completion install --dir {work}/shims")
            .err_has("{work}/shims/kubectl_complete-job completes kubectl job"),
        step("job completion install --dir {work}/shims").err_has("kubectl's own completion must be on"),
        step("__complete job resu").out("resume Let suspended Jobs go on\n:4").talks(),
        step("__complete job run --restart ''").has("OnFailure ").talks(),
        // No server runs yet, and none is started for it.
        step("__complete job logs ''").out(":4").talks(),
        step("job server status").exits(1).talks(),
        step("job run hello --image app -- true").talks(),
        step("job run bad --image app --backoff-limit 0 -- false").exits(1).talks(),
        step("__complete job logs he").out("hello Complete * created * ago\n:4").talks(),
        step("__complete job wait ''").has("bad Failed * BackoffLimitExceeded").has("@last the newest: ").talks(),
        step("__complete job get -n kube-s").has("kube-system").talks(),
        step("__complete job run --from job/h").has("job/hello").talks(),
        step("__complete job get -n kube-system ''").out(":4").talks(),
        step("__complete job run --image x -- ''").has(":0").talks(),
    ]
}

/// Completes through a kubectl that is new enough.
///
/// # Errors
/// When a command cannot be started.
pub(super) fn through_kubectl(context: &Context<'_>, kubectl: &Kubectl, report: &mut Report) -> anyhow::Result<()> {
    const COMPLETES_SINCE: u32 = 26;
    if kubectl.minor < COMPLETES_SINCE {
        return Ok(());
    }
    report.group(&format!("kubectl 1.{} __complete job", kubectl.minor));
    let mut session = person(&kubectl.program, kubectl.minor)?;
    let shims = session.folder().join("shims");
    std::fs::create_dir(&shims)?;
    let shims = shims.to_str().context("a folder whose name is UTF-8")?.to_owned();
    session.set("PATH", &format!("{shims}:{}", path_with(&context.binary)?));
    session.run(&asked(), report)?;
    session.outcome("job server stop")?;
    Ok(())
}
