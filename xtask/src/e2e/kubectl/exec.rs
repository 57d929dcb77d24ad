//! Commands in containers: `exec` and `attach`, with and without input and a terminal. Old kubectls speak SPDY, new ones
//! WebSockets.

use std::process::Command;
use std::time::Duration;

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};
use crate::shell::{self, Outcome};

/// How long a stream may take to show what it must.
const LIMIT: Duration = Duration::from_secs(20);

/// A pod whose container runs until it is told to end, one with two containers, and one that echoes what it reads.
const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: shelled}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "echo begun; trap 'exit 0' TERM; while :; do sleep 0.05; done"]
    env: [{name: WORD, value: "of its own"}]
---
apiVersion: v1
kind: Pod
metadata: {name: pair}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {name: a, image: busybox, command: [sleep, "1000"]}
  - {name: b, image: busybox, command: [sleep, "1000"]}
---
apiVersion: v1
kind: Pod
metadata: {name: echoing}
spec:
  restartPolicy: Never
  containers:
  - {name: cat, image: busybox, stdin: true, stdinOnce: true, command: [sh, -c, "cat; echo ended"]}
"#;

/// Runs the checks.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    session.file("shelled.yaml", PODS)?;
    session.run(&steps(), report)?;
    input(session, report)?;
    terminal(session, report)?;
    attach(session, report)?;
    session.run(&[step("delete pod shelled pair echoing").out("...")], report)
}

fn steps() -> Vec<Step> {
    let several = "a container name must be specified for pod pair, choose one of: [a b]";
    vec![
        step("apply -f {work}/shelled.yaml").out("...").within(20),
        step("wait --for=condition=ready pod shelled pair echoing --timeout=30s").out("..."),
        step("exec shelled -- sh -c 'echo out; echo err >&2'").out("out").err("err"),
        step("exec shelled -c main -- sh -c 'echo $WORD'").out("of its own"),
        step("exec shelled -- sh -c 'exit 7'").exits(7).err("command terminated with exit code 7"),
        step("exec shelled -- sh -c 'kill -KILL $$'").exits(137).err("command terminated with exit code 137"),
        step("exec shelled -- no-such-command")
            .exits(1)
            .err_has("\"no-such-command\": executable file not found in $PATH"),
        step("exec pair -c b -- echo b").out("b"),
        step("exec pair -c none -- true").exits(1).err_has("none"),
        step("exec none -- true").fails("Error from server (NotFound): pods \"none\" not found"),
        step("get --raw /api/v1/namespaces/default/pods/pair/exec?command=true&stdout=true").exits(1).err_has(several),
        step("get --raw /api/v1/namespaces/default/pods/shelled/exec?command=true&stdout=true")
            .exits(1)
            .err_has("Upgrade request required"),
    ]
}

fn is(outcome: &Outcome, stdout: &str) -> Result<(), String> {
    if outcome.succeeded() && outcome.stdout == stdout { Ok(()) } else { Err(format!("{outcome:?}")) }
}

fn input(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let outcome = session.outcome_with_input("exec -i shelled -- sh -c 'cat; echo ended'", b"one\ntwo\n")?;
    report.check("exec -i hands its input on, and its end", is(&outcome, "one\ntwo\nended\n"));
    let large = vec![b'x'; 1_000_000];
    let outcome = session.outcome_with_input("exec -i shelled -- wc -c", &large)?;
    report.check("exec -i hands a megabyte on", is(&outcome, "1000000\n"));
    let outcome = session.outcome("exec shelled -- head -c 3000000 /dev/zero")?;
    let whole = outcome.succeeded() && outcome.stdout.len() == 3_000_000;
    let why = || format!("{} bytes, {:?} {}", outcome.stdout.len(), outcome.code, outcome.stderr);
    report.check("exec brings three megabytes", if whole { Ok(()) } else { Err(why()) });
    Ok(())
}

/// `script` gives kubectl a terminal.
fn terminal(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let line = "exec -it shelled -- sh -c 'test -t 0 && test -t 1 && echo \"on a terminal of $(stty size), $TERM\"'";
    let command = session.command(line);
    let quoted = shell::quoted(&command);
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &format!("stty rows 31 cols 97; {quoted}"), "/dev/null"]);
    script.current_dir(session.folder());
    script.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let outcome = shell::capture(&mut script, LIMIT)?;
    // The size comes as a message of its own, which the command may overtake.
    let seen = ["31 97", "0 0"].iter().any(|size| outcome.stdout.contains(&format!("on a terminal of {size}, xterm")));
    report.check("exec -it has a terminal", if seen { Ok(()) } else { Err(format!("{outcome:?}")) });
    Ok(())
}

fn attach(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    let outcome = session.outcome_with_input("attach -i echoing", b"typed\n")?;
    let seen = outcome.succeeded() && outcome.stdout == "typed\nended\n";
    report.check("attach -i joins the input and both outputs", if seen { Ok(()) } else { Err(format!("{outcome:?}")) });
    let line =
        "run asked --image=busybox --restart=Never --attach --rm -i --quiet --command -- sh -c 'read x; echo got $x'";
    let outcome = session.outcome_with_input(line, b"it\n")?;
    let seen = outcome.succeeded() && outcome.stdout.contains("got it\n");
    report.check(
        "run --attach --rm -i is a pod for one question",
        if seen { Ok(()) } else { Err(format!("{outcome:?}")) },
    );
    Ok(())
}
