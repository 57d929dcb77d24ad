//! What a kubelet does to containers that run: probes, lifecycle hooks, restart rules, ends, and containers that are added
//! to look at others.

use crate::e2e::report::Report;
use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// `BYE` is where a hook says that it has run.
const PODS: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: unready}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: busybox
    command: [sleep, "1000"]
    readinessProbe: {exec: {command: [test, -e, ready]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: restless}
spec:
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "if [ -e once ]; then touch well; fi; touch once; exec sleep 1000"]
    livenessProbe: {exec: {command: [test, -e, well]}, initialDelaySeconds: 1, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: hooked}
spec:
  containers:
  - name: main
    image: busybox
    command: [sleep, "1000"]
    lifecycle:
      postStart: {exec: {command: [touch, started]}}
      preStop: {exec: {command: [cp, started, BYE]}}
---
apiVersion: v1
kind: Pod
metadata: {name: broken}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [sleep, "1000"]
    lifecycle: {postStart: {exec: {command: ["false"]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: stubborn}
spec:
  terminationGracePeriodSeconds: 600
  containers:
  - {name: main, image: busybox, command: [sh, -c, "trap '' TERM; while :; do sleep 1000; done"]}
---
apiVersion: v1
kind: Pod
metadata: {name: ruled}
spec:
  restartPolicy: Never
  containers:
  - name: main
    image: busybox
    command: [sh, -c, "if [ -e once ]; then exit 0; fi; touch once; exit 42"]
    restartPolicy: Never
    restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]
"#;

/// Runs the checks.
///
/// # Errors
/// When kubectl cannot be started.
pub(super) fn run(session: &mut Session, report: &mut Report) -> anyhow::Result<()> {
    let bye = session.folder().join("bye");
    session.file("tended.yaml", &PODS.replace("BYE", &bye.display().to_string()))?;
    session.run(&[step("apply -f {work}/tended.yaml").out("...")], report)?;
    session.run(&probed(), report)?;
    session.run(&hooked(), report)?;
    let ran = if bye.exists() { Ok(()) } else { Err(format!("{} is not there", bye.display())) };
    report.check("a preStop hook has run before the pod was gone", ran);
    session.run(&looked_at(), report)?;
    asked(session, report)?;
    session.run(&ended(), report)
}

fn probed() -> Vec<Step> {
    vec![
        step("get pod unready").out("NAME READY STATUS RESTARTS AGE\nunready 0/1 Running 0 *").within(20),
        step("describe pod unready").has("*Unhealthy*Readiness probe failed:*").within(20),
        step("exec unready -- touch ready").out(""),
        step("wait --for=condition=ready pod/unready --timeout=20s").out("pod/unready condition met"),
        step("get pod unready").has("unready 1/1 Running 0 *"),
        step("exec unready -- rm ready").out(""),
        step("get pod unready").has("unready 0/1 Running 0 *").within(20),
        step("get pod restless -o jsonpath={.status.containerStatuses[0].restartCount}").out("1").within(20),
        step("get events --field-selector involvedObject.name=restless,reason=Killing -o jsonpath={.items[0].message}")
            .out("Container main failed liveness probe, will be restarted")
            .within(10),
        step("wait --for=condition=ready pod/restless --timeout=20s").out("pod/restless condition met"),
    ]
}

fn hooked() -> Vec<Step> {
    vec![
        step("wait --for=condition=ready pod/hooked --timeout=20s").out("pod/hooked condition met"),
        step("exec hooked -- ls started").out("started"),
        step("delete pod hooked").out("pod \"hooked\" deleted*"),
        step("get pod broken -o jsonpath={.status.phase}").out("Failed").within(20),
        step("get events --field-selector involvedObject.name=broken,reason=FailedPostStartHook -o jsonpath={.items[0].message}")
            .out("PostStartHook failed")
            .within(10),
        step("get pod ruled -o jsonpath={.status.phase},{.status.containerStatuses[0].restartCount}")
            .out("Succeeded,1")
            .within(20),
    ]
}

/// Ephemeral containers, in the form that servers speak since 1.23.
fn looked_at() -> Vec<Step> {
    vec![
        step("debug unready --image=busybox --container=look --target=main --profile=general -- sh -c 'echo looking; exec sleep 1000'")
            .out("Targeting container \"main\"*\n...")
            .talks()
            .since(32),
        step("logs unready -c look").out("looking").within(20).since(32),
        step("exec unready -c look -- echo inside").out("inside").since(32),
        step("get pod unready -o jsonpath={.status.ephemeralContainerStatuses[0].name},{.status.ephemeralContainerStatuses[0].restartCount}")
            .out("look,0")
            .since(32),
        step("describe pod unready").has("Ephemeral Containers:").has("*look:").since(32),
        step("get pod unready").has("unready 0/1 Running 0 *").since(32),
    ]
}

/// `debug -i` attaches to the container that it adds.
fn asked(session: &Session, report: &mut Report) -> anyhow::Result<()> {
    if session.minor() < 32 {
        return Ok(());
    }
    let line = "debug unready -i --image=busybox --container=ask --profile=general -- sh -c 'read x; echo got $x'";
    let outcome = session.outcome_with_input(line, b"it\n")?;
    let seen = outcome.succeeded() && outcome.stdout.contains("got it\n");
    report.check("debug -i joins the container that it adds", if seen { Ok(()) } else { Err(format!("{outcome:?}")) });
    Ok(())
}

fn ended() -> Vec<Step> {
    vec![
        step("get pod stubborn -o jsonpath={.status.phase}").out("Running").within(20),
        step("delete pod stubborn --wait=false").out("pod \"stubborn\" deleted*"),
        step("get pod stubborn").has("stubborn 1/1 Terminating 0 *"),
        // A later, shorter grace period wins.
        step("delete pod stubborn --grace-period=1").out("pod \"stubborn\" deleted*"),
        step("get pod stubborn").exits(1).err("Error from server (NotFound): pods \"stubborn\" not found"),
        step("delete pod restless --grace-period=0 --force").out("pod \"restless\" force deleted*").talks(),
        step("delete pod unready broken ruled").out("..."),
    ]
}
