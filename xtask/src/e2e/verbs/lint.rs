//! `lint`: what becomes of each field, and what is likely to go wrong, by line.

use crate::e2e::session::Session;
use crate::e2e::step::{Step, step};

/// Foot-guns, and no error.
const LOOSE: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: loose
spec:
  parallelism: 0
  template:
    spec:
      restartPolicy: OnFailure
      containers:
      - name: app
        image: app
        resources: {limits: {cpu: 1}}
";

/// Files for the steps.
pub(super) fn files(session: &Session) -> anyhow::Result<()> {
    session.file("loose.yaml", LOOSE)?;
    session.file("always.yaml", &LOOSE.replace("OnFailure", "Always"))?;
    session.file("unknown.yaml", &LOOSE.replace("parallelism", "parallelizm"))?;
    let claim = "      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]\n";
    session.file("claim.yaml", &LOOSE.replace("        resources: {limits: {cpu: 1}}\n", claim))?;
    session.file("broken.yaml", "kind: [\n")?;
    std::fs::create_dir(session.folder().join("deploy"))?;
    session.file("deploy/job.yaml", LOOSE)?;
    session.file("deploy/notes.txt", "no manifest")
}

/// It needs no server but its own.
pub(super) fn steps() -> Vec<Step> {
    let loose = "*/loose.yaml";
    vec![
        step("lint -f {work}/loose.yaml")
            .has(&format!("{loose}:6: warning: parallelism is 0 [parallelism-zero]"))
            .has(&format!("{loose}:6: warning: there is no activeDeadlineSeconds [no-deadline]"))
            .has(&format!("{loose}:9: warning: restartPolicy is OnFailure [on-failure-loses-logs]"))
            .has(&format!("{loose}:12: warning: the image app has no tag [latest-image]"))
            .has(&format!("{loose}:12: simulated: spec.template.spec.containers[0].image"))
            .has(&format!("{loose}:13: not enforced: spec.template.spec.containers[0].resources.limits.cpu"))
            .has("Job loose: 0 errors * 4 warnings * 3 notes * not enforced"),
        step("lint -f {work}/loose.yaml --strict").exits(1).has("Job loose:"),
        step("lint -f {work}/loose.yaml --ignore parallelism-zero,no-ttl").has("3 warnings * 2 notes"),
        step("lint -f {work}/loose.yaml --ignore nonsense").exits(2).err_has("kubectl job lint --rules"),
        step("lint -f {work}/loose.yaml --all-fields").has(": honoured: spec.template.spec.restartPolicy"),
        step("lint -f {work}/always.yaml").exits(1).has(":9: error: restartPolicy is Always [restart-always]"),
        step("lint -f {work}/unknown.yaml").exits(1).has(":6: error: unknown field \"spec.parallelizm\"; did you mean parallelism? [refused]"),
        step("lint {work}/unknown.yaml").exits(2).err("error: files are named with -f: kubectl job lint -f {work}/unknown.yaml"),
        step("lint -f {work}/claim.yaml")
            .has("claim.yaml:13: never starts: spec.template.spec.volumes[0].persistentVolumeClaim * there are no claims here")
            .has("1 with which no pod starts"),
        step("lint -f {work}/claim.yaml --strict").exits(1).has("never starts"),
        step("lint -f {work}/broken.yaml").exits(2).err_has("broken.yaml:1"),
        step("lint -f {work}/absent.yaml").exits(2).err_has("does not exist"),
        step("lint -f {work}/deploy").has("deploy/job.yaml:6:"),
        step("lint -f -").input(LOOSE).has("STDIN:6: warning:"),
        step("lint -f {work}/loose.yaml -o json").has("\"rule\": \"no-deadline\"").has("\"line\": 6"),
        step("lint -f {work}/loose.yaml -o sarif").has("\"ruleId\": \"no-deadline\"").has("\"version\": \"2.1.0\""),
        step("lint --rules").has("no-deadline warning a pod that hangs"),
        step("lint").exits(2).err_has("--filename"),
        step("lint -f {work}/loose.yaml --context x").exits(2).err_has("lint looks at files"),
        step("run --ephemeral --strict -f {work}/loose.yaml").exits(2).err_has("resources.limits.cpu"),
    ]
}
