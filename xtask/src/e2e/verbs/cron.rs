//! `cron`: the times to come, and a run by hand that is what `kubectl create job --from` makes.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// A CronJob beside a Job, since `run` wants a Job.
const MANIFEST: &str = "\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: '30 3 * * *'
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 600
  jobTemplate:
    metadata:
      labels: {team: data}
    spec:
      backoffLimit: 0
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: app
            image: app:1
            command: [sh, -c, 'echo from cron, $WHO']
            env: [{name: WHO, value: me}]
---
apiVersion: batch/v1
kind: Job
metadata:
  name: first
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: app
        image: app:1
        command: [echo, first]
";

/// Files for the steps.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file("both.yaml", MANIFEST)?;
    session.file("never.yaml", &MANIFEST.replace("30 3 * * *", "0 0 30 2 *"))?;
    session.file("cron.yaml", MANIFEST.split("---").next().unwrap_or_default())
}

/// On the local server.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = vec![
        step("cron next -f {work}/both.yaml --count 1 --tz UTC -q")
            .out("NEXT IN UTC\n??? 20*-*-* 0?:30:00 UTC * 20*T0?:30:00Z"),
        step("cron next -f {work}/never.yaml").err_has("it never runs"),
        step("cron next -f {work}/absent.yaml").exits(2).err_has("absent.yaml"),
        step("run -f {work}/cron.yaml").exits(2).err_has("kubectl job cron trigger nightly"),
    ];
    steps.extend(plain());
    steps.push(
        step("cron trigger nightly --name told --show-kubectl")
            .out("from cron, me")
            .err_has("+ kubectl get cronjobs/nightly -o json -n default"),
    );
    steps
}

/// On a real cluster.
pub(super) fn plain() -> Vec<Step> {
    let mut steps = vec![
        step("cron next nobody").exits(1).err("Error from server (NotFound): cronjobs.batch \"nobody\" not found"),
        step("run -f {work}/both.yaml").out("first").talks(),
        step("cron list").out(
            "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE\nnightly 30 3 * Europe/Berlin False 0 <none> *",
        ),
        step("get cj -o name").out("cronjob.batch/nightly"),
        step("get cj/nightly -o jsonpath={.spec.schedule}").out("30 3 * * *"),
    ];
    steps.extend(next());
    steps.extend(trigger());
    steps
}

fn next() -> Vec<Step> {
    vec![
        step("cron next nightly --count 2")
            .out("NEXT IN UTC\n??? * 03:30:00 CE*T * *\n??? * 03:30:00 CE*T * *")
            .err_has("nightly: 30 3 * * * (Europe/Berlin)")
            .err_has("concurrencyPolicy: Forbid: a run is skipped while")
            .err_has("startingDeadlineSeconds: 600: a run that cannot start within 600 s"),
        step("cron next nightly --count 1 -o json").has("\"timeZone\": \"Europe/Berlin\"").has(":30:00Z\""),
        step("cron next nightl").exits(1).err_has("did you mean nightly?"),
        step("cron next job/first").exits(2).err_has("only CronJobs have a schedule"),
        step("cron next nightly --tz Nowhere/Else").exits(2).err_has("unknown time zone Nowhere/Else"),
        step("suspend cj/nightly").out("cronjob.batch/nightly suspended").err_has("no Job is started any more"),
        step("cron next nightly").has("03:30:00").err_has("suspend: true: none of these runs"),
        step("resume cj/nightly").out("cronjob.batch/nightly resumed").err_has("kubectl job cron next nightly"),
    ]
}

fn trigger() -> Vec<Step> {
    let annotation = "jsonpath={.metadata.annotations.cronjob\\.kubernetes\\.io/instantiate}";
    vec![
        step("cron trigger nightly").out("from cron, me").talks(),
        step("cron trigger nightly --name again --env WHO=you").out("from cron, you").talks(),
        step(&format!("get again -o {annotation}")).out("manual"),
        step("get again -o jsonpath={.metadata.ownerReferences[0].kind}/{.metadata.ownerReferences[0].name}")
            .out("CronJob/nightly"),
        step("get again -o jsonpath={.metadata.labels.team}").out("data"),
        step("cron trigger nightly --name bad -- sh -c 'exit 3'").exits(1).err_has("BackoffLimitExceeded"),
        step("cron trigger nightly --dry-run -o jsonpath={.metadata.generateName}").out("nightly-manual-"),
        step("cron trigger nobody").exits(4).err_has("cronjobs.batch \"nobody\" not found"),
        step("cron trigger job/first").exits(2).err_has("kubectl job run --from job/first"),
        step("run copy --from cronjob/nightly -- echo other").out("other").talks(),
        step("run --from job/first").out("first").talks(),
        step("run --from first").exits(2).err_has("--from job/first"),
    ]
}
