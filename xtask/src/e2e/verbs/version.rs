//! `version`: no server is started to ask it.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("version")
            .out("Client Version: v*.*.*\nKubernetes Profile: v1.36\nServer Version: none, no local server runs"),
        step("server status").exits(1).talks(),
        step("version --client").out("Client Version: v*.*.*\nKubernetes Profile: v1.36"),
        step("server start").talks(),
        step("version").has("Server Version: v1.36*(local)"),
        step("version -o json").has("\"kubernetesProfile\": \"v1.36\"").has("\"gitVersion\": \"v1.36"),
        step("version -o yaml").has("serverVersion:"),
        step("version --kubeconfig {work}/absent").exits(3).has("Client Version").talks(),
        step("--version").out("kubectl-job *.*.*"),
    ]
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    vec![step("version").has("Server Version: v1.36*"), step("version --client").has("Client Version")]
}
