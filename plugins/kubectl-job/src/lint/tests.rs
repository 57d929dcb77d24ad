//! Each rule: a manifest that it finds, by line, and one that it passes over. What is missing is found at the first line
//! of what it is missing from.

use std::collections::BTreeSet;

use super::*;

/// A Job that no rule has anything to say of.
const CLEAN: &str = "\
apiVersion: batch/v1
kind: Job
metadata:
  name: clean
spec:
  backoffLimit: 2
  activeDeadlineSeconds: 60
  ttlSecondsAfterFinished: 60
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: app
        image: app:1.4
        command: [sh, -c, 'true']
        resources: {requests: {cpu: 100m}}
";

/// A CronJob that no rule has anything to say of.
const CLEAN_CRON: &str = "\
apiVersion: batch/v1
kind: CronJob
metadata:
  name: nightly
spec:
  schedule: '0 3 * * *'
  timeZone: Europe/Berlin
  concurrencyPolicy: Forbid
  jobTemplate:
    spec:
      backoffLimit: 2
      activeDeadlineSeconds: 60
      template:
        spec:
          restartPolicy: Never
          containers:
          - name: app
            image: app:1.4
            command: [sh]
            resources: {requests: {cpu: 100m}}
";

fn found(text: &str) -> Vec<(&'static str, u64)> {
    let document = explain::manifest::parse("job.yaml", text).expect("YAML").remove(0);
    findings(&document).iter().map(|finding| (finding.rule.id, finding.place.line)).collect()
}

/// The one finding that the change makes.
fn changed(clean: &str, from: &str, to: &str) -> Vec<(&'static str, u64)> {
    assert!(clean.contains(from), "{from}");
    found(&clean.replace(from, to))
}

fn job(from: &str, to: &str) -> Vec<(&'static str, u64)> {
    changed(CLEAN, from, to)
}

fn cron(from: &str, to: &str) -> Vec<(&'static str, u64)> {
    changed(CLEAN_CRON, from, to)
}

#[test]
fn nothing_is_found_where_nothing_is() {
    assert_eq!(found(CLEAN), []);
    assert_eq!(found(CLEAN_CRON), []);
}

#[test]
fn rules_about_the_life_of_a_job_find_their_line() {
    assert_eq!(job("Never", "Always"), [("restart-always", 11)]);
    assert_eq!(job("      restartPolicy: Never\n", ""), [("restart-always", 11)]);
    assert_eq!(job("Never", "OnFailure"), [("on-failure-loses-logs", 11)]);
    assert_eq!(job("  activeDeadlineSeconds: 60\n", ""), [("no-deadline", 6)]);
    assert_eq!(job("  ttlSecondsAfterFinished: 60\n", ""), [("no-ttl", 6)]);
    assert_eq!(job("  backoffLimit: 2\n", ""), [("default-backoff-limit", 6)]);
    assert_eq!(job("backoffLimit: 2", "backoffLimit: 2\n  suspend: true"), [("suspended", 7)]);
    assert_eq!(job("  name: clean", "  generateName: clean-"), [("generate-name", 4)]);
}

#[test]
fn rules_about_counts_find_their_line() {
    let with = |fields: &str| job("backoffLimit: 2", &format!("backoffLimit: 2\n  {fields}"));
    assert_eq!(with("parallelism: 3"), [("work-queue", 7)]);
    assert_eq!(with("completions: 3"), [("one-at-a-time", 7)]);
    assert_eq!(with("parallelism: 0"), [("parallelism-zero", 7)]);
    assert_eq!(with("completions: 2\n  parallelism: 5"), [("parallelism-over-completions", 8)]);
    assert_eq!(with("completions: 20000\n  parallelism: 5\n  completionMode: Indexed"), [("many-indexes", 7)]);
    assert_eq!(with("backoffLimitPerIndex: 1"), [("per-index-without-bound", 7)]);
    assert_eq!(with("manualSelector: true"), [("manual-selector", 7)]);
    assert_eq!(with("completions: 5\n  parallelism: 2"), []);
}

#[test]
fn rules_about_failure_policies_find_their_line() {
    let disruptions = "{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}";
    let with = |rules: &str| {
        job("backoffLimit: 2", &format!("backoffLimit: 2\n  podFailurePolicy:\n    rules:\n    - {rules}"))
    };
    let fail = |codes: &str| format!("{{action: FailJob, onExitCodes: {{operator: In, values: [{codes}]}}}}");
    assert_eq!(with(&fail("42")), [("failure-policy-disruptions", 9)]);
    assert_eq!(with(&format!("{disruptions}\n    - {}", fail("42"))), []);
    let twice = format!("{disruptions}\n    - {}\n    - {}", fail("1, 2"), fail("2"));
    assert_eq!(with(&twice), [("failure-policy-shadowed", 11)]);
    let late = format!("{}\n    - {disruptions}", fail("137"));
    assert_eq!(with(&late), [("failure-policy-signals", 9)]);
}

#[test]
fn rules_about_pods_find_their_line() {
    assert_eq!(job("app:1.4", "app"), [("latest-image", 14)]);
    assert_eq!(job("app:1.4", "registry:5000/app:latest"), [("latest-image", 14)]);
    assert_eq!(job("app:1.4", "registry:5000/app@sha256:ab"), []);
    assert_eq!(job("        resources: {requests: {cpu: 100m}}\n", ""), [("no-requests", 13)]);
    assert_eq!(job("        command: [sh, -c, 'true']\n", ""), [("no-command", 13)]);
    let secret = job("image: app:1.4", "image: app:1.4\n        env: [{name: DB_PASSWORD, value: x}]");
    assert_eq!(secret, [("plain-secret", 15)]);
    let two = CLEAN.replace(
        "      - name: app",
        "      - {name: b, image: 'b:1', command: [b], resources: {limits: {cpu: 1}}}\n      - name: app",
    );
    assert_eq!(found(&two), [("several-containers", 13)]);
    let policy = "backoffLimit: 2\n  podFailurePolicy: {rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}, {action: FailJob, onExitCodes: {operator: In, values: [3]}}]}";
    let both: Vec<_> = found(&two.replace("backoffLimit: 2", policy)).into_iter().map(|(id, _)| id).collect();
    assert_eq!(both, ["failure-policy-all-containers", "several-containers"]);
}

#[test]
fn rules_about_schedules_find_their_line() {
    assert_eq!(cron("Forbid", "Allow"), []);
    let endless = CLEAN_CRON.replace("      activeDeadlineSeconds: 60\n", "").replace("Forbid", "Allow");
    assert_eq!(found(&endless), [("cron-overlap", 8), ("no-deadline", 11)]);
    assert_eq!(cron("0 3 * * *", "0 3 13 * 5"), [("cron-days", 6)]);
    assert_eq!(cron("0 3 * * *", "*/7 * * * *"), [("cron-uneven-step", 6)]);
    assert_eq!(cron("0 3 * * *", "0 0 30 2 *"), [("cron-never", 6)]);
    assert_eq!(cron("  timeZone: Europe/Berlin\n", ""), [("cron-time-zone", 6)]);
    assert_eq!(cron("  jobTemplate", "  startingDeadlineSeconds: 5\n  jobTemplate"), [("cron-short-deadline", 9)]);
    assert_eq!(cron("  jobTemplate", "  failedJobsHistoryLimit: 0\n  jobTemplate"), [("cron-no-failed-history", 9)]);
}

#[test]
fn no_rule_is_named_twice_and_every_reason_is_a_clause() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        assert!(!rule.why.ends_with('.') && rule.why.len() > 20, "{}", rule.id);
    }
}

#[test]
fn each_field_has_its_fate() {
    let text =
        CLEAN.replace("resources: {requests: {cpu: 100m}}", "resources: {limits: {cpu: 1}}\n        volumeDevices: []");
    let document = explain::manifest::parse("job.yaml", &text).expect("YAML").remove(0);
    let cpu = "spec.template.spec.containers[0].resources.limits.cpu";
    let warnings = [format!("{cpu}: not honoured, pods are local processes (job.yaml:16)")];
    let fields = fields(&document, true, &warnings);
    let fate = |path: &str| fields.iter().find(|field| field.field == path).map(|field| (field.fate, field.place.line));
    assert_eq!(fate("spec.backoffLimit"), Some((Fate::Honoured, 6)));
    assert_eq!(fate("spec.template.spec.restartPolicy"), Some((Fate::Honoured, 11)));
    assert_eq!(fate("spec.template.spec.containers[0].image"), Some((Fate::Simulated, 14)));
    assert_eq!(fate("spec.template.spec.containers[0].volumeDevices"), Some((Fate::NotEnforced, 17)));
    assert_eq!(fate(cpu), Some((Fate::NotEnforced, 16)));
    let told = fields.iter().find(|field| field.field == cpu).expect("it is there");
    assert_eq!(told.text, "not honoured, pods are local processes");
}
