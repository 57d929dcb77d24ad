//! `doctor`: a line for each thing that Jobs need of the machine.

use crate::e2e::step::{Step, step};

/// It is about this machine.
pub(super) fn steps() -> Vec<Step> {
    let looked_at =
        ["proc", "pidfd", "open files", "processes", "port", "temporary", "state", "server", "start", "spawn"];
    let whole = looked_at.iter().fold(step("doctor"), |step, id| step.has(&format!("ok {id} ")));
    vec![
        whole.has(" sandboxes ").has(" perl ").has(" kubectl "),
        step("doctor -o json").has("\"checks\": [").has("\"worst\": \"*\""),
        step("doctor --context x").exits(2).err_has("doctor is about this machine"),
        step("server start").talks(),
        step("doctor").has("ok server process * runs, https://127.0.0.1:"),
    ]
}
