//! `logs` with every flag, on a pod of two containers, an init container and a restart.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// The pod: its init container prints; `one` fails at first and is restarted; `two` prints five lines.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    let mark = session.folder().join("failed-once").display().to_string();
    session.file(
        "talker.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: talker\n  labels: {{app: talker}}\nspec:\n  restartPolicy: OnFailure\n  initContainers:\n  \
             - {{name: before, image: busybox, command: [echo, prepared]}}\n  containers:\n  - name: one\n    image: busybox\n    command: [sh, \
             -c, 'if test -e {mark}; then echo better; else echo worse; touch {mark}; exit 1; fi']\n  - {{name: two, image: busybox, command: \
             [sh, -c, 'for i in 1 2 3 4 5; do echo line $i; done']}}\n"
        ),
    )
}

/// The steps.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = containers();
    steps.extend(flags());
    steps.extend(owners());
    steps
}

fn containers() -> Vec<Step> {
    let all = "line 1\nline 2\nline 3\nline 4\nline 5";
    vec![
        step("create -f {work}/talker.yaml").out("pod/talker created"),
        step("get pod talker -o jsonpath={.status.phase}").out("Succeeded").within(30),
        step("get pod talker").out("NAME READY STATUS RESTARTS AGE\ntalker 0/2 Completed 1 (* ago) *"),
        step("logs talker -c two").out(all),
        step("logs talker two").out(all),
        step("logs talker -c before").out("prepared"),
        step("logs talker -c one").out("better"),
        step("logs talker -c one -p").out("worse"),
        step("logs talker -c two --previous").fails("Error from server (BadRequest): previous terminated container \"two\" in pod \"talker\" not found"),
        step("logs talker").exits(1).err_has("error: a container name must be specified for pod talker, choose one of: [one two] or one of the init containers: [before]").until(20),
        step("logs talker").out("better").err("Defaulted container \"one\" out of: one, two, before (init)").since(27),
        step("logs talker -c none").exits(1).err_has("*container none is not valid for pod talker*"),
        step("logs talker --all-containers").has("prepared").has("better").has("line 5"),
        step("logs talker --all-containers --prefix").has("[pod/talker/before] prepared").has("[pod/talker/two] line 3"),
    ]
}

fn flags() -> Vec<Step> {
    vec![
        step("logs talker -c two --tail=2").out("line 4\nline 5"),
        step("logs talker -c two --tail=0").out(""),
        step("logs talker -c two --limit-bytes=9").out("line 1\nli"),
        step("logs talker -c two --since=1h").has("line 1"),
        step("logs talker -c two --since-time=2020-01-01T00:00:00Z --tail=1").out("line 5"),
        step("logs talker -c two --since-time=2199-01-01T00:00:00Z").out(""),
        step("logs talker -c two --timestamps --tail=1").out("20??-??-??T??:??:??*Z line 5"),
        step("logs talker -c two -f").has("line 5"),
        step("logs -l app=talker -c two").out("line 1\nline 2\nline 3\nline 4\nline 5"),
        step("logs -l app=talker -c two --tail=1 --prefix").out("[pod/talker/two] line 5"),
        step("logs -l app=none").out("").until(20),
        step("logs -l app=none").err("No resources found in default namespace.").since(27),
        // kubectl 1.20 lets the server speak, newer ones add the namespace.
        step("logs none").exits(1).err_has("rror from server (NotFound): pods \"none\" not found"),
        step("logs talker -c two --since=1h --since-time=2020-01-01T00:00:00Z").fails("error: at most one of `sinceTime` or `sinceSeconds` may be specified"),
        step("get --raw /api/v1/namespaces/default/pods/talker/log?container=two&tailLines=1").out("line 5"),
        step("get --raw /api/v1/namespaces/default/pods/talker/log?container=two&tailLines=-1").exits(1).err_has("*tailLines: Invalid value: -1: must be greater than or equal to 0"),
        step("get --raw /api/v1/namespaces/default/pods/talker/log").fails(
            "Error from server (BadRequest): a container name must be specified for pod talker, choose one of: [before one two]",
        ),
        step("get --raw /api/v1/namespaces/default/pods/talker/log?container=none")
            .fails("Error from server (BadRequest): container none is not valid for pod talker"),
        step("delete pod talker").out("pod \"talker\" deleted*"),
    ]
}

fn owners() -> Vec<Step> {
    vec![
        step("logs job/alpha -n shelf").out("a"),
        step("logs jobs/beta -n shelf --tail=1").out("b"),
        // kubectl asks for the pods in the order of a Go map, which is none.
        step("logs -l job-name -n shelf --prefix").has("[pod/alpha-?????/alpha] a").has("[pod/beta-?????/beta] b"),
        step("logs -l job-name -n shelf --max-log-requests=1 -f")
            .exits(1)
            .err_has("error: you are attempting to follow 2 log streams, but maximum allowed concurrency is 1, use --max-log-requests to increase the limit"),
        step("logs job/none -n shelf").exits(1).err_has("rror from server (NotFound): jobs.batch \"none\" not found"),
    ]
}
