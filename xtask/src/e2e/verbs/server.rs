//! `server`: starting, looking and stopping; each is the same twice.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("server status").exits(1).err("no local server runs"),
        step("server status -o json").exits(1).out("{\n \"running\": false\n}"),
        step("server stop").err("no local server runs"),
        step("server start")
            .err("the local server (process *) listens on https://127.0.0.1:*\nfor kubectl: export KUBECONFIG=*"),
        step("server start").err_has("runs already on https://127.0.0.1:*"),
        step("server start --clock hybrid").exits(1).err_has("runs already").err_has("kubectl job server stop"),
        step("server status").out("running since *\naddress https://127.0.0.1:*\nkubeconfig *\nlog *\nclock real"),
        step("server status -o json").has("\"running\": true"),
        step("server stop").err("the local server (process *) has stopped, and every pod with it"),
        step("server status").exits(1).err("no local server runs"),
        step("server start --port 70000").exits(2).err_has("70000"),
        step("server start --map-image nonsense").exits(2).err_has("is no image rule"),
        step("server status --context x").exits(2).err_has("about the local server"),
        step("server start -q").err(""),
    ]
}
