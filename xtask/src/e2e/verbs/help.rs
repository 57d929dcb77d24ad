//! `help`: verbs and topics, and hints for slips.

use crate::e2e::step::{Step, step};

/// It needs no server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("help").has("Usage: kubectl job").has("Topics (kubectl job help TOPIC): exit-codes, fidelity, env"),
        step("help run").has("Usage: kubectl job run").has("kubectl job run hello --image busybox -- echo hi"),
        step("run --help").has("Examples:"),
        step("cron next -h").has("--tz"),
        step("help cron trigger").has("--env"),
        step("help exit-codes").has("124 --timeout elapsed"),
        step("help fidelity").has("kubectl job lint -f job.yaml"),
        step("help env").has("KUBECTL_JOB_STATE_DIR").has("on-interrupt"),
        step("help nonsense").exits(2).err("error: no verb or topic \"nonsense\"; topics: exit-codes, fidelity, env"),
        step("suspent").exits(2).err_has("'suspend'"),
        step("get --lables").exits(2).err_has("'--"),
        step("").exits(2).err_has("Usage: kubectl job"),
    ]
}
