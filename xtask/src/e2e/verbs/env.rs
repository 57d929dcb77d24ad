//! `env`: what a shell needs so that plain kubectl uses the local server.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("env").out("export KUBECONFIG='*/kubeconfig'").env("SHELL", "/bin/sh"),
        step("env").out("set -gx KUBECONFIG '*/kubeconfig'").env("SHELL", "/usr/bin/fish"),
        step("env --shell powershell").out("$Env:KUBECONFIG = '*/kubeconfig'"),
        step("env --shell tcsh").exits(2).err_has("fish"),
        step("env --path").out("*/kubeconfig").save("kubeconfig"),
        step("get --kubeconfig {kubeconfig}").err("No resources found in default namespace."),
        step("get")
            .err("No resources found in default namespace.")
            .env("KUBECTL_JOB_TARGET", "kubeconfig")
            .env("KUBECONFIG", "{kubeconfig}"),
        step("server status").has("running since").env("KUBECTL_JOB_TARGET", "kubeconfig"),
        step("env --context x").exits(2).err_has("about the local server"),
    ]
}
