//! `clock`: reading and moving the time of a local server.

use crate::e2e::step::{Step, step};

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    vec![
        step("clock now").exits(1).err_has("kubectl job server start --clock hybrid"),
        step("server start --clock hybrid").talks(),
        step("clock now").out("now 20*Z\nmode hybrid\n..."),
        step("clock advance 90m").has("ahead 90m"),
        step("clock now -o json").has("\"mode\": \"hybrid\""),
        step("clock advance -- -5m").exits(2).err_has("time does not run back"),
        step("clock advance soon").exits(2).err_has("invalid duration"),
        // Ten minutes and a half of back-off take as long as seven processes.
        step("run bad --image app -- false").exits(1).err_has("FAILED after 10m"),
        step("clock now --context x").exits(2).err_has("about the local server"),
        step("server stop").talks(),
        step("server start").talks(),
        step("clock advance 1h").exits(1).talks(),
    ]
}
